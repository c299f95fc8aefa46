"""What classes are called where several controls are learnt: never two alike."""

from hypothesis import given
from hypothesis import strategies as st

from fishermask_backend.controls.heads import Head, likelihood_of, read_head, stored_heads

names = st.text(alphabet="a: /", min_size=1, max_size=6)


@given(names, names, names, names)
def test_no_two_classes_of_different_controls_are_called_alike(one, its, other, theirs):
    called = Head(one, (its,), "categorical").names, Head(other, (theirs,), "bernoulli").names
    assert (called[0] == called[1]) == ((one, its) == (other, theirs))


def test_an_only_control_s_classes_are_called_as_it_calls_them():
    head = Head("species", ("cat", "dog"), "categorical", alone=True)
    assert head.names == ("cat", "dog")
    assert stored_heads([head]) is None
    assert head.asked(["cat", "dog"])


def test_heads_are_kept_whole():
    heads = [Head("a", ("x", "y"), "categorical"), Head("b: c", ("x",), "bernoulli")]
    assert [read_head(stored) for stored in stored_heads(heads) or ()] == heads
    assert [likelihood_of(heads), likelihood_of(heads[1:])] == ["joint", "bernoulli"]
    assert heads[1].names == ("b:: c: x",)
    assert heads[1].own(["b:: c: x", "a: x"]) == ["x"]
    assert heads[0].asked(["a: x"])
    assert not heads[0].asked(["a: x", "a: y", "b:: c: x"])
