"""What every control of the table keeps to."""

import dataclasses

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from fishermask_backend.controls import CONTROLS, Choices, Rating, Taxonomy, Unreadable

from .json_values import ANY, UNHURRIED, VALUES

EXAMPLES = {  # of every control, elements that can be learnt
    Choices: [
        '<Choices><Choice value="cat"/><Choice value="dog"/></Choices>',
        '<Choices choice="multiple"><Choice value="cat"/><Choice value="dog"/></Choices>',
        '<Choices allowNested="true"><Choice value="cat"/><Choice value="dog"/></Choices>',
    ],
    Taxonomy: [
        '<Taxonomy><Choice value="cat"><Choice value="tom"/></Choice><Choice value="dog"/></Taxonomy>',
        '<Taxonomy leafsOnly="true"><Choice value="cat"/><Choice value="dog"/></Taxonomy>',
    ],
    Rating: ["<Rating/>", '<Rating maxRating="2"/>'],
}
CASES = [(kind, text) for kind, texts in EXAMPLES.items() for text in texts]


def test_every_control_has_examples():
    assert EXAMPLES.keys() == set(CONTROLS)
    assert all(EXAMPLES.values())


def test_tags_and_regions_are_told_apart():
    assert len({kind.tag for kind in CONTROLS}) == len({kind.type for kind in CONTROLS})
    assert len({kind.tag for kind in CONTROLS}) == len(CONTROLS)


@pytest.mark.parametrize(("kind", "text"), CASES)
def test_controls_are_values(kind, text):
    one, other = (kind.of(fromstring(text)) for _ in range(2))
    assert hash(one) == hash(other)
    assert one == other
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.classes = ()


@pytest.mark.parametrize(("kind", "text"), CASES)
def test_what_is_written_is_read(kind, text):
    control = kind.of(fromstring(text))
    assert len(set(control.classes)) == len(control.classes)
    for name in control.classes:
        written = control.write([name])
        assert written is None or control.read(written) == [name]
    if control.several:  # these are all shown
        assert control.read(control.write(control.classes)) == list(control.classes)


@pytest.mark.parametrize(("kind", "text"), CASES)
@given(st.dictionaries(st.sampled_from([kind.type for kind in CONTROLS]) | st.text(), ANY) | VALUES)
@UNHURRIED
def test_values_of_any_json_are_read_or_refused(kind, text, value):
    try:
        named = kind.of(fromstring(text)).read(value)
    except Unreadable as odd:
        assert str(odd)
    else:
        assert all(isinstance(name, str) for name in named)
