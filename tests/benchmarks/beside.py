"""A worker's computing, to measure beside: `python -m tests.benchmarks.beside` computes until ended.

Rounds over 10,000 images of the default head, one after the other, at the worker's priority.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from fishermask_backend.machine.priority import lower_own
from tests.this_machine import ROOT

COMPUTING = "computing"
IMAGES = 10_000


@contextmanager
def rounds_beside() -> Iterator[None]:
    """Have rounds computed meanwhile, in a session of their own as a worker's service has one."""
    command = [sys.executable, "-m", "tests.benchmarks.beside"]
    env = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == COMPUTING
            yield
            assert process.poll() is None, "the rounds beside have ended"
        finally:
            process.kill()


def main() -> None:
    """Compute until ended."""
    from tests.benchmarks.scaling import child

    lower_own()
    print(COMPUTING, flush=True)
    while True:
        child(IMAGES, 1)


if __name__ == "__main__":
    main()
