"""Several annotations of one task: whose counts, and what they say together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishermask_backend.controls.consensus import (
    Answer,
    Target,
    answer_text,
    classes_of,
    resolve,
    unasked_of,
)


def several(*votes):
    """Resolve votes of different people, in time: the letters of each are its classes."""
    answers = [Answer(frozenset(v), False, str(i), i) for i, v in enumerate(votes, start=1)]
    return resolve(answers, several=True)


def answer(name, when, truth=False):
    return Answer(frozenset([name]), truth, when)


def test_majority_then_latest():
    assert resolve([]) is None
    two = [answer("cat", "1"), answer("cat", "2"), answer("dog", "3")]
    assert (resolve(two).classes, resolve(two).tied) == ({"cat"}, False)
    tie = [answer("cat", "1"), answer("dog", "2")]
    assert (resolve(tie).classes, resolve(tie).tied) == ({"dog"}, True)


def test_ground_truth_wins_over_majority():
    votes = [answer("cat", "3"), answer("cat", "4"), answer("dog", "1", truth=True)]
    assert (resolve(votes).classes, resolve(votes).tied) == ({"dog"}, False)


@given(
    st.lists(
        st.builds(answer, st.sampled_from("abc"), st.uuids().map(str), st.booleans()), max_size=6
    ),
    st.randoms(),
)
def test_order_of_annotations_does_not_matter(answers, rng):
    shuffled = list(answers)
    rng.shuffle(shuffled)
    assert resolve(shuffled) == resolve(answers)


def test_a_person_s_latest_annotation_counts_once():
    mine = [Answer(frozenset("a"), False, str(i), 7) for i in range(5)]
    theirs = [Answer(frozenset("b"), False, f"{i}", i) for i in (1, 2)]
    assert resolve([*mine, *theirs]) == Target(frozenset("b"), disputed=True)
    changed = [*mine, Answer(frozenset("b"), False, "9", 7)]
    assert resolve(changed) == Target(frozenset("b"))
    assert resolve([*mine, theirs[0]]).tied


@pytest.mark.parametrize("nobody", [None, 0])
def test_annotations_of_nobody_known_count_each(nobody):
    votes = [Answer(frozenset(name), False, str(i), nobody) for i, name in enumerate("aab")]
    assert resolve(votes) == Target(frozenset("a"), disputed=True)


def test_a_dispute_lasts_until_somebody_agrees_after_it():
    def disputed(*votes):
        answers = [Answer(frozenset(v[0]), False, str(i), v[1]) for i, v in enumerate(votes)]
        found = {resolve(answers, several=several).disputed for several in (False, True)}
        assert len(found) == 1
        return found.pop()

    assert not disputed("a1")
    assert disputed("a1", "a2", "b3")
    assert not disputed("a1", "b3", "a2")  # who came last agrees
    assert not disputed("a1", "a2", "b3", "a1")  # saved again
    assert not disputed("a1", "a2", "b3", "a3")  # taken back
    assert disputed("a1", "a2", "b3", "a1", "b3")
    starred = [Answer(frozenset("a"), True, "1", 1), Answer(frozenset("b"), False, "2", 2)]
    assert not resolve(starred).disputed


def test_what_was_not_asked_is_no_dispute():
    new = [Answer(frozenset("an"), False, str(i), i) for i in (1, 2)]
    old = Answer(frozenset("a"), False, "3", 3, frozenset("n"))
    assert not resolve([*new, old], several=True).disputed


def test_an_older_star_of_a_person_decides_over_their_later_annotation():
    star = Answer(frozenset("a"), True, "1", 7)
    assert resolve([star, Answer(frozenset("b"), False, "2", 7)]) == Target(frozenset("a"))


@pytest.mark.parametrize(
    ("votes", "chosen", "tied"),
    [
        (("ab", "a", "ac"), "a", False),
        (("ab", "a"), "a", True),  # b: one says so, the later one does not
        (("a", "ab"), "ab", True),
        (("", "a", ""), "", False),
        (("abc", "bc", "cd"), "bc", False),
        (("",), "", False),
        (("a", "b"), "b", True),
    ],
)
def test_several_choices_are_voted_on_class_by_class(votes, chosen, tied):
    found = several(*votes)
    assert (found.classes, found.tied) == (frozenset(chosen), tied)


def test_a_class_is_voted_on_by_those_who_were_asked():
    old = [Answer(frozenset("a"), False, str(i), i, frozenset("n")) for i in (1, 2)]
    new = Answer(frozenset("an"), False, "3", 3)
    assert resolve([*old, new], several=True) == Target(frozenset("an"))
    assert resolve(old, several=True) == Target(frozenset("a"), unasked=frozenset("n"))


@given(st.sets(st.text()), st.sets(st.text()))
def test_equal_answers_have_equal_texts(one, other):
    assert set(classes_of(answer_text(one))) == one
    assert (answer_text(one) == answer_text(other)) == (one == other)
    assert answer_text(list(one)[::-1]) == answer_text(one)


@given(st.sets(st.text()), st.sets(st.text(), min_size=1))
def test_what_was_not_asked_is_kept_with_the_answer(classes, unasked):
    text = answer_text(classes, unasked)
    assert (set(classes_of(text)), set(unasked_of(text))) == (classes, unasked)
    assert text != answer_text(classes)
    assert unasked_of(answer_text(classes)) == []
