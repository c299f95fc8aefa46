"""`<Choices>`: what it offers, and how results spell it."""

import pytest
from defusedxml.ElementTree import fromstring

from fishermask_backend.controls import Choices, Misfit, Unreadable

_NESTED_MULTIPLE = 'allowNested="true" choice="multiple"'


def choices(inside, more=""):
    return Choices.of(fromstring(f"<Choices {more}>{inside}</Choices>"))


def test_classes_are_aliases_else_values_each_once():
    found = choices(
        '<Choice value="A cat" alias="cat"/><View><Choice value="dog"/></View>'
        '<Choice value="cat"/><Choice/>'
    )
    assert found == Choices(("cat", "dog"), several=False)


@pytest.mark.parametrize("how", ["single", "single-radio", ""])
def test_single_choice_needs_two(how):
    with pytest.raises(Misfit, match="needs at least two different <Choice> tags"):
        choices('<Choice value="cat"/><Choice value="cat"/>', f'choice="{how}"')


def test_multiple_choice_needs_one():
    assert choices('<Choice value="cat"/>', 'choice="multiple"') == Choices(("cat",), several=True)
    with pytest.raises(Misfit, match="needs a <Choice> tag"):
        choices("", 'choice="multiple"')


@pytest.mark.parametrize(
    ("inside", "more", "says"),
    [
        ("", 'value="$options"', "takes its choices from the task data"),
        ('<Choice value="a"><Choice value="b"/></Choice>', "", "has choices inside choices"),
    ],
)
def test_what_cannot_be_learnt_says_why(inside, more, says):
    with pytest.raises(Misfit, match=says):
        choices(inside, more)


def test_nested_choices_are_paths_sent_one_prediction_at_a_time():
    tree = '<Choice value="a"><Choice value="b"/><Choice value="c"/></Choice><Choice value="d"/>'
    one, several = choices(tree, 'allowNested="true"'), choices(tree, _NESTED_MULTIPLE)
    assert one.classes == several.classes == ("a / b", "a / c", "d")
    assert one.write(["d"]) == {"choices": [["d"]]}
    assert several.write(["a / b", "d"]) == {"choices": [["a", "b"], ["d"]]}
    assert (
        one.singly
        and several.singly
        and not choices('<Choice value="a"/><Choice value="b"/>').singly
    )
    chosen = {"choices": [["a"], ["a", "b"], ["a", "c"]]}  # as a click on «a» does
    assert several.read(chosen) == ["a / b", "a / c"]
    with pytest.raises(Unreadable, match="2 classes are named, where one is learnt"):
        one.read(chosen)
    assert one.at_level(1).read(chosen) == ["a"]
    with pytest.raises(Misfit, match="at least two"):
        choices('<Choice value="a"><Choice value="b"/></Choice>', 'allowNested="true"')


def test_a_level_is_nothing_to_a_flat_list():
    control = choices('<Choice value="cat"/><Choice value="dog"/>')
    assert control.at_level(2) is control


def test_what_is_written_is_read():
    control = choices('<Choice value="cat"/><Choice value="dog"/>', 'choice="multiple"')
    for classes in ([], ["dog"], ["cat", "dog"]):
        assert control.read(control.write(classes)) == classes
    assert control.write(["dog"]) == {"choices": ["dog"]}
    assert control.read({"choices": []}) == []


def test_nested_choices_are_written_as_their_editor_shows_them():
    control = choices('<Choice value="cat"/><Choice value="dog" alias="d"/>', 'allowNested="true"')
    assert control.singly
    assert control.write(["d"]) == {"choices": [["d"]]}
    assert control.read(control.write(["cat"])) == ["cat"]
    assert not choices('<Choice value="cat"/><Choice value="dog"/>').singly
