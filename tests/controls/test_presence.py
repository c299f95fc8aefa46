"""How configs ask: of everybody or of some, and whether an empty answer is refused."""

import pytest

from fishermask_backend.controls.presence import ANYHOW, control_names, presence

CHOICES = '<Choices name="label" toName="image" {more}><Choice value="a"/></Choices>'


def of(inside, more="", name="label"):
    return presence(f"<View>{inside.format(more=more)}</View>", name)


@pytest.mark.parametrize(
    ("more", "required"),
    [
        ("", False),
        ('required="true"', True),
        ('required="True"', True),
        ('required="false"', False),
    ],
)
def test_required(more, required):
    assert of(CHOICES, more).required is required


@pytest.mark.parametrize(
    ("inside", "hidden"),
    [
        (CHOICES, False),
        ('<View visibleWhen="choice-selected">' + CHOICES + "</View>", True),
        (
            '<View><View visibleWhen="region-selected"><View>' + CHOICES + "</View></View></View>",
            True,
        ),
        ('<View visibleWhen="choice-selected"/>' + CHOICES, False),
    ],
)
def test_what_stands_in_something_hidden_is_hidden(inside, hidden):
    assert of(inside).hidden is hidden
    assert of(inside, 'visibleWhen="choice-unselected"').hidden


def test_any_letter_case():
    config = '<view><choices NAME="label" toname="image" REQUIRED="true" visiblewhen="x"/></view>'
    found = presence(config, "label")
    assert (found.required, found.hidden, found.controls) == (True, True, {"label"})


def test_controls_beside():
    rating = '<Rating name="quality" toName="image"/><Image name="image" value="$image"/>'
    assert of(CHOICES + rating).controls == {"label", "quality"}


@pytest.mark.parametrize("config", ["", "<View", None, "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"])
def test_what_is_no_xml_asks_nothing(config):
    assert presence(config, "label") == ANYHOW
    assert control_names(config) == frozenset()
