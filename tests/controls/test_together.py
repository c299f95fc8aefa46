"""Annotations of several controls: each control is read and voted on as if it were alone."""

from hypothesis import given
from hypothesis import strategies as st

from fishermask_backend.controls.consensus import Answer, resolve
from fishermask_backend.controls.heads import Head
from fishermask_backend.controls.reading import Reading
from fishermask_backend.controls.together import read_together, resolve_together
from fishermask_backend.labeling import parse_label_config

SPECIES = Head("species", ("cat", "dog"), "categorical")
SEEN = Head("seen", ("cat", "eye"), "bernoulli")
CONFIG = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="species" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<Choices name="quality" toName="image"><Choice value="good"/><Choice value="bad"/></Choices>'
    "</View>"
)


def region(control, *names):
    return {"from_name": control, "type": "choices", "value": {"choices": [*names]}}


def whole(species, seen):
    """An annotation's answer to both; None: left out."""
    classes = {SPECIES.name(c) for c in species or ()} | {SEEN.name(c) for c in seen or ()}
    unasked = [
        name for h, said in ((SPECIES, species), (SEEN, seen)) if said is None for name in h.names
    ]
    return frozenset(classes), frozenset(unasked)


votes = st.lists(
    st.tuples(
        st.sampled_from([None, ("cat",), ("dog",)]),
        st.sampled_from([None, (), ("cat",), ("eye",), ("cat", "eye")]),
        st.booleans(),
        st.integers(0, 3),
        st.integers(0, 9),
    ).filter(lambda vote: vote[:2] != (None, None)),
    max_size=6,
)


@given(votes)
def test_each_control_is_voted_on_as_if_it_were_alone(votes):
    together = []
    alone = {SPECIES: [], SEEN: []}
    for species, seen, star, person, moment in votes:
        classes, unasked = whole(species, seen)
        about = (star, f"2026-11-28T00:00:0{moment}Z", person)
        together.append(Answer(classes, *about, unasked))
        for head, said in ((SPECIES, species), (SEEN, seen)):
            if said is not None:
                alone[head].append(Answer(frozenset(map(head.name, said)), *about))
    target, tied = resolve_together(together, [SPECIES, SEEN])
    assert (target is None) == (not votes)
    for head, answers in alone.items():
        own = resolve(answers, several=head.likelihood == "bernoulli")
        if own is None:
            assert target is None or not head.asked(target.unasked)
            assert head.control not in tied
        else:
            assert target.classes.intersection(head.names) == own.classes
            assert target.unasked.intersection(head.names) == own.unasked
            assert (head.control in tied) == own.tied
    assert target is None or target.tied == bool(tied)


def test_one_control_is_what_it_was():
    answers = [Answer(frozenset({"cat"}), False, "1", 1), Answer(frozenset({"dog"}), False, "2", 2)]
    target, tied = resolve_together(answers, [Head("a", ("cat", "dog"), "categorical", alone=True)])
    assert (target, tied) == (resolve(answers), ["a"])
    reading = Reading(None, ("odd",), "why")
    assert read_together({SPECIES: reading}) is reading


def reading(*regions):
    return parse_label_config(CONFIG).read([*regions])


def test_a_control_left_out_beside_one_that_is_answered_is_nothing_odd():
    found = reading(region("species", "cat"))
    assert (found.classes, found.not_learnt) == ({"species: cat"}, None)
    assert found.unasked == {"quality: good", "quality: bad"}


def test_what_is_not_learnt_names_its_control():
    found = reading(region("species", "cat"), region("quality", "ugly"))
    assert found.classes == {"species: cat"}
    assert found.not_learnt == "it names 'ugly', no class of 'quality'"
    odd = reading(region("species", "cat"), region("quality", "good") | {"value": 3})
    assert odd.classes == {"species: cat"}
    assert odd.not_learnt == "'quality', region 2: value is a number, not an object"
    both = reading(7, region("species", "cat"))
    assert (both.classes, both.not_learnt) == (
        {"species: cat"},
        "region 1 is a number, not an object",
    )


def test_nothing_chosen_anywhere():
    found = reading()
    assert found.classes is None
    assert found.not_learnt == "nothing was chosen in 'species'; nothing was chosen in 'quality'"
    assert parse_label_config(CONFIG).read(None).not_learnt == "the result is null, not a list"
