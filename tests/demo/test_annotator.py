import pytest

from fishermask_backend.demo.annotator import choice_result, round_of


@pytest.mark.parametrize(
    ("version", "number"),
    [
        ("fishermask-7", 7),
        ("fishermask-12.3", 12),
        ("FisherMask", None),
        ("fishermask-7-old", None),
        ("", None),
        (None, None),
    ],
)
def test_the_round_is_read_from_the_version(version: str | None, number: int | None):
    assert round_of(version) == number


def test_without_a_pre_label_the_choice_is_made_by_hand():
    region = choice_result("cat", None)
    assert region["origin"] == "manual"
    assert region["value"] == {"choices": ["cat"]}


@pytest.mark.parametrize(
    ("shown", "origin"), [("cat", "prediction"), ("dog", "prediction-changed")]
)
def test_a_pre_label_is_kept_or_changed(shown: str, origin: str):
    prediction = {"id": 3, "result": [{"id": "r1", "value": {"choices": [shown]}}]}
    region = choice_result("cat", prediction)
    assert region["id"] == "r1"
    assert region["origin"] == origin
    assert region["value"] == {"choices": ["cat"]}


def test_a_prediction_that_shows_nothing_leaves_the_choice_to_the_hand():
    assert choice_result("cat", {"id": 3, "result": []})["origin"] == "manual"
