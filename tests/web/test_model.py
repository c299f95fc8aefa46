"""The model under both releases of label-studio-ml."""

import importlib.util
import time

import pytest
from label_studio_ml import api as server_1x
from label_studio_ml import model as library
from sqlalchemy import func, select

from fishermask_backend.errors import BadRequest, UnsupportedLabelConfig
from fishermask_backend.settings import load_settings
from fishermask_backend.store import embedding_queue, leases, pool, projects, rounds
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import COLD_START, Base
from fishermask_backend.web import model
from fishermask_backend.web.incoming import parse_project
from fishermask_backend.web.model import FisherMaskBackend
from tests.conftest import CONFIG, tasks
from tests.store.stored import publish, put

BOTH_DATABASES = True

TEXT = '<View><Text name="t" value="$t"/><TextArea name="a" toName="t"/></View>'


def stored(store, studio_id=7):
    with store.read() as session:
        return projects.find(session, load_settings().label_studio_url, studio_id)


# setup


def test_setup_takes_note_of_a_project_and_answers_its_version(store):
    backend = FisherMaskBackend(project_id="7.1000", label_config=CONFIG)
    assert backend.setup() == "fishermask-0"
    found = stored(store)
    assert (found.studio_id, found.created, found.connected) == (7, 1000, False)


def test_setup_of_a_served_project_answers_its_queue_and_writes_nothing(store, served):
    before = stored(store).events
    assert FisherMaskBackend(project_id="7.1000", label_config=CONFIG).setup() == "fishermask-1"
    assert stored(store).events == before


def test_setup_notes_where_browsers_reach_label_studio(store, served):
    def setup(hostname):
        FisherMaskBackend("7.1000", CONFIG, hostname=hostname).setup()
        return stored(store).public_url

    assert setup("https://labels.example.com") == "https://labels.example.com"
    events = stored(store).events
    for again in ("https://labels.example.com/", "", "javascript:alert(1)"):
        assert setup(again) == "https://labels.example.com"
    assert stored(store).events == events


def test_another_project_with_the_same_id_is_another_one(served):
    assert FisherMaskBackend(project_id="7.2000", label_config=CONFIG).setup() == "fishermask-0"


def test_unsupported_config_says_what_to_add(store):
    with pytest.raises(UnsupportedLabelConfig, match="<Choice value="):
        FisherMaskBackend(project_id="7.1000", label_config=TEXT).setup()
    assert stored(store) is None


def test_setup_s_token_rests_encrypted_and_only_without_a_key(store, monkeypatch):
    def setup():
        FisherMaskBackend("7.1000", CONFIG, access_token="0123").setup()
        return stored(store).offered_token

    assert "0123" not in setup()
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "key")
    load_settings.cache_clear()
    with store.begin() as session:
        projects.get(session, stored(store).id).offered_token = None
    assert setup() is None


@pytest.mark.parametrize("token", ["a\nb", "é", "a b", "a" * 5000])
def test_what_cannot_be_a_token_is_not_kept(store, token):
    FisherMaskBackend("7.1000", CONFIG, access_token=token).setup()
    assert stored(store).offered_token is None


@pytest.mark.parametrize("text", ["", ".", "x.1", "7.", "7.x", "-7.1"])
def test_project_ids_that_are_none(text):
    with pytest.raises(BadRequest, match="<creation time>"):
        parse_project(text)


# predict


def test_predict_answers_each_task_in_order(served):
    answers = FisherMaskBackend("7.1000").predict(tasks(3, 1, 2), context=None, login=None)
    assert [a["score"] for a in answers] == [0.75, 0.25, 0.0]
    assert {a["model_version"] for a in answers} == {"fishermask-1"}
    assert answers[1]["result"][0]["value"] == {"choices": ["cat"]}
    assert answers[1]["result"][0]["score"] == pytest.approx(0.9)


def test_tasks_of_the_queue_are_answered_by_their_places_in_it(store, served):
    with store.read() as session:
        source = rounds.active(session, served.id)
    publish(store, source, [2, 3, 1])  # 3 is drawn at random, by its own score it is the last
    answers = FisherMaskBackend("7.1000").predict(tasks(1, 2, 3))
    assert [a["score"] for a in answers] == pytest.approx([1 / 3, 0, 1 / 6], abs=1e-6)
    assert {a["model_version"] for a in answers} == {"fishermask-1.2"}


def test_predict_before_the_first_round_or_look_is_empty(store, project):
    empty = [[], []]
    assert FisherMaskBackend("7.1000").predict(tasks(1, 2)) == empty
    with store.begin() as session:  # /setup came, the worker has not looked yet
        projects.get(session, project.id).label_config = ""
    assert FisherMaskBackend("7.1000").predict(tasks(1, 2)) == empty
    assert FisherMaskBackend("8.1000").predict(tasks(1, 2)) == empty
    assert FisherMaskBackend("7.1000").predict([]) == []


def test_predict_answers_nothing_where_nothing_is_learnt(store, project):
    """Not an empty prediction: Label Studio would store it and never ask again."""
    scores = [Scored(i, i / 8, 1.0, None) for i in (1, 2)]
    publish(store, put(store, project.id, 1, scores, acquisition=COLD_START), [1, 2])
    assert FisherMaskBackend("7.1000").predict(tasks(1, 2)) == [[], []]


def test_predict_without_pre_labels(served, monkeypatch):
    monkeypatch.setenv("PRELABELS", "false")
    load_settings.cache_clear()
    answers = FisherMaskBackend("7.1000").predict(tasks(2, 1))
    assert [(a["result"], a["score"]) for a in answers] == [([], 0.0), ([], 0.25)]


@pytest.mark.parametrize(("above", "shown"), [("0", True), ("0.89", True), ("0.91", False)])
def test_predict_shows_pre_labels_that_are_probable_enough(served, monkeypatch, above, shown):
    monkeypatch.setenv("PRELABEL_ABOVE", above)
    load_settings.cache_clear()
    (answer,) = FisherMaskBackend("7.1000").predict(tasks(1))
    assert (bool(answer["result"]), answer["score"]) == (shown, 0.25)


def test_predict_leaves_out_a_class_that_the_config_lost(store, served):
    with store.begin() as session:
        row = projects.get(session, served.id)
        row.label_config = CONFIG.replace('value="cat"', 'value="horse"')
    (answer,) = FisherMaskBackend("7.1000").predict(tasks(2))
    assert answer["result"][0]["value"] == {"choices": ["dog"]}


@pytest.mark.parametrize("task", [{}, {"id": "7"}, {"id": None}, {"id": True}, "7", None])
def test_predict_names_the_task_that_has_no_id(served, task):
    with pytest.raises(BadRequest, match=r"tasks\[1\]"):
        FisherMaskBackend("7.1000").predict([{"id": 1}, task])


# fit


def tell(event, studio_id=7):
    return FisherMaskBackend().fit(event, {"project": {"id": studio_id}})


@pytest.mark.parametrize(("event", "tries"), [("START_TRAINING", 0), ("TASKS_CREATED", 1)])
def test_start_training_tries_failed_images_at_once(store, served, event, tries):
    with store.begin() as session:
        task = pool.tasks_by_id(session, served.id, [4])[4]
        task.row = None
        embedding_queue.fail(task, "It is damaged.", broken=True)
    tell(event)
    with store.read() as session:
        task = pool.tasks_by_id(session, served.id, [4])[4]
    assert (task.image_tries, task.image_broken) == (tries, bool(tries))


@pytest.mark.parametrize(
    ("event", "label", "train", "full"),
    [
        ("ANNOTATION_CREATED", True, False, False),
        ("ANNOTATION_UPDATED", True, False, False),
        ("ANNOTATION_DELETED", True, False, False),
        ("ANNOTATIONS_CREATED", True, False, False),
        ("ANNOTATIONS_DELETED", True, False, False),
        ("TASKS_CREATED", True, False, False),
        ("TASKS_DELETED", False, False, True),
        ("PROJECT_UPDATED", False, False, False),
        ("START_TRAINING", False, True, False),
    ],
)
def test_events_become_pending_work(store, served, event, label, train, full):
    before = stored(store)
    assert tell(event).keys() == ({"message"} if train else set())
    now = stored(store)
    assert now.events == before.events + 1
    assert now.due_at <= time.time()
    assert (now.train_asked_at > 0) == train
    assert now.pass_wanted == full
    assert (now.last_event_at > before.last_event_at) == (label or train)


def test_other_events_and_projects_are_nothing(store, served):
    before = stored(store).events
    tell("LABEL_LINK_CREATED")
    tell("ANNOTATION_CREATED", studio_id=8)
    assert stored(store).events == before
    assert stored(store, 8) is None


def test_a_thousand_events_are_one_pending_round_and_no_row(store, served):
    def rows():
        with store.read() as session:
            tables = Base.metadata.sorted_tables
            return {t.name: session.scalar(select(func.count()).select_from(t)) for t in tables}

    before = rows()
    for number in range(1000):
        tell("START_TRAINING" if number % 2 else "ANNOTATION_CREATED", studio_id=7 + number % 3)
    assert rows() == before
    with store.begin() as session:
        lease = leases.claim(session, load_settings().label_studio_url, "a worker")
        projects.get(session, lease.project_id).train_asked_at = 0.0  # a round has followed
        leases.release(session, lease, due_at=time.time() + 3600)
    assert stored(store).due_at > time.time() + 3000
    assert not stored(store).train_asked_at


@pytest.mark.parametrize("project", [None, {}, {"id": "7"}, [7]])
def test_event_without_a_project_is_refused(store, project):
    with pytest.raises(BadRequest, match="project="):
        FisherMaskBackend().fit("ANNOTATION_CREATED", {"project": project})


# label-studio-ml 1.0.9: its own server, with the class in it


@pytest.fixture
def client_1x(settings):
    folder = settings.model_dir / "label-studio-ml"
    return server_1x.init_app(FisherMaskBackend, model_dir=str(folder)).test_client()


def test_server_of_1_0_9(client_1x, store, served):
    assert client_1x.get("/health").json["status"] == "UP"
    setup = {"project": "7.1000", "schema": CONFIG, "hostname": "", "access_token": "t"}
    assert client_1x.post("/setup", json=setup).status_code == 200
    body = {"tasks": tasks(2, 3, 4), "project": "7.1000", "params": {"login": None, "context": {}}}
    answer = client_1x.post("/predict", json=body)
    assert [a and a["score"] for a in answer.json["results"]] == [0.0, 0.75, []]


def test_event_through_the_server_of_1_0_9(client_1x, store, served):
    before = stored(store).events
    event = {"action": "START_TRAINING", "project": {"id": 7, "label_config": CONFIG}}
    assert client_1x.post("/webhook", json=event).status_code == 201
    end = time.monotonic() + 120  # it starts a process, which imports everything again
    while stored(store).events == before and time.monotonic() < end:
        time.sleep(0.1)
    assert stored(store).train_asked_at


# label-studio-ml 2.x: its conventions


class Base2x:
    """`LabelStudioMLBase` of 2.x as far as a model sees it: state by key, `setup` at the start."""

    def __init__(self, project_id=None, label_config=None):
        self.project_id = project_id or ""
        self.state = {"label_config": label_config, "model_version": "0.0.1"}
        self.setup()

    label_config = property(lambda self: self.state["label_config"])

    def set(self, key, value):
        self.state[key] = value


@pytest.fixture
def class_2x(store, monkeypatch):
    monkeypatch.setattr(library, "LabelStudioMLBase", Base2x)
    spec = importlib.util.spec_from_file_location("model_under_2x", model.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.FisherMaskBackend


def test_conventions_of_2x(class_2x, store, served):
    backend = class_2x(project_id="7", label_config=CONFIG)  # its server drops the creation time
    assert backend.state["model_version"] == "fishermask-1"  # which its /setup answers
    answers = backend.predict(tasks(2, 3), context={"result": []}, login=None, password=None)
    assert [a["score"] for a in answers] == [0.0, 0.75]
    before = stored(store).events
    class_2x("7", label_config=CONFIG).fit("ANNOTATION_CREATED", {"project": {"id": 7}})
    assert stored(store).events == before + 1


def test_project_not_known_yet_under_2x(class_2x, store):
    backend = class_2x(project_id="7", label_config=CONFIG)
    assert backend.state["model_version"] == "fishermask-0"
    assert backend.predict(tasks(1)) == [[]]
    assert backend.fit("ANNOTATION_CREATED", {"project": {"id": 7}}, additional=1) == {}
    assert stored(store) is None
