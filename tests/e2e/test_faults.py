"""Label Studio, memory and files that fail: a sentence, tries with back-off, the earlier order stays.

The worker is moved step by step; between it and the real Label Studio is a proxy that breaks what it
is told to. `tests.soak.page` reads what these tests record.
"""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.learning import lesson
from fishermask_backend.settings import load_settings
from fishermask_backend.state import INPUTS
from fishermask_backend.store import pool
from fishermask_backend.store.schema import Project as ProjectRow
from fishermask_backend.store.schema import Queue
from fishermask_backend.worker.connection import discover
from tests.conftest import Told
from tests.e2e.backends import wait_for
from tests.e2e.faulty_proxy import FaultyProxy
from tests.e2e.machine import Machine, check_order, once, running
from tests.e2e.people import Person
from tests.e2e.projects import Project, as_json, digits, label_config

pytestmark = pytest.mark.fault

PULL = r"GET /api/(projects/\d+/?\?|projects/\d+/?$|tasks)"
IMPORT = r"POST /api/projects/\d+/import/predictions"
SET_ORDER = r"PATCH /api/projects/\d+"


@pytest.fixture(scope="module")
def proxy(label_studio: LabelStudioServer) -> Iterator[FaultyProxy]:
    made = FaultyProxy(label_studio.url).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def machine(
    proxy: FaultyProxy, label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    with running(proxy.url, label_studio.token, folder) as made:
        yield made


@pytest.fixture(scope="module")
def project(machine: Machine, owner: Person) -> Iterator[Project]:
    """A project with a trained round, known by everything that follows."""
    made = Project(owner, "faults", label_config())
    for start in (0, 75):  # Label Studio takes 100 files at a time
        made.upload(digits()[start : start + 75])
    machine.connect(made)
    made.label(3)
    machine.train(made)
    yield made
    made.delete()


def fails(machine: Machine, project: Project, *, times: int = 1) -> ProjectRow:
    """Work until the step has failed so often; the project then, with its sentence."""
    machine.work(lambda: machine.row(project).failures >= times)
    row = machine.row(project)
    assert row.lease_owner is None
    return row


def check_serving(machine: Machine, project: Project, queue: Queue) -> None:
    """The earlier round serves: people by its order, and /predict by its scores."""
    check_order(project, queue.version)
    task = project.owner.open_next(project.id)
    assert task["id"] in queue.task_ids or "Task lock" in task["queue"]  # theirs since before
    scores = machine.predict(project, *queue.task_ids)
    assert scores == sorted(scores)


def recovers(machine: Machine, project: Project, queue: Queue) -> Queue:
    """Work until another order is served that knows every label; that one."""
    machine.work(
        lambda: (
            machine.queue(project).version != queue.version
            and machine.trained(project) == as_json(project.answers())
        )
    )
    new = machine.queue(project)
    check_order(project, new.version)
    assert machine.row(project).failures == 0
    assert machine.error(project) == ""
    return new


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"cut": "before"}, "did not answer .*LABEL_STUDIO_URL"),
        ({"status": 401}, "answered 401: .*LABEL_STUDIO_API_KEY"),
        ({"status": 403}, "answered 403: .*user"),
        ({"status": 404, "body": "<html>nginx</html>"}, "answered 404: .*LABEL_STUDIO_URL"),
        ({"status": 500}, "answered 500: .*log"),
        ({"status": 200, "body": "<html>Log in</html>"}, "answered 200: .*LABEL_STUDIO_URL"),
    ],
    ids=["cut", "401", "403", "404", "500", "a page"],
)
def test_label_studio_fails_in_a_pull(
    how: dict[str, Any],
    words: str,
    machine: Machine,
    project: Project,
    proxy: FaultyProxy,
    told: Told,
):
    queue = machine.queue(project)
    with proxy.breaking(PULL, **how):
        project.label(5)
        row = fails(machine, project, times=2)
        assert re.search(words, row.error)
        assert row.retry_at == row.error_at + 2  # seconds; the next wait is twice as long
        check_serving(machine, project, queue)
    since = time.monotonic()
    recovers(machine, project, queue)
    name = how.get("status") or "connections cut"
    name = "a web page" if name == 200 else name
    told(f"Label Studio while it is read: {name}", row.error, since)


def test_label_studio_asks_to_be_left_alone(
    machine: Machine, project: Project, proxy: FaultyProxy, told: Told
):
    queue = machine.queue(project)
    project.label(5)
    with proxy.breaking(PULL, status=429, headers={"Retry-After": "120"}):
        row = fails(machine, project)
        assert "answered 429" in row.error
        assert row.retry_at == row.error_at + 120
        assert len(proxy.met) == 1  # nothing repeats it meanwhile
        assert not machine.worker.work_once()
        check_serving(machine, project, queue)
    since = time.monotonic()
    project.start_training()  # a person's click need not wait
    recovers(machine, project, queue)
    told("Label Studio: 429 with Retry-After", row.error, since)


@pytest.mark.parametrize(
    ("calls", "how", "version"),
    [
        (IMPORT, {"status": 500}, "{}.2"),
        (IMPORT, {"cut": "before"}, "{}.2"),
        (IMPORT, {"cut": "after"}, "{}.2"),
        (SET_ORDER, {"status": 500}, "{}"),
        (SET_ORDER, {"cut": "after"}, "{}"),
    ],
    ids=["import 500", "import cut", "import's answer lost", "order 500", "order's answer lost"],
)
def test_label_studio_fails_in_publishing(
    calls: str, how: dict[str, Any], version: str,
    machine: Machine, project: Project, proxy: FaultyProxy, told: Told,
):  # fmt: skip
    queue, number = machine.queue(project), machine.rounds(project)[-1].number + 1
    project.label(5)
    with proxy.breaking(calls, **how):
        row = fails(machine, project)
        assert "Label Studio" in row.error
        if (calls, how) != (SET_ORDER, {"cut": "after"}):
            check_serving(machine, project, queue)
    since = time.monotonic()
    new = recovers(machine, project, queue)
    assert new.version.startswith(version.format(f"fishermask-{number}"))
    assert machine.rounds(project)[-1].number == number  # the round itself is not computed again
    name = how.get("status") or f"cut {how['cut']} it arrives"
    told(f"Label Studio in publishing ({calls.split()[0]}): {name}", row.error, since)


def test_label_studio_fails_in_the_middle_of_a_pass(
    machine: Machine, project: Project, proxy: FaultyProxy
):
    with proxy.breaking(r"GET /api/tasks.*task_only.*page_size=500", status=502):
        begun = machine.row(project).pass_number
        with pytest.raises(AssertionError, match="not true within"):
            machine.look_at_everything(project, seconds=3)
        row = machine.row(project)
        assert "answered 502" in row.error
        assert row.pass_number == begun + 1
        assert [kind for kind, *_ in row.plan] == ["tasks"]  # annotated ones are read
    machine.work(lambda: machine.row(project).plan is None)
    assert machine.row(project).pass_number == begun + 1


@pytest.mark.soak
def test_label_studio_is_slow(machine: Machine, project: Project, proxy: FaultyProxy, told: Told):
    queue = machine.queue(project)
    project.label(5)
    with proxy.breaking(r"GET /api/tasks", delay=30.0):
        since = time.monotonic()
        worker = threading.Thread(target=machine.worker.work_once)
        worker.start()
        wait_for(lambda: proxy.met)
        check_serving(machine, project, queue)
        project.label(1)  # its webhook is answered meanwhile
        assert worker.is_alive()
    worker.join()
    recovers(machine, project, queue)
    told("Label Studio takes 30 s to answer", "the stage it is at; no error", since)


def test_label_studio_is_down_at_the_start(
    machine: Machine, project: Project, proxy: FaultyProxy, told: Told, caplog: Any
):
    queue = machine.queue(project)
    proxy.stop()
    try:
        machine.start_worker()
        own = load_settings().model_copy(update={"backend_url": machine.url})
        assert not list(discover(own, machine.store))
        assert "did not answer" in caplog.text
        project.label(5)
        row = fails(machine, project, times=2)
        assert "Does it run" in row.error
        check_serving(machine, project, queue)
    finally:
        proxy.start()
    since = time.monotonic()
    recovers(machine, project, queue)
    told("Label Studio is down when the worker starts", row.error, since)


def test_memory_runs_out_in_a_round(
    machine: Machine, project: Project, told: Told, monkeypatch: pytest.MonkeyPatch
):
    queue = machine.queue(project)
    project.label(5)
    once(monkeypatch, lesson, "joint_probabilities", lambda *_: torch.empty(2**50))
    row = fails(machine, project)
    assert "MEMORY_LIMIT" in row.error
    check_serving(machine, project, queue)
    since = time.monotonic()
    recovers(machine, project, queue)
    told("memory runs out in a round", row.error, since)


def test_cache_of_inputs_is_damaged(
    machine: Machine, project: Project, told: Told, caplog: pytest.LogCaptureFixture
):
    queue = machine.queue(project)
    (path,) = load_settings().model_dir.glob(INPUTS.pattern(project=machine.row(project).id))
    path.write_bytes(path.read_bytes()[:-100])
    check_serving(machine, project, queue)
    since = time.monotonic()
    project.label(5)
    recovers(machine, project, queue)
    (seen,) = (text for text in caplog.messages if "have to be read again" in text)
    with machine.store.read() as session:
        counts = pool.counts(session, machine.row(project).id)
    assert counts.embedded == counts.tasks
    told("the cache of inputs is damaged", seen, since)


@pytest.mark.parametrize("damaged", ["weights", "scorer", "flipped", "missing"])
def test_files_of_a_round_are_damaged(damaged: str, machine: Machine, project: Project, told: Told):
    queue, last = machine.queue(project), machine.rounds(project)[-1]
    path = load_settings().model_dir / (last.scorer if damaged == "scorer" else last.weights)
    if damaged == "missing":
        path.unlink()
    elif damaged == "flipped":
        content = bytearray(path.read_bytes())
        content[-100] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(path.read_bytes()[:-100])
    check_serving(machine, project, queue)
    since = time.monotonic()
    (new,) = project.upload(digits()[150 + len(project.truth) % 300 :][:1])  # needs the files
    machine.work(lambda: machine.queue(project).version != queue.version)
    lost, made = machine.rounds(project)[-2:]
    (note,) = [n for n in lost.notes if "cannot be read" in n]
    assert (lost.id, made.state, machine.error(project)) == (last.id, "active", "")
    assert machine.predict(project, new) < [1.0]
    check_serving(machine, project, machine.queue(project))
    told(f"a round's files are damaged ({damaged})", note, since)
