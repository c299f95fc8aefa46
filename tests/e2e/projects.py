"""A project in Label Studio, made and changed as its owner does it."""

import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from tests.e2e.people import Person

CLASSES = ("zero", "one", "two")


def label_config(classes: Sequence[str] = CLASSES, choice: str = "single") -> str:
    """One choice, or several, on an image."""
    tags = "".join(f'<Choice value="{name}"/>' for name in classes)
    required = "" if choice == "multiple" else ' required="true"'
    return (
        '<View><Image name="image" value="$image"/><Choices name="label" toName="image" '
        f'choice="{choice}"{required}>{tags}</Choices></View>'
    )


@cache
def digits() -> tuple[tuple[str, bytes], ...]:
    """Handwritten digits of the three classes as (file name, PNG), the class first in the name."""
    bunch = load_digits()
    kept = np.flatnonzero(bunch.target < len(CLASSES))
    return tuple(
        (f"{CLASSES[bunch.target[i]]}-{i:04}.png", _png(bunch.images[i] / 16.0)) for i in kept
    )


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray((255 * pixels).astype(np.uint8)).resize((64, 64))
    image.save(file, "PNG")
    return file.getvalue()


class Project:
    """A project that belongs to a test.

    Attributes:
        id: Its id in Label Studio.
        owner: Who made it.
        truth: The class of each task uploaded.
    """

    def __init__(self, owner: Person, title: str, config: str) -> None:
        self.owner = owner
        body = {"title": title, "label_config": config}
        self.id = int(owner.call("POST", "/api/projects", json=body)["id"])
        self.truth: dict[int, str] = {}

    def __getitem__(self, field: str) -> Any:
        return self.owner.call("GET", f"/api/projects/{self.id}")[field]

    def change(self, **fields: Any) -> None:
        """Save settings of the project."""
        self.owner.call("PATCH", f"/api/projects/{self.id}", json=fields)

    def delete(self) -> None:
        """Delete it."""
        self.owner.call("DELETE", f"/api/projects/{self.id}")

    def upload(self, images: Iterable[tuple[str, bytes]]) -> list[int]:
        """Upload files on the import page; the ids of their tasks."""
        before = set(self.tasks())
        files = [(name, (name, data, "image/png")) for name, data in images]
        self.owner.call("POST", f"/api/projects/{self.id}/import", files=files)
        new = {i: task for i, task in self.tasks().items() if i not in before}
        for i, task in new.items():
            # Label Studio puts eight hex digits in front of a file's name.
            file_name = task["data"]["image"].rpartition("/")[2].partition("-")[2]
            self.truth[i] = file_name.partition("-")[0]
        return sorted(new)

    def add(self, *addresses: str) -> list[int]:
        """Import a list of image addresses; the ids of their tasks, in order."""
        answer = self.owner.call(
            "POST",
            f"/api/projects/{self.id}/import",
            params={"return_task_ids": "true"},
            json=[{"data": {"image": address}} for address in addresses],
        )
        return list(answer["task_ids"])

    def add_storage(self, kind: str, **fields: Any) -> None:
        """Connect a storage in the project's settings and press «Sync»."""
        body = {"project": self.id, "use_blob_urls": True, "regex_filter": r".*\.png", **fields}
        storage = self.owner.call("POST", f"/api/storages/{kind}", json=body)
        self.owner.call("POST", f"/api/storages/{kind}/{storage['id']}/sync")

    def tasks(self) -> dict[int, dict[str, Any]]:
        """Every task with its annotations."""
        query = {"project": self.id, "page_size": 1000, "fields": "all"}
        return {
            task["id"]: task for task in self.owner.call("GET", "/api/tasks", params=query)["tasks"]
        }

    def task(self, task_id: int) -> dict[str, Any]:
        """One task, as the page that opens it shows it."""
        return dict(self.owner.call("GET", f"/api/tasks/{task_id}"))

    def delete_tasks(self, *ids: int) -> None:
        """Select tasks in the Data Manager and delete them."""
        self.act("delete_tasks", ids)

    def act(self, action: str, ids: Sequence[int] = ()) -> Any:
        """Do an action of the Data Manager on these tasks, or on all."""
        chosen = {"all": False, "included": list(ids)} if ids else {"all": True, "excluded": []}
        query = {"id": action, "project": self.id}
        return self.owner.call(
            "POST", "/api/dm/actions", params=query, json={"selectedItems": chosen}
        )

    def predictions(self, version: str) -> list[dict[str, Any]]:
        """The predictions of a version, lowest score first."""
        rows = self.owner.call("GET", "/api/predictions/", params={"project": self.id})
        return sorted((r for r in rows if r["model_version"] == version), key=lambda r: r["score"])

    def versions(self) -> set[str]:
        """The versions of its predictions."""
        return set(self.owner.call("GET", f"/api/projects/{self.id}/model-versions"))

    def connect(self, url: str, **more: Any) -> None:
        """Add the backend on the project's Model page."""
        body = {"url": url, "project": self.id, "title": "FisherMask", **more}
        self.owner.call("POST", "/api/ml", json=body)

    def backends(self) -> list[dict[str, Any]]:
        """What the project's Model page shows."""
        return list(self.owner.call("GET", "/api/ml", params={"project": self.id}))

    def remove_backends(self) -> None:
        """Delete every backend on the Model page."""
        for backend in self.backends():
            self.owner.call("DELETE", f"/api/ml/{backend['id']}")

    def start_training(self) -> None:
        """Press «Start Training» on the Model page."""
        for backend in self.backends():
            self.owner.call("POST", f"/api/ml/{backend['id']}/train")

    def label(self, count: int, person: Person | None = None) -> list[int]:
        """Label what is served, truly; the tasks in the order they came."""
        somebody, served = person or self.owner, []
        for _ in range(count):
            task = somebody.open_next(self.id)
            served.append(task["id"])
            somebody.submit(task, self.truth[task["id"]])
        return served

    def answers(self) -> dict[int, list[str]]:
        """What Label Studio's annotations say that is no skip: classes by task, one annotation each."""
        return {
            i: sorted(name for region in a["result"] for name in region["value"]["choices"])
            for i, task in self.tasks().items()
            for a in task["annotations"]
            if not a["was_cancelled"]
        }


def as_json(classes: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """Answers as the backend keeps them."""
    return {i: json.dumps(sorted(names)) for i, names in classes.items()}


MakeProject = Callable[..., Project]
