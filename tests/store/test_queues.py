import time

from fishermask_backend.store import queues, rounds
from fishermask_backend.store.schema import Queue

from .stored import annotation, publish, put

BOTH_DATABASES = True


def test_every_publishing_has_a_version_of_its_own(store, project_id):
    made = put(store, project_id)
    versions = [publish(store, made) for _ in range(3)]
    assert versions == ["fishermask-1", "fishermask-1.2", "fishermask-1.3"]
    with store.read() as session:
        states = [q.state for q in queues.history(session, project_id)]
        assert states == ["superseded", "superseded", "active"]
        assert queues.answered_version(queues.active(session, project_id)) == "fishermask-1.3"


def test_a_version_that_label_studio_holds_is_not_used_again(store, project_id):
    made = put(store, project_id, number=7)
    published = ["fishermask-6.9", "fishermask-7", "fishermask-7.2", "fishermask-70", "other"]
    with store.begin() as session:
        assert queues.begin(session, made, [1], published).version == "fishermask-7.3"


def test_an_import_that_was_cut_off_is_not_resumed(store, project_id):
    made = put(store, project_id)
    with store.begin() as session:
        queues.begin(session, made, [1])
    assert publish(store, made) == "fishermask-1.2"
    with store.read() as session:
        assert [q.state for q in queues.history(session, project_id)] == ["superseded", "active"]


def test_an_activated_round_supersedes_the_one_before(store, project_id):
    first = put(store, project_id)
    publish(store, first)
    second = put(store, project_id, 2)
    with store.read() as session:
        assert rounds.active(session, project_id).number == 1  # goes on serving
    publish(store, second)
    with store.read() as session:
        assert [r.state for r in rounds.history(session, project_id)] == ["superseded", "active"]


def test_adding_to_a_queue_leaves_the_next_round_to_be_published(store, project_id):
    first = put(store, project_id, 1)
    put(store, project_id, 2)
    publish(store, first)
    with store.read() as session:
        assert [r.state for r in rounds.history(session, project_id)] == ["active", "computed"]


def test_queues_are_outdated_only_once_superseded_long_ago(store, project_id):
    made = put(store, project_id)
    publish(store, made)
    publish(store, made)
    with store.begin() as session:
        assert queues.outdated(session, project_id, time.time() - 60) == []
        first = session.get_one(Queue, 1)
        first.superseded_at = time.time() - 120
        session.flush()
        assert [q.version for q in queues.outdated(session, project_id, time.time() - 60)] == [
            "fishermask-1"
        ]


def test_pace_is_that_of_the_half_minute_or_of_who_has_just_begun(store, project_id):
    def annotate(first, last, who, seconds_ago):
        with store.begin() as session:
            session.add_all(
                annotation(project_id, i, who, seconds_ago=seconds_ago) for i in range(first, last)
            )

    def pace():
        with store.read() as session:
            return queues.pace(session, project_id)

    assert pace() == (0, 0.0)
    annotate(1, 10, who=1, seconds_ago=40)
    assert pace() == (0, 0.0)
    annotate(10, 16, who=1, seconds_ago=20)
    assert pace() == (1, 6 / 30)
    annotate(16, 20, who=2, seconds_ago=3)
    assert pace() == (2, 4 / 10)  # 10 / 30 is less
