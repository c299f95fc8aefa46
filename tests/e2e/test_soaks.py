"""The soaks, briefly: what holds in minutes must hold in seconds, but for figures of time."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from fishermask_backend.demo.backend import Backend
from fishermask_backend.demo.folder import free_port
from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.demo.sources import digits_source
from tests.e2e.people import Person
from tests.soak import crowd, latency, memory
from tests.soak.scene import Scene

ROUTES = {"/health", "/setup", "/webhook", "/predict"}


@pytest.fixture(autouse=True)
def of_digits(monkeypatch: pytest.MonkeyPatch):
    """Downloads nothing."""
    modules: tuple[ModuleType, ...] = (crowd, latency, memory)
    for module in modules:
        monkeypatch.setattr(module, "find_source", lambda *_: digits_source())


@pytest.fixture
def here(label_studio: LabelStudioServer, owner: Person, tmp_path: Path) -> Scene:
    return Scene(tmp_path, label_studio, owner.client, Backend(tmp_path, free_port(), label_studio))


def test_every_call_is_answered_while_it_trains(here: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(latency, "SUBMITS", 3)
    found = latency.measure(80, 200, here)
    training = found["requests"]["training"]
    assert set(training) == ROUTES
    assert sum(timed["requests"] for timed in training.values()) == 80
    assert not any(t["failures"] for routes in found["requests"].values() for t in routes.values())
    assert found["submits"]["backend training"]["clicks"] == 6
    assert found["submits"]["no backend"]["clicks"] == 6
    assert found["submits"]["sample idle"]["clicks"] == 3
    assert found["busy"] > 0


def test_people_together_are_served_from_a_queue_that_lasts(
    here: Scene, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(crowd, "PACE", 2.0)
    with here.backend_running() as backend:
        many = crowd.many_projects(here.client, backend, here.folder, 2)
        people = crowd.many_people(here.client, backend, here.folder, 4, 0.5)
    assert many["first_queue_median"] <= many["first_queue_last"]
    assert people["served"] >= 4
    assert people["dry"] == 0
    assert people["refused"] == {}
    assert people["of_no_queue"] <= 2  # as one queue takes over from another


def test_rounds_leave_no_models_behind(here: Scene, monkeypatch: pytest.MonkeyPatch):
    for name, value in memory.QUEUE.items():
        monkeypatch.setenv(name, value)
    small = replace(here, backend=Backend(here.folder, free_port(), here.studio))
    found = memory.measure(10, 1, small)
    assert found["rounds"] == 10
    for process in ("worker", "web"):
        assert found[process]["mb_a_round"] < 5, found[process]  # a backbone is 13 MB
