"""Labels that look wrong after a round."""

import pytest

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.controls.heads import stored_heads
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.doubts import FEWEST
from fishermask_backend.store import doubts, pool, projects
from fishermask_backend.worker.doubting import doubt_round
from fishermask_backend.worker.round import run_round
from tests.conftest import CONFIG
from tests.round_problem import begun, label
from tests.worker.test_auditing import TWO, kind

SPEC = parse_label_config(CONFIG)


@pytest.fixture
def work(store, project, configured):
    configured(BATCH_SIZE="3", QUEUE_MARGIN="2")
    return begun(store, project)


def doubted(work):
    with work.store.read() as session:
        project = projects.get(session, work.project_id)
        return [
            (d.task_id, d.control, d.answer, d.guess) for d in doubts.open_doubts(session, project)
        ]


def test_a_wrong_label_is_listed_until_it_is_put_right(work, inputs, backbone):
    given = {i: kind(i) for i in range(1, 26)} | {8: kind(9)}
    label(work, given)
    made = run_round(work, SPEC, backbone, inputs)
    doubt_round(work, backbone, inputs, made)
    assert doubted(work) == [(8, "", '["cat"]', ["dog"])]
    label(work, {8: kind(8)})
    assert doubted(work) == []
    doubt_round(work, backbone, inputs, run_round(work, SPEC, backbone, inputs))
    assert doubted(work) == []


def test_few_labels_are_not_doubted(work, inputs, backbone):
    label(work, {i: kind(i) for i in range(1, FEWEST)} | {8: kind(9)})
    doubt_round(work, backbone, inputs, run_round(work, SPEC, backbone, inputs))
    assert doubted(work) == []


def test_a_cold_start_leaves_the_list_as_it_is(work, inputs, backbone):
    label(work, {i: ["cat"] for i in range(1, 26)})
    made = run_round(work, SPEC, backbone, inputs)
    assert made.weights is None
    doubt_round(work, backbone, inputs, made)
    assert doubted(work) == []


def test_each_control_has_its_own(work, inputs, backbone):
    def answer(species, seen):
        return answer_text([f"species: {c}" for c in species] + [f"seen: {c}" for c in seen])

    with work.store.begin() as session:
        projects.get(session, work.project_id).heads = stored_heads(TWO.heads)
        for i, task in pool.tasks_by_id(session, work.project_id, range(1, 27)).items():
            task.answer = answer(
                kind(9 if i == 8 else i), ["cat", "eye"] if i % 2 or i == 10 else []
            )
            task.annotated = True
    doubt_round(work, backbone, inputs, run_round(work, TWO, backbone, inputs))
    assert sorted(doubted(work)) == [
        (8, "species", '["cat"]', ["dog"]), (10, "seen", '["cat", "eye"]', []),
    ]  # fmt: skip
