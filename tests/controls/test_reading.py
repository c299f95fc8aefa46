"""Results of annotations: whatever somebody imports is read as far as it can be, and never stops us."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fishermask_backend.controls import Choices
from fishermask_backend.controls.presence import Presence
from fishermask_backend.controls.reading import CONTROL_ITSELF, Asking, Reading, read_result

from .json_values import ANY, RESULTS, UNHURRIED

SINGLE, MULTIPLE = Choices(("cat", "dog")), Choices(("cat", "dog"), several=True)
CAT = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}


def read(result, control=SINGLE, **asking):
    return read_result(result, "label", control, Asking(**asking))


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
    nothing = Reading(None, unanswered="nothing was chosen in 'label'")
    assert read([]) == read([region({"choices": []})]) == nothing


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


OTHER = {"from_name": "quality", "type": "choices", "value": {"choices": ["good"]}}
BOTH = Presence(controls=frozenset({"label", "quality"}))


def chosen(*names):
    return region({"choices": list(names)})


@pytest.mark.parametrize(
    ("control", "result", "says"),
    [
        (SINGLE, [], "nothing was chosen in 'label'"),
        (SINGLE, [chosen("cat", "dog")], "it names 2 classes of the single choice 'label'"),
        (SINGLE, [chosen("hen")], "it names 'hen', no class of 'label'"),
        (MULTIPLE, [chosen("hen", "fox")], "it names 'hen', no class of 'label'"),
        (MULTIPLE, [chosen("Cat ")], "it names 'Cat ', no class of 'label' (which has 'cat')"),
        (SINGLE, [chosen("DOG")], "it names 'DOG', no class of 'label' (which has 'dog')"),
    ],
)
def test_why_an_annotation_answers_nothing(control, result, says):
    found = read(result, control)
    assert (found.classes, found.not_learnt) == (None, says)


@pytest.mark.parametrize("control", [SINGLE, MULTIPLE])
def test_an_annotation_of_a_control_that_the_config_does_not_have_answers_nothing(control):
    alone = Presence(controls=frozenset({"label"}))
    found = read([OTHER | {"from_name": "choice"}], control, presence=alone)
    assert (found.classes, found.not_learnt) == (
        None,
        "it names the control 'choice'; 'label' is learnt",
    )
    beside = read([OTHER | {"from_name": "choice"}, CAT], control, presence=alone)
    assert (beside.classes, beside.not_learnt) == ({"cat"}, None)


def test_who_answered_another_question_and_left_this_one_empty_said_none():
    assert read([OTHER], MULTIPLE, presence=BOTH) == Reading(frozenset())
    assert read([OTHER], presence=BOTH).not_learnt == "nothing was chosen in 'label'"


def test_who_imports_answers_to_another_question_said_nothing_of_this_one():
    found = read([OTHER], MULTIPLE, presence=BOTH, imported=True)
    assert (found.classes, found.not_learnt) == (
        None, "it names the control 'quality'; 'label' is learnt",
    )  # fmt: skip
    assert read([], MULTIPLE, presence=BOTH, imported=True).classes == frozenset()


@pytest.mark.parametrize("control", [SINGLE, MULTIPLE])
def test_a_question_that_may_have_been_hidden_was_not_asked(control):
    hidden = Presence(hidden=True, controls=BOTH.controls)
    for result in ([], [OTHER]):
        found = read(result, control, presence=hidden)
        assert found.classes is None
        assert (
            found.not_learnt == "nothing was chosen in 'label', which visibleWhen may have hidden"
        )
    assert read([CAT], control, presence=hidden).classes == {"cat"}
    empty = read([chosen()], MULTIPLE, presence=hidden)  # a region: it was shown
    assert empty.classes == frozenset()


def test_a_control_that_came_later_was_not_asked():
    since = {CONTROL_ITSELF: 100.0, "cat": 100.0, "dog": 100.0}
    early = read([], MULTIPLE, since=since, at=99.0)
    assert (early.classes, early.not_learnt) == (
        None,
        "it was saved before 'label' was shown to everybody",
    )
    assert read([], MULTIPLE, since=since, at=100.0) == Reading(frozenset())


def test_a_class_that_came_later_is_unknown_and_not_absent():
    since = {CONTROL_ITSELF: 0.0, "dog": 100.0}
    assert read([CAT], MULTIPLE, since=since, at=99.0) == Reading(
        frozenset({"cat"}), unasked=frozenset({"dog"})
    )
    assert read([], MULTIPLE, since=since, at=99.0).unasked == {"dog"}
    assert read([CAT], MULTIPLE, since=since, at=101.0).unasked == frozenset()
    assert read([CAT], since=since, at=99.0) == Reading(frozenset({"cat"}))  # one class is no other


def test_who_names_a_class_has_seen_what_came_with_it():
    control = Choices(("cat", "dog", "hen", "fox"), several=True)
    since = {"dog": 100.0, "hen": 100.0, "fox": 200.0}
    found = read([chosen("dog")], control, since=since, at=50.0)  # a clock that differs
    assert (found.classes, found.unasked) == ({"dog"}, {"fox"})
