"""A⁻¹ and A⁻¹ I_U A⁻¹ through more changes than they have rows, against dense inverses."""

import pytest
import torch

from fishermask_backend.fisher.accumulated import Accumulated
from fishermask_backend.fisher.inverse import Inverse

D = 12


@pytest.mark.parametrize("steps", [0, 3, 40])
def test_after_many_steps(steps: int) -> None:
    torch.manual_seed(0)
    root = torch.randn(D, D).double()
    pool, A = root @ root.T, Accumulated(torch.zeros(D, D).double(), 1.0)
    dense = torch.eye(D).double()
    kept = Inverse(dense.clone(), pool.clone(), None)
    added: list[torch.Tensor] = []
    for step in range(steps):
        sign = -1.0 if step % 3 == 2 else 1.0
        X = added.pop(0) if sign < 0 else torch.randn(2, D).double()
        added += [X] if sign > 0 else []
        XA, XH = kept.times_both(X)
        values, vectors = torch.linalg.eigh(XA @ X.T)
        R = vectors * (1 + sign * values).rsqrt()
        W = R.T @ XA
        kept.change(W, R.T @ XH - sign / 2 * (R.T @ (XH @ X.T) @ R) @ W, sign)
        A.add(X, sign)
        dense += sign * X.T @ X
    inverse = torch.linalg.inv(dense)
    some = torch.randn(3, D).double()
    torch.testing.assert_close(kept.inverse, inverse)
    torch.testing.assert_close(kept.times(some), some @ inverse)
    for found, expected in zip(
        kept.times_both(some), (some @ inverse, some @ inverse @ pool @ inverse), strict=True
    ):
        torch.testing.assert_close(found, expected)
    assert A.condition == pytest.approx(float(dense.diagonal().max()))
    L = A.cholesky()
    torch.testing.assert_close(L @ L.T, dense)
