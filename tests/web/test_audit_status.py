"""What is told of the audit."""

from fishermask_backend.store.schema import Round
from fishermask_backend.web.audit_status import audit_status, round_audit

ACCURACY = {"overall": 0.72, "interval": [0.6, 0.8], "labels": 50, "per_class": []}
FORECAST = {"sentence": "Now 72% …", "advice": "go on"}


def made(number, *controls):
    audit = [{"control": c, "accuracy": ACCURACY, "forecast": FORECAST} for c in controls]
    return Round(number=number, audit=audit or None)


def test_without_audit_labels_nothing_is_told():
    assert audit_status([]) == (None, None)
    assert audit_status([made(1)]) == (None, None)
    assert round_audit(made(1)) is None


def test_the_newest_is_told_and_whether_it_is_of_the_newest_round():
    accuracy, forecast = audit_status([made(1, ""), made(2, "")])
    assert accuracy == ACCURACY | {"round": 2, "stale": False}
    assert forecast == FORECAST
    accuracy, _ = audit_status([made(1, ""), made(2)])
    assert (accuracy["round"], accuracy["stale"]) == (1, True)
    assert round_audit(made(1, "")) == {"overall": 0.72, "interval": [0.6, 0.8], "labels": 50}


def test_each_of_several_controls_has_its_own():
    history = [made(1, "species", "seen"), made(2, "seen")]
    assert audit_status(history) == (None, None)
    assert audit_status(history, "species")[0]["round"] == 1
    assert audit_status(history, "seen")[0]["round"] == 2
    assert round_audit(history[0]) is None
