"""Choices inside choices."""

import pytest
from defusedxml.ElementTree import fromstring

from fishermask_backend.controls import Misfit, Unreadable
from fishermask_backend.controls.tree import Tree

FRUIT = (
    '<T><Choice value="Fruit" alias="fruit"><Choice value="Apple"><Choice value="red"/>'
    '<Choice value="green"/></Choice><Choice value="Kiwi"/></Choice><Choice value="Other"/></T>'
)


def tree(level=0):
    return Tree(Tree.of(fromstring(FRUIT)).leaves, level)


@pytest.mark.parametrize(
    ("level", "classes"),
    [
        (0, ("fruit / Apple / red", "fruit / Apple / green", "fruit / Kiwi", "Other")),
        (1, ("fruit", "Other")),
        (2, ("fruit / Apple", "fruit / Kiwi", "Other")),
        (3, ("fruit / Apple / red", "fruit / Apple / green", "fruit / Kiwi", "Other")),
        (9, ("fruit / Apple / red", "fruit / Apple / green", "fruit / Kiwi", "Other")),
    ],
)
def test_classes_are_leaves_or_those_of_a_level(level, classes):
    found = tree(level)
    assert found.classes == classes
    assert found.read([list(found.path(classes[0]))], several=False) == [classes[0]]


def test_leaves():
    assert tree(2).is_leaf("fruit / Kiwi")
    assert not tree(2).is_leaf("fruit / Apple")


@pytest.mark.parametrize(
    ("level", "paths", "names"),
    [
        (0, [["fruit", "Apple", "red"]], ["fruit / Apple / red"]),
        (1, [["fruit", "Apple", "red"]], ["fruit"]),
        (1, [["fruit"]], ["fruit"]),
        (2, [["fruit", "Apple"]], ["fruit / Apple"]),
        (2, ["Other"], ["Other"]),
        (0, [["fruit"], ["fruit", "Kiwi"]], ["fruit / Kiwi"]),  # all above it are chosen, too
        (1, [["fruit", "Kiwi"], ["fruit", "Apple", "red"]], ["fruit"]),
        (0, [["fruit", "Pear"]], ["fruit / Pear"]),  # removed since, and no class
        (0, [], []),
    ],
)
def test_paths_that_name_a_class(level, paths, names):
    assert tree(level).read(paths, several=False) == names


@pytest.mark.parametrize(
    ("level", "paths", "says"),
    [
        (0, [["fruit"]], "'fruit' has choices below it"),
        (2, [["fruit"]], "'fruit' has choices below it"),
        (0, [["fruit", "Kiwi"], ["Other"]], "2 classes are named, where one is learnt"),
        (0, [["fruit", 5]], "a choice is a number, not a name"),
        (0, [None], "a choice is null, not a name"),
        (0, [[]], "a choice is an empty list, not a path"),
    ],
)
def test_paths_that_name_none(level, paths, says):
    with pytest.raises(Unreadable, match=says):
        tree(level).read(paths, several=False)


def test_several_may_be_named():
    paths = [["fruit"], ["fruit", "Kiwi"], ["Other"]]
    assert tree().read(paths, several=True) == ["fruit / Kiwi", "Other"]


def test_paths_that_read_alike_are_refused():
    with pytest.raises(Misfit, match="both read 'a / b'; name one"):
        Tree.of(
            fromstring(
                '<T><Choice value="a / b"/><Choice value="a"><Choice value="b"/></Choice></T>'
            )
        )
