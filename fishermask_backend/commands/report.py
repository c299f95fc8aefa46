"""`fishermask report`: a project's page as one file, to be sent, kept or printed."""

from pathlib import Path

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.settings import Settings
from fishermask_backend.state import whole_file
from fishermask_backend.web.page.facts import project_facts, thumbnails_of
from fishermask_backend.web.page.rendering import render_report


class NoReport(FisherMaskError):
    """The report cannot be written; the text says why."""


def report(settings: Settings, studio_id: int, path: Path) -> None:
    """Write a project's page as it is now, thumbnails included.

    Args:
        settings: In force.
        studio_id: The project's id in Label Studio.
        path: The file; one that is there is replaced.

    Raises:
        NoReport: There is no such project, or the file cannot be written.
    """
    facts = project_facts(studio_id)
    if facts is None:
        raise NoReport(f"Project {studio_id} is not connected.")
    thumbnails = thumbnails_of(settings, facts.project_id)
    rows = {each.row for each in facts.pictures}
    rows |= {each.row for kind in facts.review for each in kind.pictures}
    text = render_report(facts, {row: thumbnails.get(row) for row in rows if row is not None})
    try:
        with whole_file(path) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise NoReport(f"{path} could not be written ({error}): name another --output.") from error
