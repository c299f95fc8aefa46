"""How fast the Fisher engine is, and what its approximations cost: docs/benchmarks.md.

    python -m tests.benchmarks.engine                    # every part, then the page
    python -m tests.benchmarks.engine gradients page     # some parts; the page of what is there
    python -m tests.benchmarks.engine --quick            # a check that everything runs: minutes

Wants a machine that does nothing else. Needs what `BENCHMARK_PACKAGES` names beside the development
environment. Results rest in .benchmarks/engine/, one JSON file a part.
"""

BENCHMARK_PACKAGES = ("matplotlib", "scikit-activeml==1.0.1")
