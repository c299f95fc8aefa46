"""Results of annotations: whatever somebody imports is read as far as it can be, and never stops us."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fishermask_backend.controls import Choices
from fishermask_backend.controls.reading import Reading, read_result

from .json_values import ANY, RESULTS, UNHURRIED

SINGLE, MULTIPLE = Choices(("cat", "dog")), Choices(("cat", "dog"), several=True)
CAT = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}


def read(result, control=SINGLE):
    return read_result(result, "label", control)


def region(value):
    return CAT | {"value": value}


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (None, "the result is null, not a list"),
        ({"choices": ["cat"]}, "the result is an object, not a list"),
        ("cat", "the result is the text 'cat', not a list"),
        ([None], "region 1 is null, not an object"),
        ([[CAT]], "region 1 is a list, not an object"),
        ([CAT | {"type": None}], "region 1: type is null, not 'choices'"),
        ([CAT | {"type": "labels"}], "region 1: type is the text 'labels', not 'choices'"),
        ([region(None)], "region 1: value is null, not an object"),
        ([region("cat")], "region 1: value is the text 'cat', not an object"),
        ([region({})], "region 1: choices is null, not a list"),
        ([region({"choices": 5})], "region 1: choices is a number, not a list"),
        ([region({"choices": "cat"})], "region 1: choices is the text 'cat', not a list"),
        ([region({"choices": ["cat", None]})], "region 1: choices holds null, not a choice"),
        ([region({"choices": ["cat", True]})], "region 1: choices holds true, not a choice"),
        ([region({"choices": [{}]})], "region 1: choices holds an object, not a choice"),
        ([region({"choices": [[]]})], "region 1: choices holds an empty list, not a choice"),
        ([region({"choices": [["cat", 5]]})], "region 1: choices holds a list, not a choice"),
        ([region({"choices": 41 * "x"})], f"choices is the text '{40 * 'x'}…', not a list"),
        ([region({"choices": "\ud800\0"})], "choices is the text '\\ud800\\x00', not a list"),
    ],
)
def test_what_is_odd_is_told_and_answers_nothing(result, says):
    for control in (SINGLE, MULTIPLE):
        found = read(result, control)
        assert found.classes is None
        (oddity,) = found.oddities
        assert oddity.endswith(says)


@pytest.mark.parametrize("control", [SINGLE, MULTIPLE])
def test_what_is_odd_leaves_the_rest(control):
    odd = [None, region(7), CAT, {"from_name": "other", "value": 7}]
    assert read(odd, control) == Reading(
        frozenset({"cat"}),
        ("region 1 is null, not an object", "region 2: value is a number, not an object"),
    )


@pytest.mark.parametrize("path", [["cat"], ["animals", "cat"], ["animals", "pets", "cat"]])
def test_paths_that_allow_nested_writes_name_their_ends(path):
    assert read([region({"choices": [path]})]) == Reading(frozenset({"cat"}))
    both = [region({"choices": [path, ["dog"]]})]
    assert read(both, MULTIPLE) == Reading(frozenset({"cat", "dog"}))


def test_several_choices_where_none_is_chosen_are_an_answer():
    assert read([], MULTIPLE) == read([region({"choices": []})], MULTIPLE) == Reading(frozenset())
    assert read([]) == read([region({"choices": []})]) == Reading(None)


@given(RESULTS, st.sampled_from([SINGLE, MULTIPLE]))
@UNHURRIED
def test_any_json_is_read(result, control):
    found = read(result, control)
    assert found.classes is None or found.classes <= set(control.classes)
    assert control.several or found.classes is None or len(found.classes) == 1
    for oddity in found.oddities:
        oddity.encode()  # can be stored and shown
        assert "\0" not in oddity
        assert len(oddity) < 300


@given(ANY)
@UNHURRIED
def test_whatever_stands_beside_an_answer_is_no_matter(junk):
    assume(not (isinstance(junk, dict) and junk.get("from_name") == "label"))
    found = read([junk, CAT])
    assert found.classes == {"cat"}


def test_deep_json_is_read():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert read([region({"choices": [deep]})]).classes is None
    assert read(deep).oddities == ("region 1 is a list, not an object",)


def test_why_an_annotation_is_not_learnt_is_told_in_a_bounded_sentence():
    assert read([CAT]).not_learnt is None
    assert read([None, CAT]).not_learnt == "region 1 is null, not an object"
    many = read([None] * 1000).not_learnt
    assert many.startswith("region 1 is null, not an object; region 2")
    assert many.endswith("; and 997 more")
