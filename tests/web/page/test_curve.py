"""The curve's figures."""

from fishermask_backend.web.page.curve import curve


def told(labels, later=0, accuracy=None, **more):
    return {"labels": labels, "later_labels": later, "accuracy": accuracy, **more}


def test_later_labels_and_audits_stand_beside_each_other():
    audit = {"overall": 0.7, "interval": [0.6, 0.8]}
    found = curve([told(0), told(20, 20, 0.5), told(40, audit=audit)])
    assert found["labels"] == [0, 20, 40]
    assert found["later"] == [None, 0.5, None]
    assert (found["later_low"][1], found["later_high"][1]) == (0.299, 0.701)
    assert (found["audit"], found["audit_low"]) == ([None, None, 0.7], [None, None, 0.6])


def test_of_rounds_with_as_many_labels_the_last_counts():
    found = curve([told(20, 5, 0.2), told(20, 5, 0.4)])
    assert (found["labels"], found["later"]) == ([20], [0.4])
    assert curve([])["labels"] == []
