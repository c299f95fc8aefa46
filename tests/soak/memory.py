"""The memory of both processes over many rounds of several projects.

    .venv/bin/python -m tests.soak.memory                # .benchmarks/reliability/memory.json

Real processes, a real Label Studio; every round is asked for as «Start training» does, of all projects
at once. When each has had its round, /predict is asked for every task, and both processes are measured.
"""

import argparse
import os
import statistics
from pathlib import Path
from typing import Any

import httpx

from fishermask_backend.demo.annotator import Annotator
from fishermask_backend.demo.backend import Backend
from fishermask_backend.demo.images import write_images
from fishermask_backend.demo.processes import ChildProcess
from fishermask_backend.demo.project import connect_backend, create_project, upload_images
from fishermask_backend.demo.sources import find_source

from .scene import LABEL_STUDIO, Scene, keep, scene, until

TASKS, LABELS = 60, 10
QUEUE = {"BATCH_SIZE": "5", "QUEUE_MARGIN": "5"}  # short rounds: it is their number that counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--projects", type=int, default=4)
    parser.add_argument("--label-studio", type=Path, default=LABEL_STUDIO)
    options = parser.parse_args()
    os.environ.update(QUEUE)
    with scene(options.label_studio) as here:
        keep("memory", measure(options.rounds, options.projects, here))


def measure(rounds: int, projects: int, here: Scene) -> dict[str, Any]:
    """Have so many rounds of so many projects, at least ten of each."""
    with here.backend_running() as backend:
        numbers = [project(here.client, backend, here.folder, i) for i in range(projects)]
        series = [
            a_round_each(here.client, backend, numbers) for _ in range(-(-rounds // projects))
        ]
    return {
        "rounds": len(series) * len(numbers),
        "projects": len(numbers),
        "tasks": TASKS,
        "worker": course([each["worker"] for each in series], len(numbers)),
        "web": course([each["web"] for each in series], len(numbers)),
    }


def project(client: httpx.Client, backend: Backend, folder: Path, index: int) -> int:
    """A connected project with a few labels and a first round."""
    images = write_images(
        find_source(None, folder / "downloads"), folder / f"images-{index}", TASKS
    )
    number = create_project(client, f"memory {index}", images.classes)
    upload_images(client, number, images.files(images.tasks))
    annotator = Annotator(client, number, images.tasks, pace=0.0)
    for _ in range(LABELS):
        task = annotator.open_next()
        assert task is not None
        annotator.submit(task)
    connect_backend(client, number, backend.url)
    until(lambda: backend.project(number).get("embedded") == TASKS)
    until(lambda: len(backend.finished_rounds(number)) > 0)
    return number


def a_round_each(client: httpx.Client, backend: Backend, numbers: list[int]) -> dict[str, float]:
    """Ask for a round of each project, then for all predictions; MB that each process then holds."""
    before = {number: len(backend.finished_rounds(number)) for number in numbers}
    with httpx.Client(base_url=backend.url, timeout=60, trust_env=False) as web:
        for number in numbers:
            event = {"action": "START_TRAINING", "project": {"id": number}}
            web.post("/webhook", json=event).raise_for_status()
        for number in numbers:
            until(lambda number=number: len(backend.finished_rounds(number)) > before[number])
            tasks = client.get("/api/tasks", params={"project": number, "page_size": TASKS}).json()
            web.post("/predict", json={"tasks": tasks["tasks"]}).raise_for_status()
    return {"worker": resident(backend.worker), "web": resident(backend.web)}


def resident(process: ChildProcess) -> float:
    """MB of a process and its children."""
    assert process.pid
    return sum(held(pid) for pid in [process.pid, *children(process.pid)])


def held(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(x.split()[1]) / 1000 for x in lines if x.startswith("VmRSS"))


def children(pid: int) -> list[int]:
    return [int(x) for x in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def course(series: list[float], rounds: int) -> dict[str, Any]:
    """MB over each tenth of the measurements, `rounds` apart; a round's growth in the second half."""
    tenth = max(1, len(series) // 10)
    parts = [series[i : i + tenth] for i in range(0, tenth * 10, tenth)]
    later = series[len(series) // 2 :]
    slope = statistics.linear_regression(range(len(later)), later).slope / rounds
    return {"tenths": [statistics.median(part) for part in parts], "mb_a_round": slope}


if __name__ == "__main__":
    main()
