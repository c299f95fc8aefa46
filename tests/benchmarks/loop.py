"""How long people wait: from a label to the new order, for /predict, and for `fit`.

    .venv/bin/python -m tests.benchmarks.loop            # writes docs/loop.md, about 15 minutes

A real Label Studio, the real web server and worker, Fashion-MNIST (or what the demo finds) as uploads.
"""

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import torch

from fishermask_backend.demo.annotator import Annotator
from fishermask_backend.demo.backend import Backend
from fishermask_backend.demo.folder import free_port
from fishermask_backend.demo.images import DemoImages, write_images
from fishermask_backend.demo.project import connect_backend, create_project, upload_images
from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.demo.sources import find_source
from fishermask_backend.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
LABEL_STUDIO = ROOT / ".venv-label-studio/bin/label-studio"
PAGE = ROOT / "docs/loop.md"
BATCH = 20
REPEATS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, nargs="+", default=[300, 3000])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--label-studio", type=Path, default=LABEL_STUDIO)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        studio = stack.enter_context(LabelStudioServer(options.label_studio, folder / "studio"))
        backend = Backend(folder, free_port(), studio)
        for process in (backend.web, backend.worker):
            stack.enter_context(process)
        client = stack.enter_context(studio.client())
        wait_until(lambda: httpx.get(f"{backend.url}/health").is_success, 60)
        sections = [heading()]
        for tasks in options.tasks:
            sections.append(measure(client, backend, folder, tasks, options.rounds))
            PAGE.write_text("\n\n".join(sections) + "\n")
    print(PAGE.read_text())


def measure(client: httpx.Client, backend: Backend, folder: Path, tasks: int, rounds: int) -> str:
    source = find_source(None, folder / "downloads")
    images = write_images(source, folder / f"images-{tasks}", tasks)
    project = create_project(client, f"{tasks} tasks", images.classes)
    upload_images(client, project, images.files(images.tasks))
    start = time.perf_counter()
    connect_backend(client, project, backend.url)
    wait_until(lambda: version(client, project).startswith("fishermask-"), 600)
    first = time.perf_counter() - start
    wait_until(lambda: backend.project(project)["embedded"] == tasks, 600)
    worker = backend.worker.pid
    before = processor_seconds(worker)
    orders, submits = label_rounds(client, backend, project, images, rounds)
    used = (processor_seconds(worker) - before) / rounds
    stages = stage_medians(backend, project)
    predicts = [
        (n, timed_predict(client, backend, project, n)) for n in (1, 100, 1000) if n <= tasks
    ]
    fits = [timed_event(backend, project) for _ in range(REPEATS)]
    rows = [
        ("connecting → first queue", f"{first:.1f} s", "1"),
        ("label that starts a round → new order", spread(orders), str(len(orders))),
        *((name, f"{value:.2f} s", str(len(orders))) for name, value in stages),
        ("processor time of the worker, a round", f"{used:.1f} s", str(len(orders))),
        *((f"`/predict`, {n} tasks", spread(times), str(len(times))) for n, times in predicts),
        ("`fit`, as the webhook's caller waits", spread(fits), str(len(fits))),
        (
            "submit of a label in Label Studio, backend connected",
            spread(submits),
            str(len(submits)),
        ),
    ]
    lines = [f"| {name} | {value} | {count} |" for name, value, count in rows]
    return "\n".join(
        [
            f"## {tasks} tasks",
            "",
            "| what | median (least – most) | runs |",
            "|---|---|---|",
            *lines,
        ]
    )


def label_rounds(
    client: httpx.Client, backend: Backend, project: int, images: DemoImages, rounds: int
) -> tuple[list[float], list[float]]:
    """Label a batch at a time without pausing, and wait for the order that it leads to.

    An order of fewer labels, renewed because the pool has grown, does not count.
    """
    annotator = Annotator(client, project, images.tasks, pace=0.0)
    orders, submits = list[float](), list[float]()

    def served(before: str) -> bool:
        return version(client, project) != before and learnt(backend, project) >= len(submits)

    for _ in range(rounds):
        before = version(client, project)
        for _ in range(BATCH):
            task = annotator.open_next()
            assert task is not None
            start = time.perf_counter()
            annotator.submit(task)
            submits.append(time.perf_counter() - start)
        wait_until(lambda before=before: served(before), 600)
        orders.append(time.perf_counter() - start)
    return orders, submits


def learnt(backend: Backend, project: int) -> int:
    """Labels of the round whose order is served."""
    return max((int(one["labels"]) for one in backend.finished_rounds(project)), default=0)


def stage_medians(backend: Backend, project: int) -> list[tuple[str, float]]:
    """The whole way from the event to the order that is served, piece by piece."""
    rounds = [r for r in backend.finished_rounds(project) if r["weights"]]
    ways = [way(one) for one in rounds]
    return [(name, statistics.median(each[name] for each in ways)) for name in ways[-1]]


def way(one: dict[str, Any]) -> dict[str, float]:
    """Seconds of each piece of a round's way."""
    told = one["finished"] - one["trigger_to_order_seconds"]
    within = sum(one["seconds"].values())
    return {
        "event → round: noticed, labels read": one["started"] - told,
        **{f"round stage: {name}": seconds for name, seconds in one["seconds"].items()},
        "round → order: stored, published, set": one["finished"] - one["started"] - within,
    }


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor, with those it waited for; 0 where nobody tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def timed_predict(client: httpx.Client, backend: Backend, project: int, count: int) -> list[float]:
    """Ask the backend as Label Studio does, over the network."""
    served: list[dict[str, Any]] = []
    for page in (1, 2)[: -(-count // 500)]:  # of 1,000 uploads at once Label Studio fails
        query = {"project": project, "page_size": 500, "page": page, "fields": "task_only"}
        served += client.get("/api/tasks", params=query).json()["tasks"]
    created = client.get(f"/api/projects/{project}").json()["created_at"]
    stamp = int(datetime.fromisoformat(created).timestamp())
    tasks = [{"id": t["id"], "project": project, "data": t["data"]} for t in served[:count]]
    body = {"tasks": tasks, "project": f"{project}.{stamp}", "label_config": "", "params": {}}

    def ask() -> None:
        answer = httpx.post(f"{backend.url}/predict", json=body, timeout=60)
        assert len(answer.raise_for_status().json()["results"]) == count

    return [timed(ask) for _ in range(REPEATS)]


def timed_event(backend: Backend, project: int) -> float:
    event = {"action": "PROJECT_UPDATED", "project": {"id": project}}
    return timed(lambda: httpx.post(f"{backend.url}/webhook", json=event).raise_for_status())


def version(client: httpx.Client, project: int) -> str:
    return str(client.get(f"/api/projects/{project}").json()["model_version"] or "")


def timed(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except httpx.ConnectError:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"not within {seconds:g} s")


def spread(times: Sequence[float]) -> str:
    unit, scale = ("s", 1.0) if statistics.median(times) >= 1 else ("ms", 1000.0)
    middle, low, high = (scale * f(times) for f in (statistics.median, min, max))
    digits = 1 if unit == "s" else 0
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f} – {high:.{digits}f})"


def heading() -> str:
    backbone = Settings.model_fields["backbone"].default
    return (
        "# How long people wait\n\n"
        f"Made by `python -m tests.benchmarks.loop` on {date.today():%Y-%m-%d}: {os.cpu_count()} cores "
        f"({platform.machine()}), {'a GPU' if torch.cuda.is_available() else 'no GPU'}, torch "
        f"{torch.__version__}, Python {platform.python_version()}, {os.getloadavg()[2]:.1f} "
        "processes at work on average in the quarter of an hour before. Label Studio 1.23.2 (SQLite), "
        f"web server and worker share these cores. Default settings: a batch of {BATCH} and a margin "
        f"of 40 tasks, {backbone} at its default image size, 10 classes."
    )


if __name__ == "__main__":
    main()
