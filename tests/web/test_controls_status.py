"""What is told by control."""

from fishermask_backend.controls.heads import stored_heads
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects, rounds
from fishermask_backend.store.schema import Round
from fishermask_backend.web.controls_status import controls_status, round_controls
from fishermask_backend.web.status import project_status, projects_status
from tests.conftest import publish_round

TWO = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="species" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<Rating name="quality" toName="image" maxRating="2"/></View>'
)


def test_of_one_control_nothing_more_is_told(store, project):
    publish_round(store, project, [2, 1])
    told = project_status(7)
    assert "controls" not in told
    assert "controls" not in told["rounds"][0]


def test_labels_ties_and_agreement_by_control(store, project):
    spec = parse_label_config(TWO)
    heads = [head.stored() | {"trained": True} for head in spec.heads]
    before = [
        head | {"checked": 20, "agreed": agreed}
        for head, agreed in zip(heads, (15, 5), strict=True)
    ]
    with store.begin() as session:
        projects.get(session, project.id).heads = stored_heads(spec.heads)
        task = pool.tasks_by_id(session, project.id, [1])[1]
        task.answer, task.tied, task.tied_in = '["quality: 2", "species: cat"]', True, ["quality"]
    more = {"classes": [*spec.classes], "likelihood": "joint"}
    publish_round(store, project, [], heads=before, checked=20, agreed=4, **more)
    publish_round(store, project, [], heads=heads, **more)
    with store.read() as session:
        history = rounds.history(session, project.id)
        told = controls_status(session, projects.get(session, project.id), history)
    assert told["controls"] == [
        {
            "control": "species", "labelled": 1, "unanswered": 0, "tied_tasks": 0,
            "labels": {"cat": 1, "dog": 0}, "later_labels": 20, "accuracy": 0.75,
            "audit": None, "forecast": None,
        },
        {
            "control": "quality", "labelled": 1, "unanswered": 0, "tied_tasks": 1,
            "labels": {"1": 0, "2": 1}, "later_labels": 20, "accuracy": 0.25,
            "audit": None, "forecast": None,
        },
    ]  # fmt: skip
    assert [c["accuracy"] for c in round_controls(history[0])["controls"]] == [0.75, 0.25]
    assert "controls" not in projects_status()[0]  # in short


def test_a_control_that_could_not_be_learnt_is_told_so():
    heads = [head.stored() for head in parse_label_config(TWO).heads]
    heads[1]["trained"] = True
    told = round_controls(Round(heads=heads))["controls"]
    assert [(c["control"], c["learnt"], c["accuracy"]) for c in told] == [
        ("species", False, None), ("quality", True, None),
    ]  # fmt: skip
