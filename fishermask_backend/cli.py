"""The command line: `fishermask serve | worker | status | demo`."""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from fishermask_backend import __version__
from fishermask_backend.errors import FisherMaskError

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user's is one sentence and exit code 2."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.command != "demo":
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    try:
        return int(options.run(options, rest))
    except FisherMaskError as error:
        print(f"fishermask: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fishermask",
        description="Active learning for Label Studio. Settings are environment variables, or lines "
        "of a .env file in the working directory: see the README's table.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, run, text in (
        ("serve", serve, "answer Label Studio: the address to paste into its Model page"),
        ("worker", work, "train, compute FisherMask and publish the order"),
        ("status", show_status, "print what is known of every project, as JSON"),
        ("demo", demo, "a real Label Studio with images to try; `make demo` prepares for it"),
    ):
        command = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        command.set_defaults(run=run)
        if name == "status":
            command.add_argument("project", nargs="?", type=int, help="id in Label Studio")
    return parser


def serve(_options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Run the web server under gunicorn."""
    from fishermask_backend.settings import load_settings

    settings = load_settings()
    os.execvp(
        sys.executable,
        [
            sys.executable, "-m", "gunicorn", "fishermask_backend.app:create_app()",
            "--bind", f"{settings.host}:{settings.port}",
            "--workers", str(settings.workers),
            "--threads", str(settings.threads),
            "--worker-class", "gthread",
            "--timeout", "120",
            "--no-control-socket",  # it would be made in the home folder
            "--log-level", settings.log_level.lower(),
        ],
    )  # fmt: skip


def work(_options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Run a worker until it is told to stop."""
    from fishermask_backend.settings import load_settings

    settings = load_settings()  # before what takes seconds to import

    # Read when torch is imported. Threads that spin while they wait for each other make a round many
    # times slower where Label Studio, on the same cores, keeps one of them from running.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from fishermask_backend.store import Store
    from fishermask_backend.worker import Worker

    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    os.nice(10)  # the web process answers Label Studio while training takes every core
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        Worker(settings, Store(settings.database)).run()
    except SystemExit:
        logging.shutdown()
        os._exit(0)  # without waiting for downloads in other threads


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def show_status(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Print the status."""
    from fishermask_backend.status import project_status, projects_status

    found = projects_status() if options.project is None else project_status(options.project)
    if found is None:
        print(f"fishermask: project {options.project} is not connected.", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2, ensure_ascii=False))
    return 0


def demo(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Run the demo."""
    from fishermask_backend.demo import main as run_demo

    return run_demo(list(rest))


if __name__ == "__main__":
    raise SystemExit(main())
