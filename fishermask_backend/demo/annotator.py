"""A simulated annotator: true labels, one task at a time, by the calls of the labelling page."""

import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import httpx

from fishermask_backend.demo.project import CONTROL, IMAGE, answer

VERSION = re.compile(r"fishermask-(\d+)(\.\d+)?")


class Place(StrEnum):
    """Where a served task stood in the queue current at that moment."""

    FIRST = "first"
    LOCKED = "locked"  # still held from before: served again whatever the order
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True)
class Served:
    """One task as it was served."""

    task: int
    version: str | None
    place: Place

    @property
    def round(self) -> int | None:
        """The round whose queue it is counted under."""
        return round_of(self.version)


def round_of(version: str | None) -> int | None:
    """Return the number in `fishermask-<round>[.<n>]`; None for other versions."""
    match = VERSION.fullmatch(version or "")
    return int(match[1]) if match else None


@dataclass(frozen=True)
class OpenTask:
    """A task on the annotator's screen: what Label Studio served, and when."""

    served: Mapping[str, Any]
    opened: datetime

    @property
    def id(self) -> int:
        """Its id in Label Studio."""
        return int(self.served["id"])

    @property
    def locked_before(self) -> bool:
        """Whether this annotator held it already."""
        return "Task lock" in (self.served.get("queue") or "")

    @property
    def prediction(self) -> Mapping[str, Any] | None:
        """The pre-label that the page shows."""
        return next(iter(self.served["predictions"]), None)

    @property
    def file_name(self) -> str:
        """The file's name as it was before Label Studio put eight hex digits in front of it."""
        (address,) = self.served["data"].values()
        return re.sub(r"^[0-9a-f]{8}-", "", address.rpartition("/")[2])


@dataclass
class Queues:
    """The queues that Label Studio has been given, read from it, never from the backend.

    A version's predictions are all there before the project is set to it and don't change later, so
    each is read once.
    """

    client: httpx.Client
    project: int
    scores: dict[str, dict[int, float]] = field(default_factory=dict)
    done: set[int] = field(default_factory=set)

    def current(self) -> str | None:
        """Return the project's version now; its queue is known from here on."""
        project = answer(self.client.get(f"/api/projects/{self.project}")).json()
        version: str | None = project["model_version"] or None
        if round_of(version) is not None and version not in self.scores:
            self._read()
        return version

    def place(self, task: OpenTask, versions: tuple[str | None, ...]) -> tuple[str | None, Place]:
        """Judges a served task by the queues that were current while it was served.

        Args:
            task: As served.
            versions: The project's version before the call and after it.

        Returns:
            The version it is counted under, and its place there.
        """
        for version in versions:
            if task.id in self.first_of(version):
                return version, Place.FIRST
        return versions[-1], Place.LOCKED if task.locked_before else Place.ELSEWHERE

    def first_of(self, version: str | None) -> set[int]:
        """Return the unlabelled tasks with the lowest score (several if it is shared)."""
        left = {
            task: score
            for task, score in self.scores.get(version or "", {}).items()
            if task not in self.done
        }
        lowest = min(left.values(), default=0.0)
        return {task for task, score in left.items() if score == lowest}

    def _read(self) -> None:
        found: dict[str, dict[int, float]] = {}
        for row in answer(
            self.client.get("/api/predictions/", params={"project": self.project})
        ).json():
            if row["score"] is not None:
                found.setdefault(row["model_version"], {})[row["task"]] = row["score"]
        self.scores |= {version: found[version] for version in found if version not in self.scores}


class Annotator:
    """Labels task after task of one project by the calls that the labelling page makes."""

    def __init__(
        self, client: httpx.Client, project: int, truth: Mapping[str, str], pace: float
    ) -> None:
        """Sits down at the project.

        Args:
            client: With the annotator's token.
            project: The project's id.
            truth: The true class by the name of the uploaded file.
            pace: Seconds that the annotator looks at each image.
        """
        self.client, self.project, self.truth, self.pace = client, project, truth, pace
        self.queues = Queues(client, project)
        self.served: list[Served] = []

    def label(self, number: int, after_each: Callable[[int], None] = lambda count: None) -> None:
        """Labels `number` tasks, fewer if the project has no more."""
        for count in range(1, number + 1):
            task = self.open_next()
            if task is None:
                return
            time.sleep(self.pace)
            self.submit(task)
            after_each(count)

    def open_next(self) -> OpenTask | None:
        """Open the next task and note where it stood; None if none is left."""
        before = self.queues.current()
        response = self.client.get(f"/api/projects/{self.project}/next")
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        task = OpenTask(answer(response).json(), datetime.now(UTC))
        versions = (before, self.queues.current())
        self.served.append(Served(task.id, *self.queues.place(task, versions)))
        return task

    def submit(self, task: OpenTask) -> None:
        """Submit the true label, on top of the pre-label that the page shows if there is one."""
        prediction = task.prediction
        body = {
            "lead_time": (datetime.now(UTC) - task.opened).total_seconds(),
            "result": [choice_result(self.truth[task.file_name], prediction)],
            "draft_id": 0,
            "parent_prediction": prediction and prediction["id"],
            "parent_annotation": None,
            "started_at": task.opened.isoformat(),
        }
        if lock := task.served["unique_lock_id"]:  # null where others were quicker to lock it
            body["unique_id"] = lock
        address = f"/api/tasks/{task.id}/annotations"
        answer(self.client.post(address, params={"project": self.project}, json=body))
        self.queues.done.add(task.id)

    def places(self) -> dict[int | None, Counter[Place]]:
        """How many tasks were served from which place, by round."""
        counts: dict[int | None, Counter[Place]] = {}
        for served in self.served:
            counts.setdefault(served.round, Counter())[served.place] += 1
        return counts


def choice_result(label: str, prediction: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the region that the page sends: the pre-label's own, changed or not, or a new one."""
    region = {
        "id": secrets.token_urlsafe(8)[:10],
        "type": "choices",
        "from_name": CONTROL,
        "to_name": IMAGE,
        "origin": "manual",
        "value": {"choices": [label]},
    }
    for shown in (prediction or {}).get("result", [])[:1]:
        same = shown["value"].get("choices") == [label]
        region["id"] = shown.get("id", region["id"])
        region["origin"] = "prediction" if same else "prediction-changed"
    return region
