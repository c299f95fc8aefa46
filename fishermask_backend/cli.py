"""The command line: `fishermask serve | worker | status | doctor | …`."""

import argparse
import json
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from fishermask_backend import __version__
from fishermask_backend.errors import FisherMaskError

if TYPE_CHECKING:  # the doctor imports torch, which takes seconds
    from fishermask_backend.doctor import Finding


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
        ("connect", add_to_project, "add this backend to a project, and check that it works"),
        (
            "doctor",
            examine,
            "check settings, machine, Label Studio and projects; say what to change",
        ),
        ("export", export_project, "write a project's classifier, labels and scores into a folder"),
        ("backup", back_up, "write database, weights and key into one file, while all runs"),
        ("restore", put_back, "make what `backup` wrote the state again; stop all before"),
        ("demo", demo, "a real Label Studio with images to try; `make demo` prepares for it"),
    ):
        command = commands.add_parser(name, help=text, description=text.capitalize() + ".")
        command.set_defaults(run=run)
        if name == "status":
            command.add_argument("project", nargs="?", type=int, help="id in Label Studio")
        if name == "doctor":
            command.add_argument("--project", type=int, help="id in Label Studio; all known ones")
            command.add_argument("--url", default="", help="where Label Studio calls this backend")
            command.add_argument("--json", action="store_true", help="a JSON object a line")
        if name == "connect":
            command.add_argument("--project", type=int, required=True, help="id in Label Studio")
            command.add_argument("--url", default="", help="BACKEND_URL, if that is not set")
        if name in ("backup", "restore"):
            command.add_argument("file", type=Path)
        if name == "backup":
            command.add_argument("--cache", action="store_true", help="the embedded images too")
        if name == "restore":
            command.add_argument("--force", action="store_true", help="replace what is there")
        if name == "export":
            command.add_argument("--project", type=int, required=True, help="id in Label Studio")
            command.add_argument(
                "--output", type=Path, help="an empty folder, or a new one; fishermask-project-<id>"
            )
    return parser


def serve(_options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Run the web server under gunicorn."""
    from fishermask_backend.settings import load_settings
    from fishermask_backend.state import METRICS
    from fishermask_backend.store import Store

    settings = load_settings()
    Store(settings.database).close()  # what is wrong with it is a sentence here, and a trace later
    if settings.workers > 1:
        _share_figures(settings.model_dir / METRICS)
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
            "--logger-class", "fishermask_backend.logs.ServerLog",
            "--log-level", settings.log_level.lower(),
        ],
    )  # fmt: skip


def _share_figures(folder: Path) -> None:
    """Let the web processes count their requests in files, of which each can tell the sum."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)


def work(_options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Run a worker until it is told to stop."""
    from fishermask_backend.settings import load_settings

    settings = load_settings()  # before what takes seconds to import

    # Read when torch is imported. Threads that spin while they wait for each other make a round many
    # times slower where Label Studio, on the same cores, keeps one of them from running.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from fishermask_backend import allocator

    allocator.share_one_arena()
    from fishermask_backend import logs, priority
    from fishermask_backend.loop import Worker
    from fishermask_backend.step import Memory, do_step
    from fishermask_backend.store import Store

    logs.configure(settings)
    priority.lower_own()  # the web process answers Label Studio while training takes every core
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        step = partial(do_step, memory=Memory(settings))
        Worker(settings, Store(settings.database), step).run()
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


def examine(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Look whether all is well; 1 if something is not."""
    from fishermask_backend.doctor import examine as findings

    return _tell(findings(options.project, options.url), as_json=options.json)


def add_to_project(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Connect a project; 1 if something is wrong."""
    from fishermask_backend.connecting import connect
    from fishermask_backend.settings import load_settings

    settings = load_settings()
    url = settings.below_prefix(options.url) or settings.own_url
    if not url:
        print("fishermask: name the backend's address: --url or BACKEND_URL.", file=sys.stderr)
        return 2
    return _tell(connect(settings, options.project, url), as_json=False)


def _tell(findings: "Iterable[Finding]", *, as_json: bool) -> int:
    well = True
    for finding in findings:
        print(json.dumps(asdict(finding)) if as_json else finding, flush=True)
        well &= finding.level != "FAILED"
    return 0 if well else 1


def export_project(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Export a project; 1 if something of it is missing."""
    from fishermask_backend.export import export
    from fishermask_backend.settings import load_settings
    from fishermask_backend.store import Store

    settings = load_settings()
    folder = options.output or Path(f"fishermask-project-{options.project}")
    missing = export(settings, Store(settings.database), options.project, folder)
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    for sentence in missing:
        print(f"fishermask: {sentence}", file=sys.stderr)
    return 1 if missing else 0


def back_up(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Make a backup."""
    from fishermask_backend.backup import backup
    from fishermask_backend.settings import load_settings

    for name in backup(load_settings(), options.file, cache=options.cache):
        print(f"fishermask: {name} was lost before this backup.", file=sys.stderr)
    print(
        f"{options.file}: {options.file.stat().st_size} bytes; it holds keys, keep it to yourself"
    )
    return 0


def put_back(options: argparse.Namespace, _rest: Sequence[str]) -> int:
    """Restore a backup."""
    from fishermask_backend.restore import restore
    from fishermask_backend.settings import load_settings

    settings = load_settings()
    restore(settings, options.file, force=options.force)
    print(f"{settings.model_dir} is as {options.file} has it; start web server and worker.")
    return 0


def demo(_options: argparse.Namespace, rest: Sequence[str]) -> int:
    """Run the demo."""
    from fishermask_backend.demo import main as run_demo

    return run_demo(list(rest))


if __name__ == "__main__":
    raise SystemExit(main())
