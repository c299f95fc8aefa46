"""The demo: a real Label Studio, the backend and its worker on this machine, with real images.

`make demo` makes the environments and runs `python -m fishermask_backend.demo`.
"""

from collections.abc import Sequence

from fishermask_backend.errors import FisherMaskError


class DemoError(FisherMaskError):
    """The demo cannot go on; the text says what is in the way and what to do about it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; answer the exit code."""
    # `environments` runs from this package too, before any package is installed.
    from fishermask_backend.demo.run import main as run

    return run(arguments)
