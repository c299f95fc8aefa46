"""All that a page shows, gathered from the database in one look."""

from dataclasses import dataclass
from typing import Any

from fishermask_backend.images.thumbnails import Thumbnails
from fishermask_backend.settings import Settings, load_settings
from fishermask_backend.state import THUMBNAILS
from fishermask_backend.store import open_store, projects, queues, rounds
from fishermask_backend.web.page.audits import Audit, audits
from fishermask_backend.web.page.classes import ClassRow, Pair, class_rows, worst_pairs
from fishermask_backend.web.page.curve import curve
from fishermask_backend.web.page.lights import Light, lights, worker_light
from fishermask_backend.web.page.people import Annotator, annotators
from fishermask_backend.web.page.queue import Picture, pictures
from fishermask_backend.web.page.review import ToReview, to_review
from fishermask_backend.web.status import project_status, projects_status, worker_health


@dataclass(frozen=True)
class ProjectFacts:
    """What a project's page shows.

    Attributes:
        project_id: The database's id of it.
        studio_url: Label Studio's address for browsers, as far as it is known.
        status: As `project_status` tells it.
        audits: What is known of the unlabelled rest, a control each.
        lights: Is all well?
        curve: Accuracy over labels.
        classes: The weakest first.
        pairs: Classes that are mixed up most.
        pictures: The queue.
        review: Labels to review, by kind.
        annotators: The busiest first.
        paused: Whether the order was given back.
    """

    project_id: int
    studio_url: str
    status: dict[str, Any]
    audits: list[Audit]
    lights: list[Light]
    curve: dict[str, list[float | None]]
    classes: list[ClassRow]
    pairs: list[Pair]
    pictures: list[Picture]
    review: list[ToReview]
    annotators: list[Annotator]
    paused: bool


def project_facts(studio_id: int) -> ProjectFacts | None:
    """Return what a project's page shows, by its id in Label Studio; None if there is none."""
    settings, status = load_settings(), project_status(studio_id)
    if status is None:
        return None
    found = audits(status)
    with open_store().read() as session:
        project = projects.find(session, settings.label_studio_url, studio_id)
        if project is None:
            return None
        thumbnails = thumbnails_of(settings, project.id)
        return ProjectFacts(
            project_id=project.id,
            studio_url=project.public_url or settings.label_studio_url,
            status=status,
            audits=found,
            lights=lights(settings, project, status, worker_health()),
            curve=curve(status["rounds"]),
            classes=class_rows(session, project, rounds.active(session, project.id), found),
            pairs=worst_pairs(found),
            pictures=pictures(
                session,
                project,
                queues.active(session, project.id),
                thumbnails,
            ),
            review=to_review(session, project, status["review"], thumbnails),
            annotators=annotators(session, project.id),
            paused=status["order"].startswith("paused"),
        )


def thumbnails_of(settings: Settings, project_id: int) -> Thumbnails:
    """Return a project's thumbnails, by the database's id of it."""
    return Thumbnails(settings.model_dir / THUMBNAILS.named(project=project_id))


def index_facts() -> dict[str, Any]:
    """Return what the first page shows: the worker's light and every project in short."""
    return {"worker": worker_light(worker_health()), "projects": projects_status()}
