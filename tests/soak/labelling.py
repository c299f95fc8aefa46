"""Somebody who labels without pause: submits, skips, changes their mind, deletes."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from fishermask_backend.demo.server import LabelStudioServer
from tests.e2e.people import Person, result
from tests.e2e.projects import CLASSES, Project

PACE = 0.8  # seconds between two acts


class Labelling:
    """An annotator in a thread of their own, for the length of a `with` block.

    What they did counts for nothing later: what holds is what Label Studio has.

    Attributes:
        submitted: Labels that Label Studio has accepted.
        refused: What it refused although it was there.
    """

    def __init__(self, studio: LabelStudioServer, project: Project, seed: int) -> None:
        self.project = project
        self.person = Person(studio.client())
        self.rng = random.Random(seed)
        self.submitted = 0
        self.refused: list[str] = []
        self._annotations: list[dict[str, Any]] = []
        self._done: set[int] = set()
        self._over, self._away = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="annotator")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Label Studio is down: what fails meanwhile is nobody's fault."""
        self._away.set()
        yield
        self._away.clear()

    def left(self) -> set[int]:
        """Tasks that they have not answered yet."""
        return set(self.project.truth) - self._done

    def _work(self) -> None:
        while not self._over.wait(PACE):
            try:
                self._act()
            except (AssertionError, httpx.HTTPError) as error:
                if not self._away.is_set():
                    self.refused.append(str(error)[:300])
                time.sleep(1)

    def _act(self) -> None:
        dice = self.rng.random()
        if dice < 0.05 and self._annotations:
            annotation = self.rng.choice(self._annotations)
            self.person.change(annotation, result=result(self.rng.choice(CLASSES)))
        elif dice < 0.08 and self._annotations:
            annotation = self._annotations.pop(self.rng.randrange(len(self._annotations)))
            self.person.delete(annotation)
            self._done.discard(annotation["task"])
        else:
            task = self.person.open_next(self.project.id)
            if dice < 0.12:
                self.person.skip(task)
            else:
                truth = file_class(task["data"]["image"])
                self._annotations.append(self.person.submit(task, truth))
                self.submitted += 1
            self._done.add(task["id"])


def file_class(address: str) -> str:
    """The class in the name of a file uploaded by `Project.upload`."""
    return address.rpartition("/")[2].partition("-")[2].partition("-")[0]
