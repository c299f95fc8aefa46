"""How long Label Studio and its annotators wait for the backend, idle and while it trains.

    .venv/bin/python -m tests.soak.latency               # .benchmarks/reliability/latency.json

The web server and the worker as a user starts them, a real Label Studio, 1,000 tasks; a second process
sends Label Studio's calls at 20 a second. «Training»: a round is asked for whenever none is under way.
A person's clicks are timed in two turns each, some minutes apart, since a machine may have a bad half
minute: without a backend at the beginning and at the end, with it before and after the requests.
Half as many go to label-studio-ml 1.0.9's own server with a sample model, in the same run.
"""

import argparse
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from fishermask_backend.demo.annotator import Annotator
from fishermask_backend.demo.backend import Backend
from fishermask_backend.demo.folder import LOOPBACK, free_port
from fishermask_backend.demo.images import write_images
from fishermask_backend.demo.processes import ChildProcess
from fishermask_backend.demo.project import connect_backend, create_project, upload_images
from fishermask_backend.demo.sources import find_source

from .requests import from_another_process
from .scene import LABEL_STUDIO, ROOT, Scene, answers, keep, scene, until

TASKS, RATE, SUBMITS = 1000, 20, 60
BEGIN_SECONDS = 2.0  # from the asking to the beginning, at most
COMPUTING = ("first queue", "training", "Fisher information")  # stages that take every core


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2400)
    parser.add_argument("--tasks", type=int, default=TASKS)
    parser.add_argument("--label-studio", type=Path, default=LABEL_STUDIO)
    options = parser.parse_args()
    with scene(options.label_studio) as here:
        keep("latency", measure(options.requests, options.tasks, here))


def measure(count: int, tasks: int, here: Scene) -> dict[str, Any]:
    folder, client = here.folder, here.client
    images = write_images(find_source(None, folder / "downloads"), folder / "images", tasks)
    number = create_project(client, "latency", images.classes)
    upload_images(client, number, images.files(images.tasks))
    annotator = Annotator(client, number, images.tasks, pace=0.0)
    clicks: dict[str, list[Click]] = {"no backend": submitted(annotator)}
    made = client.get(f"/api/projects/{number}").json()
    created = int(datetime.fromisoformat(made["created_at"]).timestamp())
    project = {"id": number, "created": created, "label_config": made["label_config"]}
    task = client.get("/api/tasks", params={"project": number, "page_size": 1}).json()["tasks"][0]
    plan: dict[str, Any] = {"project": project, "task": task, "rate": RATE}
    requests: dict[str, Any] = {}
    with here.backend_running() as backend:
        connect_backend(client, number, backend.url)
        until(lambda: backend.project(number).get("embedded"))
        clicks["backend fetching images"] = submitted(
            annotator, lambda: backend.project(number)["embedded"] < tasks
        )
        until(lambda: backend.project(number).get("embedded") == tasks)
        until(lambda: any(r["weights"] for r in backend.finished_rounds(number)))
        until(lambda: not backend.project(number)["progress"])
        clicks["backend idle"] = submitted(annotator)
        until(lambda: not backend.project(number)["progress"])
        requests["idle"] = from_another_process(url=backend.url, count=count // 2, **plan)
        clicks["backend idle"] += submitted(annotator)
        with training(backend.url, project, lambda: stage_of(backend, number)) as busy:
            clicks["backend training"] = submitted(annotator)
            requests["training"] = from_another_process(url=backend.url, count=count, **plan)
            clicks["backend training"] += submitted(annotator)
        disconnect(client, number)
        clicks["no backend"] += submitted(annotator)
    plan["without"] = ["/webhook"]  # it starts a process for each of them: see sample_server.py
    with sample_server(folder) as url:
        httpx.post(f"{url}/setup", json={"project": "1.1", "schema": "", "model_version": None})
        requests["sample idle"] = from_another_process(url=url, count=count // 4, **plan)
        at_work = folder / "sample" / "at work"
        with training(url, project, lambda: "training" if at_work.exists() else "") as _:
            requests["sample training"] = from_another_process(url=url, count=count // 2, **plan)
        connect_backend(client, number, url)
        clicks["sample idle"] = submitted(annotator)
        disconnect(client, number)
    submits = {when: summary(timed) for when, timed in clicks.items()}
    return {
        "tasks": tasks,
        "rate": RATE,
        "requests": requests,
        "submits": submits,
        "busy": statistics.mean(busy),
    }


def stage_of(backend: Backend, number: int) -> str:
    """What the worker is at; empty if it rests."""
    return str((backend.project(number)["progress"] or {}).get("stage", ""))


def disconnect(client: httpx.Client, number: int) -> None:
    """Take the project's backend and webhook away."""
    query = {"project": number}
    for backend in client.get("/api/ml", params=query).json():
        client.delete(f"/api/ml/{backend['id']}").raise_for_status()
    for hook in client.get("/api/webhooks/", params=query).json():
        client.delete(f"/api/webhooks/{hook['id']}/").raise_for_status()


class Click(NamedTuple):
    """Milliseconds that an annotator waits for the next task, and for «Submit»."""

    opened: float
    submitted: float


def submitted(annotator: Annotator, going: Callable[[], bool] = lambda: True) -> list[Click]:
    """Label some tasks one after the other, as long as something goes on beside it."""
    clicks: list[Click] = []
    while len(clicks) < SUBMITS and going():
        began = time.perf_counter()
        task = annotator.open_next()
        assert task is not None
        opened = time.perf_counter()
        annotator.submit(task)
        clicks.append(Click(1000 * (opened - began), 1000 * (time.perf_counter() - opened)))
    return clicks


def summary(clicks: list[Click]) -> dict[str, float]:
    return {
        "next_median": statistics.median(click.opened for click in clicks),
        "median": statistics.median(click.submitted for click in clicks),
        "greatest": max(click.submitted for click in clicks),
        "clicks": len(clicks),
    }


@contextmanager
def training(url: str, project: dict[str, Any], stage: Callable[[], str]) -> Iterator[list[bool]]:
    """Keep it training: ask for a round when none is under way; how often one computed."""
    over = threading.Event()
    seen: list[bool] = []

    def ask() -> None:
        asked_at = 0.0
        while not over.wait(0.5):
            now = stage()
            seen.append(now in COMPUTING)
            if not now and time.monotonic() - asked_at > BEGIN_SECONDS:
                asked_at = time.monotonic()
                event = {"action": "START_TRAINING", "project": {"id": project["id"]}}
                httpx.post(f"{url}/webhook", json=event, timeout=60, trust_env=False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@contextmanager
def sample_server(folder: Path) -> Iterator[str]:
    port = free_port()
    state = folder / "sample"
    state.mkdir()
    command = [
        sys.executable, "-m", "gunicorn", "tests.soak.sample_server:app",
        "--bind", f"{LOOPBACK}:{port}", "--workers", "1", "--threads", "8", "--timeout", "120",
        "--no-control-socket",
    ]  # fmt: skip
    env = {**os.environ, "MODEL_DIR": str(state), "PYTHONPATH": str(ROOT)}
    log = folder / "sample.log"
    with ChildProcess("label-studio-ml's server", command, log, env=env, folder=state):
        url = f"http://{LOOPBACK}:{port}"
        until(lambda: answers(url))
        yield url


if __name__ == "__main__":
    main()
