"""`<Taxonomy>`: what it offers, and how results spell it."""

import pytest
from defusedxml.ElementTree import fromstring

from fishermask_backend.controls import Misfit, Taxonomy, Unreadable

TREE = '<Choice value="A"><Choice value="1"/><Choice value="2"/></Choice><Choice value="B"/>'


def taxonomy(inside=TREE, more=""):
    return Taxonomy.of(fromstring(f"<Taxonomy {more}>{inside}</Taxonomy>"))


def test_leaves_are_written_as_paths():
    assert taxonomy().classes == ("A / 1", "A / 2", "B")
    assert taxonomy().write(["A / 2"]) == {"taxonomy": [["A", "2"]]}


def test_an_inner_choice_is_written_where_people_may_choose_it():
    assert taxonomy().at_level(1).write(["A"]) == {"taxonomy": [["A"]]}
    strict = taxonomy(more='leafsOnly="true"').at_level(1)
    assert (strict.write(["A"]), strict.write(["B"])) == (None, {"taxonomy": [["B"]]})


@pytest.mark.parametrize(
    ("inside", "more", "says"),
    [
        (TREE, 'value="$tree"', "takes its choices from the task data"),
        (TREE, 'apiurl="https://h/tree"', "loads its choices from its apiUrl"),
        (TREE, 'labeling="true"', "labels parts of a text"),
        ('<Choice value="A"><Choice value="1"/></Choice>', "", "at least two different"),
        ("", "", "at least two different"),
        (
            '<Choice value="A"/><choice value="B"/>',
            "",
            '<Choice value="B"/> .* in this letter case',
        ),
    ],
)
def test_what_cannot_be_learnt_says_why(inside, more, says):
    with pytest.raises(Misfit, match=says):
        taxonomy(inside, more)


def test_a_level_with_one_choice_is_refused():
    one = taxonomy('<Choice value="A"><Choice value="1"/><Choice value="2"/></Choice>')
    with pytest.raises(Misfit, match="down to TAXONOMY_LEVEL=1"):
        one.at_level(1)


def test_a_value_without_paths_is_told():
    with pytest.raises(Unreadable, match="taxonomy is null, not a list"):
        taxonomy().read({"choices": ["A"]})
