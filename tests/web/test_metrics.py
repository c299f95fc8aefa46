"""Figures for Prometheus, read as Prometheus reads them."""

import contextlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fishermask_backend.demo.folder import free_port
from fishermask_backend.machine.lifeline import Lifeline
from fishermask_backend.store import pool, projects
from fishermask_backend.web import metrics
from fishermask_backend.web.app import create_app
from tests.conftest import publish_round

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def client(store):
    metrics.REQUEST_SECONDS.clear()
    return create_app().test_client()


def scrape(client):
    """Name and labels of each sample, to its value."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (sample.name.removeprefix("fishermask_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_by_route_and_status(client):
    for path in ("/projects/7", "/projects/8", "/nothing", "/nowhere", "/health"):
        client.get(path)
    client.open("/health", method="ANYTHING")
    found = scrape(client)
    assert found["request_seconds_count", "GET", "/projects/<int:studio_id>", "404"] == 2
    assert found["request_seconds_count", "", "", "404"] == 2
    assert found["request_seconds_count", "", "", "405"] == 1
    assert found["request_seconds_count", "GET", "/health", "200"] == 1


def test_what_the_database_says_now(client, store, project):
    assert scrape(client)["round", "7"] == 0
    publish_round(
        store, project, [2, 1], label_count=1, checked=1, seconds={"train": 1.5, "mask": 0.25}
    )
    with store.begin() as session:
        tasks = pool.tasks_by_id(session, project.id, [1, 2, 4])
        tasks[1].answer, tasks[1].trained, tasks[1].annotated = '["cat"]', '["cat"]', True
        tasks[2].answer = '["dog"]'
        tasks[4].row, tasks[4].image_error = None, "Task 4, image /4.png: gone."
        projects.get(session, project.id).failures = 3
    found = scrape(client)
    assert {key[0]: value for key, value in found.items() if key[1:] == ("7",)} == {
        "tasks": 4, "embedded": 3, "failed_images": 1, "labelled": 2, "pending_labels": 1,
        "tied_tasks": 0, "queue_left": 1, "round": 1, "failures": 3, "accuracy": 0,
    }  # fmt: skip
    assert found["stage_seconds", "7", "train"] == 1.5
    assert found["stage_seconds", "7", "mask"] == 0.25


def test_worker_s_last_sign_of_life(client, settings):
    assert ("worker_seen_timestamp_seconds",) not in scrape(client)
    first, second = Lifeline(settings.model_dir), Lifeline(settings.model_dir)
    first.beat(2**20)
    os.utime(settings.model_dir / "workers" / first.name, (1, 1))
    assert second.name != first.name
    second.beat(2**33)
    found = scrape(client)
    assert found["gpu_bytes",] == 2**33
    assert abs(found["worker_seen_timestamp_seconds",] - time.time()) < 60


def test_requests_of_all_web_processes_are_one_sum(settings):
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, "-m", "fishermask_backend.cli", "serve"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PORT": str(port), "WORKERS": "2"},
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as web:
            while True:
                with contextlib.suppress(httpx.ConnectError):
                    web.get("/health")
                    break
                assert program.poll() is None
                time.sleep(0.1)

            def ask(_):
                return httpx.get(f"http://127.0.0.1:{port}/versions", timeout=30).status_code

            asked = 0
            folder = settings.model_dir / "metrics"
            with ThreadPoolExecutor(8) as threads:
                while len(list(folder.glob("histogram_*.db"))) < 2:  # until both have answered
                    assert set(threads.map(ask, range(40))) == {200}
                    asked += 40
            assert scrape(web)["request_seconds_count", "GET", "/versions", "200"] == asked
    finally:
        program.terminate()
        program.wait(30)
