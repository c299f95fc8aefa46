"""Tasks that come after a round: where they are placed, and what is said if they cannot be."""

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.ordering import QUEUE_END
from fishermask_backend.store import pool, rounds
from fishermask_backend.worker.round import run_round
from fishermask_backend.worker.scoring import Loaded, score_new_tasks
from tests.conftest import CONFIG
from tests.round_problem import POOL, begun, label, ranking

SPEC = parse_label_config(CONFIG)
LATER = (POOL - 1, POOL)


@pytest.fixture
def work(store, project, configured):
    configured(BATCH_SIZE="3", QUEUE_MARGIN="2", MASK_INNER="10")
    return begun(store, project)


@pytest.fixture
def serving(work, inputs, backbone):
    """Computes a round without the later tasks, lets it serve and embeds them."""

    def make(labels):
        embed_later(work, None)
        label(work, {i: ["cat" if i % 2 else "dog"] for i in range(1, labels + 1)})
        made = run_round(work, SPEC, backbone, inputs)
        with work.store.begin() as session:
            rounds.activate(session, made.id)
        embed_later(work, 1)
        return made

    return make


def embed_later(work, shift, tasks=LATER):
    with work.store.begin() as session:
        for i, task in pool.tasks_by_id(session, work.project_id, tasks).items():
            task.row = None if shift is None else i - shift


def test_later_tasks_are_placed_by_their_gain_and_get_prelabels(work, inputs, backbone, serving):
    made = serving(labels=10)
    assert not score_new_tasks(work, backbone, inputs)
    _, scores = ranking(work, made)
    rest = [s.gain for i, s in scores.items() if i not in LATER and QUEUE_END <= s.score < 1]
    for i in LATER:
        ahead = sum(gain > scores[i].gain for gain in rest) / len(rest)
        assert scores[i].score == pytest.approx(QUEUE_END + (1 - QUEUE_END) * ahead)
        guess = rounds.class_probabilities(made, scores[i])
        assert max(guess, key=guess.get) == ("cat" if i % 2 else "dog")


def test_after_a_cold_start_they_come_at_random_behind_the_queue(work, inputs, backbone, serving):
    made = serving(labels=0)
    assert not made.lost_files  # it never had any
    assert not score_new_tasks(work, backbone, inputs)
    _, scores = ranking(work, made)
    with work.store.read() as session:
        tasks = pool.tasks_by_id(session, work.project_id, LATER)
    for i in LATER:
        assert scores[i].score == QUEUE_END + (1 - QUEUE_END) * tasks[i].shuffle
        assert scores[i].probabilities is None


def test_files_that_cannot_be_read_are_told_and_given_up(work, inputs, backbone, serving, caplog):
    made = serving(labels=10)
    (work.settings.model_dir / made.scorer).write_bytes(b"nothing")
    assert score_new_tasks(work, backbone, inputs)  # once more, now without the files
    assert "the next round writes a new one" in caplog.text
    with work.store.read() as session:
        lost = rounds.active(session, work.project_id)
    assert (lost.weights, lost.scorer, lost.lost_files) == (None, None, True)
    assert "the next round writes a new one" in lost.notes[-1]
    assert not score_new_tasks(work, backbone, inputs)
    assert set(LATER) <= ranking(work, made)[1].keys()


def test_what_was_loaded_serves_the_next_tasks_until_another_round(work, inputs, backbone, serving):
    made, loaded = serving(labels=10), Loaded()
    embed_later(work, None, LATER[:1])
    assert not score_new_tasks(work, backbone, inputs, loaded)
    for name in (made.weights, made.scorer):
        (work.settings.model_dir / name).unlink()
    embed_later(work, 1, LATER[:1])
    assert not score_new_tasks(work, backbone, inputs, loaded)
    scores = ranking(work, made)[1]
    assert scores[LATER[0]].probabilities is not None
    again = serving(labels=12)
    (work.settings.model_dir / again.scorer).unlink()
    assert score_new_tasks(work, backbone, inputs, loaded)  # what is loaded is not this round's
    with work.store.read() as session:
        assert rounds.active(session, work.project_id).lost_files


def test_requests_are_answered_by_being_dropped(work, inputs, backbone, serving):
    serving(labels=10)
    with work.store.begin() as session:
        rounds.ask_scores(session, work.project_id, [*LATER, 999])
    assert not score_new_tasks(work, backbone, inputs)
    with work.store.read() as session:
        assert not rounds.requested(session, work.project_id)
