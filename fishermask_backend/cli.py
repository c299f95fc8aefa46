"""The command line: `fishermask serve | worker | status | doctor | …`.

Each command imports what it needs when it runs: torch takes seconds.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn

import click

from fishermask_backend import __version__
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.simulation.command import simulate

if TYPE_CHECKING:
    from fishermask_backend.commands.doctor import Finding

STUDIO_ID = "id in Label Studio"


class Mistake(click.ClickException):
    """Something the user can mend: one sentence and exit code 2."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence."""
        complain(self.message)


class Commands(click.Group):
    """Commands in their own order, whose domain errors are mistakes and no traces."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return their names as they are defined: the two that always run come first."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except FisherMaskError as error:
            raise Mistake(str(error)) from error


def complain(sentence: str) -> None:
    """Print a sentence to stderr."""
    click.echo(f"fishermask: {sentence}", err=True)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def main() -> None:
    """Active learning for Label Studio.

    Settings are environment variables, or lines of a .env file in the working directory: see the
    README's table.
    """


@main.command()
def serve() -> NoReturn:
    """Answer Label Studio: the address to paste into its Model page."""
    from fishermask_backend.commands.serve import serve
    from fishermask_backend.settings import load_settings

    serve(load_settings())


@main.command()
def worker() -> None:
    """Train, compute FisherMask and publish the order."""
    from fishermask_backend.commands.work import work
    from fishermask_backend.settings import load_settings

    work(load_settings())


@main.command()
@click.argument("project", type=int, required=False)
@click.option("--json", "as_json", is_flag=True, help="all of it, as JSON")
def status(project: int | None, as_json: bool) -> None:
    """Print how every project does, and its page's address.

    PROJECT is the id of one project in Label Studio.
    """
    from fishermask_backend.commands.status import status_lines
    from fishermask_backend.web.status import project_status, projects_status, worker_health

    found = projects_status() if project is None else project_status(project)
    if found is None:
        complain(f"project {project} is not connected.")
        raise SystemExit(1)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(status_lines(project)) or "No project is connected yet.")
    worker = worker_health()
    if not worker.lives:
        complain(f"the worker: {worker.told}.")


@main.command()
@click.option("--project", type=int, required=True, help=STUDIO_ID)
@click.option("--url", default="", help="BACKEND_URL, if that is not set")
def connect(project: int, url: str) -> None:
    """Add this backend to a project, and check that it works.

    The exit code is 1 if something is wrong.
    """
    from fishermask_backend.commands.connect import connect
    from fishermask_backend.settings import load_settings

    settings = load_settings()
    url = settings.below_prefix(url) or settings.own_url
    if not url:
        raise Mistake("name the backend's address: --url or BACKEND_URL.")
    _print_findings(connect(settings, project, url), as_json=False)


@main.command()
@click.option("--project", type=int, required=True, help=STUDIO_ID)
@click.option("--url", default="", help="BACKEND_URL, if that is not set")
@click.option("--clean", is_flag=True, help="this backend's predictions, too")
def disconnect(project: int, url: str, clean: bool) -> None:
    """Remove this backend from a project, also after *Delete*.

    Its webhook goes, and the order that the project had before comes back. The exit code is 1 if
    something could not be done.
    """
    from fishermask_backend.commands.disconnect import disconnect
    from fishermask_backend.settings import load_settings
    from fishermask_backend.store import Store

    settings = load_settings()
    store, url = Store(settings.database), settings.below_prefix(url) or settings.own_url
    _print_findings(disconnect(settings, store, project, url=url, clean=clean), as_json=False)


@main.command()
@click.option("--project", type=int, help=f"{STUDIO_ID}; all known ones")
@click.option("--url", default="", help="where Label Studio calls this backend")
@click.option("--json", "as_json", is_flag=True, help="a JSON object a line")
def doctor(project: int | None, url: str, as_json: bool) -> None:
    """Check settings, machine, Label Studio and projects.

    Says what to change; the exit code is 1 if something is wrong.
    """
    from fishermask_backend.commands.doctor import examine

    _print_findings(examine(project, url), as_json=as_json)


def _print_findings(findings: "Iterable[Finding]", *, as_json: bool) -> None:
    well = True
    for finding in findings:
        click.echo(json.dumps(asdict(finding)) if as_json else finding)
        well &= finding.level != "FAILED"
    if not well:
        raise SystemExit(1)


@main.command()
@click.option("--project", type=int, required=True, help=STUDIO_ID)
@click.option("--output", type=click.Path(path_type=Path), help="fishermask-project-<id>.html")
def report(project: int, output: Path | None) -> None:
    """Write a project's page as one HTML file."""
    from fishermask_backend.commands.report import report
    from fishermask_backend.settings import load_settings

    path = output or Path(f"fishermask-project-{project}.html")
    report(load_settings(), project, path)
    click.echo(f"{path}: {path.stat().st_size} bytes")


@main.command()
@click.option("--project", type=int, required=True, help=STUDIO_ID)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="an empty folder, or a new one; fishermask-project-<id>",
)
def export(project: int, output: Path | None) -> None:
    """Write a project's classifier, labels and scores into a folder.

    The exit code is 1 if something of it is missing.
    """
    from fishermask_backend.commands.export import export
    from fishermask_backend.settings import load_settings
    from fishermask_backend.store import Store

    settings = load_settings()
    folder = output or Path(f"fishermask-project-{project}")
    missing = export(settings, Store(settings.database), project, folder)
    written = sorted(path.name for path in folder.iterdir())
    without = "" if "classifier.json" in written else "; without a classifier"
    click.echo(f"{folder}: {', '.join(written)}{without}")
    for sentence in missing:
        complain(sentence)
    if missing:
        raise SystemExit(1)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--cache", is_flag=True, help="the embedded images too")
def backup(file: Path, cache: bool) -> None:
    """Write database, weights and key into one file, while all runs."""
    from fishermask_backend.commands.backup import backup
    from fishermask_backend.settings import load_settings

    for name in backup(load_settings(), file, cache=cache):
        complain(f"{name} was lost before this backup.")
    click.echo(f"{file}: {file.stat().st_size} bytes; it holds keys, keep it to yourself")


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="replace what is there")
def restore(file: Path, force: bool) -> None:
    """Make what `backup` wrote the state again; stop all before."""
    from fishermask_backend.commands.restore import restore
    from fishermask_backend.settings import load_settings

    settings = load_settings()
    restore(settings, file, force=force)
    click.echo(f"{settings.model_dir} is as {file} has it; start web server and worker.")


main.add_command(simulate)


@main.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Run a real Label Studio with images: see `make demo`."""
    from fishermask_backend.demo import main as run_demo

    raise SystemExit(run_demo(arguments))


if __name__ == "__main__":
    main(prog_name="fishermask")
