"""What a status tells of audits."""

from fishermask_backend.web.page.audits import audits


def test_of_a_single_control():
    known = {"overall": 0.7}
    (own,) = audits({"accuracy": known, "forecast": {"advice": "go on"}})
    assert (own.control, own.accuracy, own.forecast) == ("", known, {"advice": "go on"})
    assert own.name("cat") == "cat"


def test_of_several_controls_each_has_its_own():
    told = [{"control": "a:b", "audit": {"overall": 0.7}, "forecast": None}, {"control": "c"}]
    first, second = audits({"accuracy": None, "controls": told})
    assert (first.accuracy, first.name("cat")) == ({"overall": 0.7}, "a::b: cat")
    assert (second.accuracy, second.forecast) == (None, None)
