"""A round over made-up features: what it trains on, what it stores, and that it is repeatable."""

import logging
import time
from dataclasses import replace
from random import Random

import pytest

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.controls.heads import stored_heads
from fishermask_backend.errors import LeaseLost
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import by_control, leases, pool, projects, rounds
from fishermask_backend.web.status import project_status
from fishermask_backend.worker import round as round_module
from fishermask_backend.worker.housekeeping import remove_leftovers
from fishermask_backend.worker.round import run_round
from fishermask_backend.worker.schedule import round_due
from fishermask_backend.worker.scoring import score_new_tasks
from fishermask_backend.worker.work import Work
from tests.conftest import CONFIG
from tests.round_problem import POOL, Published, begun, label, ranking

BOTH_DATABASES = True

SPEC = parse_label_config(CONFIG)


@pytest.fixture
def work(store, project, configured):
    configured(BATCH_SIZE="3", QUEUE_MARGIN="2")
    return begun(store, project)


def test_without_two_different_answers_it_is_the_cold_start(work, inputs, backbone):
    label(work, {1: ["cat"], 2: ["cat"]})
    made = run_round(work, SPEC, backbone, inputs)
    assert (made.acquisition, made.label_count, made.pool_size) == ("cold start", 2, POOL)
    assert (made.weights, made.scorer, made.state) == (None, None, "computed")
    ordered, scores = ranking(work, made)
    assert len(ordered) == POOL - 2
    assert all(score.probabilities is None for score in scores.values())


def test_a_renewed_first_queue_leaves_labels_to_the_next_round(work, inputs, backbone):
    label(work, {1: ["cat"], 2: ["dog"]})
    made = run_round(work, SPEC, backbone, inputs, learn=False)
    assert (made.acquisition, made.label_count, made.weights) == ("cold start", 2, None)
    with work.store.read() as session:
        assert pool.counts(session, work.project_id).pending == 2


def test_round_learns_and_orders(work, inputs, backbone):
    answers = {i: ["cat" if i % 2 else "dog"] for i in range(1, 11)}
    label(work, answers)
    made = run_round(work, SPEC, backbone, inputs)
    assert (made.number, made.acquisition, made.label_count) == (1, "fishermask", 10)
    ordered, scores = ranking(work, made)
    assert sorted(ordered) == list(range(11, POOL + 1))
    guesses = {i: max(p := rounds.class_probabilities(made, scores[i]), key=p.get) for i in ordered}
    right = sum(guess == ("cat" if i % 2 else "dog") for i, guess in guesses.items())
    assert right >= 0.9 * len(guesses)
    assert (work.settings.model_dir / made.weights).exists()
    assert (work.settings.model_dir / made.scorer).exists()
    with work.store.read() as session:
        assert pool.counts(session, work.project_id).pending == 0


def test_each_stage_is_a_line_in_the_log(work, inputs, backbone, caplog):
    caplog.set_level(logging.INFO)
    label(work, {1: ["cat"], 2: ["dog"]})
    made = run_round(work, SPEC, backbone, inputs)
    told = {line.stage: line.seconds for line in caplog.records if hasattr(line, "stage")}
    assert told == made.seconds
    assert told.keys() == {"read", "train", "mask", "select", "order", "save"}


def test_seconds_left_are_counted_as_the_last_round_took(work, inputs, backbone, monkeypatch):
    label(work, {1: ["cat"], 2: ["dog"]})
    shown, real = [], Work.progress

    def progress(self, stage, done, total, **more):
        real(self, stage, done, total, **more)
        if stage == "Fisher information":
            shown.append(project_status(7)["progress"]["eta_seconds"])

    monkeypatch.setattr(Work, "progress", progress)
    first = run_round(work, SPEC, backbone, inputs)
    with work.store.begin() as session:
        row = rounds.latest(session, work.project_id)
        row.seconds = {**first.seconds, "mask": 10.0, "select": 20.0, "order": 10.0}
        row.pool_size = POOL // 2
    run_round(work, SPEC, backbone, inputs)
    assert shown[0] is None
    assert shown[1] == pytest.approx(80.0, abs=5.0)


def test_what_works_beside_a_round_leaves_its_progress_alone(work):
    work.progress("training", 1, 2)
    replace(work, silent=True).progress("publishing", 0, 1)
    assert work.project().progress["stage"] == "training"


def test_same_labels_same_order(work, inputs, backbone):
    label(work, {1: ["cat"], 2: ["dog"], 3: ["cat"], 4: ["dog"]})
    first, second = (run_round(work, SPEC, backbone, inputs) for _ in range(2))
    assert (first.number, second.number) == (1, 2)
    assert ranking(work, first)[0] == ranking(work, second)[0]


def test_worker_that_lost_its_claim_writes_over_nothing(work, inputs, backbone, monkeypatch):
    """It stalls while it saves its files; another worker computes the same round meanwhile."""
    label(work, {1: ["cat"], 2: ["dog"]})
    real, made = round_module.save_classifier, []

    def stall(*arguments):
        monkeypatch.setattr(round_module, "save_classifier", real)
        with work.store.begin() as session:
            projects.get(session, work.project_id).lease_until = 0.0
            lease = leases.claim(session, work.settings.label_studio_url, "another")
        other = Work(work.settings, work.store, Published(), lease)
        made.extend([other, run_round(other, SPEC, backbone, inputs), files(work)])
        real(*arguments)

    monkeypatch.setattr(round_module, "save_classifier", stall)
    with pytest.raises(LeaseLost):
        run_round(work, SPEC, backbone, inputs)
    other, kept, before = made
    after = files(work)
    assert {name: after[name] for name in before} == before
    assert len(after) > len(before)  # it did write
    remove_leftovers(other)
    assert files(work) == before
    assert kept.number == 1


def files(work):
    return {path.name: path.read_bytes() for path in work.folder.glob("round-*")}


def test_number_is_above_what_is_published_already(work, inputs, backbone):
    work.studio = Published("resnet", "fishermask-7.2", "fishermask-3")
    assert run_round(work, SPEC, backbone, inputs).number == 8


def test_answer_that_came_in_the_meantime_stays_pending(work, inputs, backbone, monkeypatch):
    label(work, {1: ["cat"], 2: ["dog"]})
    real = rounds.finish_round

    def label_another_first(session, round_id):
        task = pool.tasks_by_id(session, work.project_id, [2])[2]
        task.answer = '["cat"]'
        return real(session, round_id)

    monkeypatch.setattr(rounds, "finish_round", label_another_first)
    run_round(work, SPEC, backbone, inputs)
    with work.store.read() as session:
        assert pool.counts(session, work.project_id).pending == 1


@pytest.mark.parametrize(("seconds", "left"), [(-1, False), (1, True)])
def test_training_asked_for_meanwhile_is_not_forgotten(work, inputs, backbone, seconds, left):
    with work.begin() as session:
        projects.get(session, work.project_id).train_asked_at = work.began + seconds
    run_round(work, SPEC, backbone, inputs)
    assert bool(work.project().train_asked_at) == left


def test_multiple_choice(work, inputs, backbone):
    spec = parse_label_config(CONFIG.replace("toName", 'choice="multiple" toName'))
    label(work, {1: ["cat"], 2: [], 3: ["cat", "dog"], 4: []})
    made = run_round(work, spec, backbone, inputs)
    assert (made.acquisition, made.likelihood) == ("fishermask", "bernoulli")
    assert len(ranking(work, made)[0]) == POOL - 4


def test_while_a_queue_is_picked_the_picks_are_counted(work, inputs, backbone, monkeypatch):
    label(work, {i: ["cat" if i % 2 else "dog"] for i in range(1, 11)})
    said = []
    monkeypatch.setattr(
        type(work),
        "progress",
        lambda _, stage, done, total, **more: said.append((stage, done, total)),
    )
    run_round(work, SPEC, backbone, inputs)
    picking = [(done, total) for stage, done, total in said if stage == "picking images"]
    assert picking == [(0, 5), *((done, 5) for done in range(6))]


def test_a_round_s_delay_counts_from_when_it_was_due(work, inputs, backbone):
    made = run_round(work, SPEC, backbone, inputs, since=5.0)
    assert made.triggered_at == 5.0
    made = run_round(work, SPEC, backbone, inputs, since=time.time() + 1000)  # another clock's
    assert made.triggered_at == made.started_at


TWO = parse_label_config(
    '<View><Image name="image" value="$image"/>'
    '<Choices name="species" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<Choices name="seen" toName="image" choice="multiple"><Choice value="cat"/><Choice value="eye"/>'
    "</Choices></View>"
)
SPECIES, SEEN = TWO.heads


def say(work, answers):
    """Labels tasks with what each control says of them; None: it is left out."""
    with work.store.begin() as session:
        projects.get(session, work.project_id).heads = stored_heads(TWO.heads)
        for i, task in pool.tasks_by_id(session, work.project_id, list(answers)).items():
            pairs = [*zip((SPECIES, SEEN), answers[i], strict=True)]
            classes = [head.name(c) for head, said in pairs for c in said or ()]
            unasked = [name for head, said in pairs if said is None for name in head.names]
            task.answer, task.annotated = answer_text(classes, unasked), True


def kinds(i):
    """Odd tasks are cats, of which the eye is seen; even ones are dogs."""
    return (["cat"], ["eye"]) if i % 2 else (["dog"], [])


def test_each_control_has_a_head_and_the_queue_is_for_both(work, inputs, backbone):
    say(work, {i: kinds(i) for i in range(1, 7)} | {7: (["cat"], None), 8: (None, [])})
    made = run_round(work, TWO, backbone, inputs)
    assert (made.acquisition, made.likelihood, made.label_count) == ("fishermask", "joint", 8)
    assert made.classes == ["species: cat", "species: dog", "seen: cat", "seen: eye"]
    assert by_control.learnt(made) == [SPECIES, SEEN]
    assert by_control.is_of(made, TWO.heads)
    ordered, scores = ranking(work, made)
    assert sorted(ordered) == list(range(9, POOL + 1))
    right = 0
    for i in ordered:
        known = rounds.class_probabilities(made, scores[i])
        assert known["species: cat"] + known["species: dog"] == pytest.approx(1, abs=1e-5)
        named = {r["from_name"]: r["value"]["choices"] for r in TWO.prelabel(known)}
        right += (named["species"], named.get("seen", [])) == kinds(i)
    assert right > len(ordered) * 0.8
    again = run_round(work, TWO, backbone, inputs)
    assert ranking(work, again)[0] == ordered


def test_later_tasks_are_placed_for_both_controls(work, inputs, backbone):
    say(work, {i: kinds(i) for i in range(1, 7)})
    made = run_round(work, TWO, backbone, inputs)
    with work.store.begin() as session:
        rounds.activate(session, made.id)
        pool.put_tasks(
            session, projects.get(session, work.project_id), [(99, "/99.png")], Random(0)
        )
        pool.tasks_by_id(session, work.project_id, [99])[99].row = 20  # the image of task 21
    assert not score_new_tasks(work, backbone, inputs)
    with work.store.read() as session:
        later, same = (rounds.scores_of(session, made.id, [i])[i] for i in (99, 21))
    assert rounds.class_probabilities(made, later) == pytest.approx(
        rounds.class_probabilities(made, same), abs=1e-5
    )
    assert 0.5 <= later.score <= 1.0


def test_a_control_with_one_answer_waits_and_the_other_is_learnt(work, inputs, backbone):
    say(work, {i: (["cat"], kinds(i)[1]) for i in range(1, 7)})
    made = run_round(work, TWO, backbone, inputs)
    assert (made.likelihood, made.classes) == ("bernoulli", ["seen: cat", "seen: eye"])
    assert [head["trained"] for head in made.heads] == [False, True]
    assert by_control.is_of(made, TWO.heads)
    assert round_due(work, TWO, backbone.key) is None
    _, scores = ranking(work, made)
    regions = [r for s in scores.values()
               for r in TWO.prelabel(rounds.class_probabilities(made, s))]  # fmt: skip
    assert {region["from_name"] for region in regions} == {"seen"}
    assert round_due(work, SPEC, backbone.key).reason == "the labelling config has other classes"


def test_no_control_has_two_answers(work, inputs, backbone):
    say(work, {1: (["cat"], []), 2: (None, [])})
    made = run_round(work, TWO, backbone, inputs)
    assert (made.acquisition, made.likelihood) == ("cold start", "joint")
    assert [head["trained"] for head in made.heads] == [False, False]
