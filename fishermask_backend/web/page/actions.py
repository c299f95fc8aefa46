"""What the page's buttons do: notes in the database, which the worker acts on."""

from fishermask_backend.settings import load_settings
from fishermask_backend.store import open_store, projects
from fishermask_backend.web.model import START_TRAINING, FisherMaskBackend


def train(studio_id: int) -> None:
    """Ask for a round, and for the order where it was given back: what *Start Training* does.

    Raises:
        DatabaseUnavailable: It could not be written.
    """
    FisherMaskBackend().fit(START_TRAINING, {"project": {"id": studio_id}})


def give_back(studio_id: int) -> None:
    """Ask for the order that the project had before, until training is asked for.

    Raises:
        DatabaseUnavailable: It could not be written.
    """
    with open_store().begin() as session:
        project = projects.find(session, load_settings().label_studio_url, studio_id)
        if project is None or project.former is None:
            return
        project.former = {**project.former, "returned": True}
        projects.count_event(session, project.id)
