"""The traffic light in words."""

import time

import pytest

from fishermask_backend.machine.lifeline import Health
from fishermask_backend.settings import load_settings
from fishermask_backend.store import projects
from fishermask_backend.web.page.lights import lights, worker_light
from fishermask_backend.web.status import project_status

LIVES = Health(True, "lives, last seen 2 s ago")


@pytest.fixture
def shown(store):
    def look(project, worker=LIVES, **fields):
        with store.begin() as session:
            row = projects.get(session, project.id)
            for name, value in fields.items():
                setattr(row, name, value)
        found = lights(load_settings(), row, project_status(7), worker)
        return {light.name: light for light in found}

    return look


def test_all_is_well(shown, served, configured):
    configured(LABEL_STUDIO_API_KEY="secret-key")
    found = shown(served, former={"sampling": "s", "model_version": "", "set": True})
    assert {light.word for light in found.values()} == {"works"}
    assert [*found] == [
        "Label Studio", "Key", "Web server", "Worker", "Order of tasks", "Last round",
    ]  # fmt: skip
    assert "secret-key" not in str(found)


def test_before_the_first_round_some_wait(shown, project):
    found = shown(project, pass_finished_at=0.0, token="sealed")
    assert (found["Label Studio"].level, found["Key"].level) == ("waits", "good")
    assert (found["Order of tasks"].level, found["Last round"].level) == ("waits", "waits")


def test_what_is_wrong_says_what_to_do(shown, served):
    found = shown(served, connected=False, token=None, offered_token=None)
    assert found["Label Studio"].level == found["Key"].level == "wrong"
    assert "fishermask connect --project 7" in found["Label Studio"].todo
    assert "LABEL_STUDIO_API_KEY" in found["Key"].todo


@pytest.mark.parametrize(
    ("reading", "wrong"),
    [(True, ["Label Studio", "Last round"]), (False, ["Last round"])],
)
def test_an_error_stands_where_it_came_from(shown, served, configured, reading, wrong):
    configured(LABEL_STUDIO_API_KEY="k")
    error = "Label Studio answered 502."
    past = [{"at": time.time(), "error": error, "reading": reading}]
    found = shown(served, error=error, errors=past, failures=2)
    assert [name for name, light in found.items() if light.level == "wrong"] == wrong
    assert found["Last round"].told == "Label Studio answered 502"
    assert "2 times" in found["Last round"].todo


def test_a_paused_order_is_to_be_looked_at(shown, served):
    assert shown(served, order_note="paused, because …")["Order of tasks"].level == "look"


def test_a_worker_that_does_not_live():
    light = worker_light(Health(False, "last seen 99 s ago: start it; its log says why"))
    assert (light.level, light.told) == ("wrong", "last seen 99 s ago")
    assert light.todo == "start it; its log says why"
