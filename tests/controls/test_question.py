"""One control of a config: what its pre-label names."""

from fishermask_backend.controls.question import decided


def test_what_is_decided():
    even = {"cat": 0.4, "dog": 0.4, "hen": 0.2}
    assert decided(even, "categorical") == ["cat"]
    assert decided(even, "bernoulli") == []
    assert decided({"cat": 0.9, "dog": 0.5, "hen": 0.51}, "bernoulli") == ["cat", "hen"]
    assert decided({}, "categorical") == decided({}, "bernoulli") == []
