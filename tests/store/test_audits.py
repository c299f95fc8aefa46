"""What the audit said of each round."""

from fishermask_backend.store import audits, rounds
from tests.store.stored import put

BOTH_DATABASES = True

CURVE = {"overall": 0.7, "interval": [0.6, 0.8], "labels": 30, "share": 0.65}
WHOLE = CURVE | {"per_class": [{}], "confusion": [{}], "calibration": [{}]}


def said(control):
    return {"control": control, "accuracy": WHOLE, "forecast": {"advice": "go on"}}


def test_details_are_kept_of_the_newest_alone_control_by_control(store, project_id):
    made = [put(store, project_id, number) for number in (1, 2, 3)]
    for each, controls in zip(made, (["a", "b"], ["a", "b"], ["a"]), strict=True):
        with store.begin() as session:
            audits.note(session, each.id, [said(control) for control in controls])
    with store.read() as session:
        kept = [
            [(each["control"], each["accuracy"] == WHOLE) for each in r.audit]
            for r in rounds.history(session, project_id)
        ]
        first = rounds.history(session, project_id)[0].audit[0]
    assert kept == [[("a", False), ("b", False)], [("a", False), ("b", True)], [("a", True)]]
    assert (first["accuracy"], first["forecast"]) == (CURVE, {"advice": "go on"})
