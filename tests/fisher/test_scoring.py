"""Bounds of gains, and which gains are computed at all."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fishermask_backend.fisher.scoring import gain_bounds, leading_gains, marginal_gains


@st.composite
def candidates(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """P and Q (N, C, C) of very different sizes, some of them singular or zero."""
    N, C = draw(st.integers(1, 60)), draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    X = torch.randn((N, C, draw(st.integers(1, 6))), generator=generator, dtype=torch.float64)
    X *= 10 ** (
        draw(st.integers(0, 3)) * (torch.rand((N, 1, 1), generator=generator).double() - 0.5)
    )
    X[: draw(st.integers(0, N))] *= draw(st.sampled_from([0, 1]))
    weights = torch.rand(X.shape[2], generator=generator, dtype=torch.float64)
    return X @ X.mT, X * weights @ X.mT


@settings(deadline=None)
@given(candidates())
def test_no_gain_exceeds_its_bound(made: tuple[Tensor, Tensor]) -> None:
    P, Q = made
    assert (marginal_gains(P, Q) <= gain_bounds(P, Q)).all()


@settings(deadline=None)
@given(candidates())
def test_gains_are_the_trace_with_the_inverse(made: tuple[Tensor, Tensor]) -> None:
    P, Q = made
    inverse = torch.linalg.inv(torch.eye(P.shape[1]) + P)
    expected = torch.einsum("nij,nji->n", Q, inverse)
    torch.testing.assert_close(marginal_gains(P, Q), expected, rtol=1e-6, atol=1e-12)


@settings(deadline=None)
@given(candidates(), st.booleans())
def test_leading_gains_have_all_that_could_be_picked(
    made: tuple[Tensor, Tensor], some: bool
) -> None:
    P, Q = made
    open_ = torch.arange(len(P)) % 3 > 0 if some else torch.ones(len(P), dtype=torch.bool)
    gains, leading = marginal_gains(P, Q), leading_gains([(P, Q)], open_)
    assert (leading[~open_] == -torch.inf).all()
    known = leading > -torch.inf
    assert torch.equal(leading[known], gains[known])
    if open_.any():
        top = gains[open_].max()
        assert known[open_ & (gains >= top * (1 - 1e-9))].all()
