"""How fast the Fisher engine is, and what its approximations cost: docs/benchmarks.md.

    python -m tests.benchmarks.engine                    # every part, then the page
    python -m tests.benchmarks.engine gradients page     # some parts; the page of what is there
    python -m tests.benchmarks.engine --quick            # a check that everything runs: minutes

Wants a machine that does nothing else, and an hour. Results rest in .benchmarks/engine/, one JSON
file a part. The options need Fashion-MNIST (Debian's `dataset-fashion-mnist`).
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the worker does, before torch is imported
