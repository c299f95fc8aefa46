"""`fishermask doctor`: looks at everything that has to be right, and says what to change."""

from collections.abc import Iterator
from pathlib import Path

from fishermask_backend.commands.doctor.connection import examine_connection
from fishermask_backend.commands.doctor.findings import Finding, failed, ok
from fishermask_backend.commands.doctor.machine import check_machine, check_processes
from fishermask_backend.commands.doctor.project import check_project
from fishermask_backend.commands.doctor.server import check_key, check_server, open_with_key
from fishermask_backend.settings import BadSettings, Settings, load_settings
from fishermask_backend.web.status import projects_status

__all__ = ["Finding", "check_project", "examine", "examine_connection", "open_with_key"]


def examine(project: int | None = None, url: str = "") -> Iterator[Finding]:
    """Look at settings, machine, Label Studio and projects, in the order in which they depend.

    Args:
        project: A project's id in Label Studio; None for all that this backend knows.
        url: The address under which Label Studio calls this backend, for projects not connected yet.

    Yields:
        What was found, as soon as it is; no secret is in it.
    """
    try:
        settings = load_settings()
    except BadSettings as error:
        yield failed("settings", str(error))
        return
    yield ok(
        "settings", "valid, of the environment" + (" and .env" if Path(".env").exists() else "")
    )
    for finding in _examine(settings, project, settings.below_prefix(url)):
        yield finding.without(settings.url_prefix)


def _examine(settings: Settings, project: int | None, url: str) -> Iterator[Finding]:
    usable = True
    for finding in check_machine(settings):
        usable &= finding.what != "database" or finding.level != "FAILED"
        yield finding
    yield from check_processes(settings)
    for finding in check_server(settings):
        yield finding
        if finding.level == "FAILED":
            return
    if not usable:
        return
    known = [p["id"] for p in projects_status() if p["connected"]] if project is None else [project]
    if project is None and settings.label_studio_api_key:
        yield from check_key(settings)
    if not known:
        yield failed(
            "projects", "none is connected", "connect one, or name one with --project and --url"
        )
    for studio_id in known:
        studio, finding = open_with_key(settings, studio_id)
        yield finding
        if studio is None:
            continue
        with studio:
            yield from check_project(settings, studio, studio_id)
            yield from examine_connection(studio, studio_id, url)
