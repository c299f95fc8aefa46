"""The traffic light in words: is all well, and what is to be done where it is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fishermask_backend.machine.lifeline import Health
from fishermask_backend.settings import Settings
from fishermask_backend.store.schema import Project
from fishermask_backend.web.page.wording import ago, duration, several

Level = Literal["good", "waits", "look", "wrong"]
WORDS: dict[Level, str] = {
    "good": "works",
    "waits": "waits",
    "look": "look at it",
    "wrong": "does not work",
}


@dataclass(frozen=True)
class Light:
    """One part of all that has to work.

    Attributes:
        name: What it is.
        level: How it is.
        told: What a person is told, a sentence without its stop.
        todo: What to do about it; empty where nothing is to be done.
    """

    name: str
    level: Level
    told: str
    todo: str = ""

    @property
    def word(self) -> str:
        """How it is, in words: colour alone tells not everybody."""
        return WORDS[self.level]


def worker_light(found: Health) -> Light:
    """Say whether a worker lives."""
    if found.lives:
        return Light("Worker", "good", found.told)
    told, _, todo = found.told.partition(": ")
    return Light("Worker", "wrong", told, todo)


def lights(
    settings: Settings, project: Project, status: Mapping[str, Any], worker: Health
) -> list[Light]:
    """Return the lights of a project, in the order in which one needs the other.

    Args:
        settings: In force.
        project: As it is stored.
        status: As `project_status` tells it.
        worker: The sign of life.
    """
    return [
        _label_studio(settings, project, status),
        _key(settings, project),
        Light("Web server", "good", "answers"),
        worker_light(worker),
        _order(status),
        _round(status),
    ]


def _reading_fails(project: Project) -> bool:
    """Say whether the error in force came before all of Label Studio was read."""
    past = project.errors or []
    return bool(project.error and past and past[-1].get("reading", False))


def _label_studio(settings: Settings, project: Project, status: Mapping[str, Any]) -> Light:
    name = "Label Studio"
    if not project.connected:
        todo = (
            f"connect it: fishermask connect --project {project.studio_id}, or the project's "
            "Model page"
        )
        return Light(name, "wrong", "the backend is not connected to the project", todo)
    if _reading_fails(project):
        return Light(name, "wrong", _cut(project.error), _again(status))
    if not project.pass_finished_at:
        return Light(name, "waits", "tasks are being read for the first time")
    told = f"at {settings.label_studio_url}, all compared {ago(project.pass_finished_at)}"
    return Light(name, "good", told)


def _key(settings: Settings, project: Project) -> Light:
    if settings.label_studio_api_key:
        return Light("Key", "good", "LABEL_STUDIO_API_KEY")
    if project.token or project.offered_token:
        return Light("Key", "good", "the token that Label Studio sent when it was connected")
    told = "there is none, so no task can be read"
    return Light("Key", "wrong", told, "set LABEL_STUDIO_API_KEY and start both processes again")


def _order(status: Mapping[str, Any]) -> Light:
    told = str(status["order"]).rstrip(".")
    if told.startswith("set by FisherMask"):
        return Light("Order of tasks", "look" if ";" in told else "good", told)
    if told.startswith(("not set yet: the first queue", "not set yet: no task")):
        return Light("Order of tasks", "waits", told)
    return Light("Order of tasks", "look", told)


def _round(status: Mapping[str, Any]) -> Light:
    name, rounds = "Last round", status["rounds"]
    if status["error"] and status["failures"]:
        return Light(name, "wrong", _cut(status["error"]), _again(status))
    if not rounds:
        return Light(name, "waits", "none yet")
    last = rounds[-1]
    took = duration(sum(last["seconds"].values()))
    told = f"no. {last['number']} ({last['acquisition']}), {ago(last['started'])}, took {took}"
    return Light(name, "good", told)


def _again(status: Mapping[str, Any]) -> str:
    return f"failed {several(status['failures'], 'time')} so far; it is tried again by itself"


def _cut(text: str) -> str:
    return text.strip().rstrip(".")
