"""Tags as Label Studio's editor and its server read them."""

import pytest
from defusedxml.ElementTree import fromstring

from fishermask_backend.controls import Misfit
from fishermask_backend.controls.elements import (
    attribute,
    check_names,
    choice_name,
    choices_of,
    is_set,
    is_tag,
    server_attribute,
)


def test_tags_and_attributes_in_any_letter_case():
    element = fromstring('<IMAGE NAME="a" name="b" PERREGION="true" perItem="false"/>')
    assert is_tag(element, "Image")
    assert not is_tag(element, "Images")
    assert attribute(element, "name") == "b"
    assert attribute(element, "NAME") == "a"
    assert attribute(element, "value") == ""
    assert is_set(element, "perRegion")
    assert not is_set(element, "perItem")


def test_what_the_server_looks_for_is_written_in_one_letter_case():
    element = fromstring('<Image name="a" Value="$b"/>')
    assert server_attribute(element, "name") == "a"
    assert server_attribute(element, "toName") == ""
    with pytest.raises(Misfit, match=r'needs value="\$b" in this letter case'):
        server_attribute(element, "value")


def test_choices_of_one_level():
    control = fromstring(
        '<C><Choice value="a"><Choice value="b"/></Choice><View><CHOICE value="c"/></View></C>'
    )
    first, last = choices_of(control)
    assert [choice_name(first), choice_name(last)] == ["a", "c"]
    assert [choice_name(choice) for choice in choices_of(first)] == ["b"]


@pytest.mark.parametrize(
    ("choice", "name"),
    [
        ('<Choice value="A cat" alias="cat"/>', "cat"),
        ('<Choice value="A cat" ALIAS="cat"/>', "cat"),
        ('<Choice value="cat" alias=""/>', "cat"),
        ('<Choice value="cat"> \n </Choice>', "cat"),
        ('<Choice value="cat">Cat</Choice>', "Cat"),  # so the editor has it
        ('<Choice value="cat">Cat<Choice value="b"/></Choice>', "cat"),
        ('<Choice value="$1" alias="one"/>', "one"),
        ('<Choice value="$ 1"/>', "$ 1"),
        ("<Choice/>", ""),
    ],
)
def test_names_of_choices(choice, name):
    assert choice_name(fromstring(choice)) == name


@pytest.mark.parametrize("value", ["$option", "Costs $5", "$a[0].b"])
def test_a_choice_of_the_task_data_is_refused(value):
    with pytest.raises(Misfit, match="from the task data; write its name"):
        choice_name(fromstring(f'<Choice value="{value}"/>'))


@pytest.mark.parametrize(
    ("inside", "unknown"),
    [
        ('<Choice value="a"/><choice value="b"/>', "b"),
        ('<Choice value="a" Alias="x"/>', "x"),
        ('<Choice value="a">A</Choice>', "A"),
    ],
)
def test_choices_that_the_server_would_not_find(inside, unknown):
    element = fromstring(f"<Choices>{inside}</Choices>")
    names = [choice_name(choice) for choice in choices_of(element)]
    with pytest.raises(Misfit, match=f'needs <Choice value="{unknown}"/>'):
        check_names(element, names)


@pytest.mark.parametrize("tag", ["Choice", "choice", "CHOICE"])
def test_choices_in_one_letter_case_are_found(tag):
    check_names(fromstring(f'<c><{tag} value="a"/><{tag} value="b" alias="c"/></c>'), ["a", "c"])
