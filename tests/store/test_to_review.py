"""Tasks to look at again, whatever a classifier thinks."""

from fishermask_backend.store import pool, projects, to_review
from fishermask_backend.store.schema import Annotation
from tests.store.stored import annotation

BOTH_DATABASES = True


def test_ties_disputes_and_empty_submissions(store, new_project):
    with store.begin() as session:
        row = projects.get(session, new_project.id)
        row.control = "label"
        tasks = pool.tasks_by_id(session, row.id, range(1, 6))
        tasks[1].tied = tasks[1].disputed = tasks[2].tied = tasks[3].disputed = True
        for i, why in ((4, "nothing was chosen in 'label'"), (5, "it names 'eel', no class")):
            empty: Annotation = annotation(row.id, i)
            empty.not_learnt = why
            session.add(empty)
    with store.read() as session:
        row = projects.get(session, new_project.id)
        found = [
            to_review.tied(session, row.id, 1),
            to_review.tied(session, row.id, 9),
            to_review.disputed(session, row.id, 9),
            to_review.submitted_empty(session, row, 9),
        ]
        assert [([t.task_id for t in tasks], count) for tasks, count in found] == [
            ([1], 2), ([1, 2], 2), ([3], 1), ([4], 1),
        ]  # fmt: skip


def test_one_of_several_controls_left_empty(store, new_project):
    with store.begin() as session:
        row = projects.get(session, new_project.id)
        row.heads = [
            {"control": c, "classes": ["x"], "likelihood": "categorical"} for c in ("a", "b%")
        ]
        for i, why in enumerate(("'a'; nothing was chosen in 'b%'", "'b%'", "'bx'"), start=1):
            empty = annotation(row.id, i)
            empty.not_learnt = f"nothing was chosen in {why}"
            session.add(empty)
        session.flush()
        tasks, _ = to_review.submitted_empty(session, row, 9)
        assert [t.task_id for t in tasks] == [1, 2]
