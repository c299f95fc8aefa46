"""Many projects at once, and many annotators on one of them.

    .venv/bin/python -m tests.soak.crowd                 # .benchmarks/reliability/crowd.json

Twenty projects are connected together; then ten people label another one for ten minutes, each a label
every five seconds on average, by the calls of the labelling page; then a quarter as long one without a
backend: some tasks Label Studio serves twice by itself, when people ask at the same moment. (Two labels
a second are what its one process manages on two slow cores: at three seconds each, people waited for
it, not for a backend, and nothing could be compared.)
"""

import argparse
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from fishermask_backend.demo.annotator import round_of
from fishermask_backend.demo.backend import Backend
from fishermask_backend.demo.images import DemoImages, write_images
from fishermask_backend.demo.project import connect_backend, create_project, upload_images
from fishermask_backend.demo.sources import find_source
from tests.e2e.people import Person, sign_up

from .scene import LABEL_STUDIO, keep, scene, until

PACE = 5.0  # seconds between one person's labels, on average: from half of it to one and a half


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--projects", type=int, default=20)
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--label-studio", type=Path, default=LABEL_STUDIO)
    options = parser.parse_args()
    with scene(options.label_studio) as here, here.backend_running() as backend:
        measured = {
            "projects": many_projects(here.client, backend, here.folder, options.projects),
            "people": many_people(
                here.client, backend, here.folder, options.people, options.minutes
            ),
            "people without a backend": without_backend(
                here.client, here.folder, options.people, options.minutes / 4
            ),
        }
    keep("crowd", measured)


def many_projects(
    client: httpx.Client, backend: Backend, folder: Path, count: int
) -> dict[str, float]:
    """Seconds from connecting all of them to each one's first queue, and to a round of each."""
    images = write_images(find_source(None, folder / "downloads"), folder / "images", 60)
    numbers = [create_project(client, f"project {i}", images.classes) for i in range(count)]
    for number in numbers:
        upload_images(client, number, images.files(images.tasks))
    start = time.perf_counter()
    for number in numbers:
        connect_backend(client, number, backend.url)
    first = when_each(backend, numbers, start, 1)
    for number in numbers:
        label(Person(client), number, images, 20)
    start = time.perf_counter()
    rounds = when_each(backend, numbers, start, 2)
    return {
        "count": count,
        "tasks": len(images.tasks),
        "first_queue_median": statistics.median(first),
        "first_queue_last": max(first),
        "round_last": max(rounds),
    }


def when_each(backend: Backend, numbers: list[int], start: float, rounds: int) -> list[float]:
    """Seconds until each project has had so many rounds."""
    seen: dict[int, float] = {}

    def all_there() -> bool:
        for number in numbers:
            if number not in seen and len(backend.finished_rounds(number)) >= rounds:
                seen[number] = time.perf_counter() - start
        return len(seen) == len(numbers)

    until(all_there, 1200)
    return list(seen.values())


def label(person: Person, number: int, images: DemoImages, count: int) -> None:
    for _ in range(count):
        task = person.open_next(number)
        person.submit(task, truth(images, task))


def truth(images: DemoImages, task: dict[str, Any]) -> str:
    (address,) = task["data"].values()
    return images.tasks[address.rpartition("/")[2].partition("-")[2]]


def many_people(
    client: httpx.Client, backend: Backend, folder: Path, count: int, minutes: float
) -> dict[str, Any]:
    """What people are served who label one project together."""
    number, images = crowded_project(client, folder, "crowd", count, minutes)
    connect_backend(client, number, backend.url)
    until(lambda: len(backend.finished_rounds(number)) > 0)

    def left() -> int:
        return int(backend.project(number)["queue_left"])

    found = labelled_together(client, number, images, count, minutes, left)
    return found | {"rounds": len(backend.finished_rounds(number))}


def without_backend(
    client: httpx.Client, folder: Path, count: int, minutes: float
) -> dict[str, Any]:
    """The same in a project that no backend orders."""
    number, images = crowded_project(client, folder, "crowd alone", count, minutes)
    found = labelled_together(client, number, images, count, minutes, lambda: 0)
    del found["of_no_queue"], found["dry"]
    return found


def crowded_project(
    client: httpx.Client, folder: Path, title: str, count: int, minutes: float
) -> tuple[int, DemoImages]:
    source = find_source(None, folder / "downloads")
    images = write_images(source, folder / title, round(count * minutes * 60 / PACE) + 200)
    number = create_project(client, title, images.classes)
    upload_images(client, number, images.files(images.tasks))
    return number, images


def labelled_together(
    client: httpx.Client,
    number: int,
    images: DemoImages,
    count: int,
    minutes: float,
    left: Callable[[], int],
) -> dict[str, Any]:
    """Tasks served twice, without a lock, or of no queue, and how long people waited for them.

    A task is of no queue if another one became active while Label Studio served it, or if the queue is
    dry: it has no task `left` but those that people hold.
    """
    people = [sign_up(Person(client)) for _ in range(count)]
    served: list[dict[str, Any]] = []
    waits: list[float] = []
    left_then: list[int] = []  # in the queue, whenever a task was of none
    refused: Counter[str] = Counter()
    end = time.monotonic() + 60 * minutes

    def work(person: Person) -> None:
        chance = random.Random(person.id)  # or all would ask at the same moment again and again
        time.sleep(chance.uniform(0.0, PACE))
        while time.monotonic() < end:
            start = time.perf_counter()
            pause = PACE * chance.uniform(0.5, 1.5)
            try:
                answer = person.client.get(f"/api/projects/{number}/next").raise_for_status()
            except httpx.HTTPStatusError as error:  # 404: a page that says that nothing is left
                refused[str(error.response.status_code)] += 1
                time.sleep(pause)
                continue
            task = answer.json()
            waits.append(time.perf_counter() - start)
            served.append(task)
            if round_of(shown_version(task)) is None:
                left_then.append(left())
            person.submit(task, truth(images, task))
            time.sleep(max(0.0, pause - (time.perf_counter() - start)))

    with ThreadPoolExecutor(count) as pool:
        for done in [pool.submit(work, person) for person in people]:
            done.result()
    times = Counter(task["id"] for task in served)
    return {
        "people": count,
        "minutes": minutes,
        "seconds_a_label": PACE,
        "served": len(served),
        "twice": sum(n - 1 for n in times.values()),
        "without_a_lock": sum(task["unique_lock_id"] is None for task in served),
        "of_no_queue": len(left_then),
        "dry": sum(n < count for n in left_then),
        "refused": dict(refused),
        "next_median_ms": 1000 * statistics.median(waits),
        "over_a_second": sum(wait > 1 for wait in waits),
        "next_p99_ms": 1000 * sorted(waits)[int(len(waits) * 0.99)],
    }


def shown_version(task: dict[str, Any]) -> str | None:
    shown = next(iter(task["predictions"]), None)
    return shown and shown["model_version"]


if __name__ == "__main__":
    main()
