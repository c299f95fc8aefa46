"""What gains are made of: their product is the gain, each part is what the dense matrices say."""

from dataclasses import dataclass

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fishermask_backend.fisher import PARTS, Known, select_jointly

from .oracle import SlowSelection
from .test_joint import QUICK, Pool, answered, pools, side_by_side


@dataclass
class Explained:
    """A pool, and what is known of its images beside their factors."""

    pool: Pool
    known: list[Known]

    def slow(self) -> SlowSelection:
        """The dense selection, before its first pick."""
        some = torch.stack(self.pool.labelled).any(0)
        rows = answered(self.pool.heads, self.pool.labelled)
        V = side_by_side(self.pool.heads)
        found = SlowSelection(V, some, self.pool.size, answered=rows, **self.pool.options)
        for n in [*found.picked]:
            found.drop(n)
        found.open.sort()
        return found

    def dense(self, slow: SlowSelection, n: int) -> list[float]:
        """The parts of an image's gain, written out over the joint factors."""
        X, inverse = slow.X[n], torch.linalg.inv(slow.A)
        P = X @ inverse @ X.T
        Q = (X @ inverse @ slow.pool_fisher @ inverse @ X.T).diagonal()
        pairs = zip(
            P.diagonal().split([V.shape[1] for V in self.pool.heads]), self.known, strict=True
        )
        trace = sum(float(own.sum() * (k.uncertain[n] if k.apart else 1)) for own, k in pairs)
        u = sum(float(own.uncertain[n]) for own in self.known)
        rows = [V.shape[1] for V in self.pool.heads]
        of_heads = [float(part.sum()) for part in Q.split(rows)]
        alike = sum(q / float(own.rare[n]) for q, own in zip(of_heads, self.known, strict=True))
        parts = [(u, 1.0), (trace, u), (alike, trace)]
        parts += [(sum(of_heads), alike), (slow.gain(n), sum(of_heads))]
        return [part / whole if whole > 0 else 0.0 for part, whole in parts]


@st.composite
def explained(draw: st.DrawFn) -> Explained:
    """Any pool of `test_joint.py`; openness and rarity have nothing to do with its factors."""
    pool = draw(pools())
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))

    def numbers() -> Tensor:
        return 0.05 + torch.rand(len(pool.heads[0]), generator=generator, dtype=torch.float64)

    apart = st.booleans()
    return Explained(pool, [Known(numbers(), numbers(), draw(apart)) for _ in pool.heads])


@QUICK
@given(explained())
def test_the_product_is_the_gain(case: Explained) -> None:
    pool = case.pool
    found = select_jointly(pool.heads, pool.labelled, pool.size, known=case.known, **pool.options)
    torch.testing.assert_close(found.parts.picked.prod(1), found.gains, rtol=1e-9, atol=1e-15)
    open_ = found.remaining > -torch.inf
    torch.testing.assert_close(
        found.parts.left[open_].prod(1), found.remaining[open_], rtol=1e-9, atol=1e-15
    )
    assert (found.parts.picked[:, -1] <= 1 + 1e-9).all()


@QUICK
@given(explained())
def test_each_part_and_its_place_in_the_pool_are_those_of_dense_matrices(case: Explained) -> None:
    pool = case.pool
    pool.options["backward_steps"] = 0
    found = select_jointly(pool.heads, pool.labelled, pool.size, known=case.known, **pool.options)
    slow = case.slow()
    for row, index in enumerate(found.indices.tolist()):
        every = torch.tensor([case.dense(slow, n) for n in slow.open], dtype=torch.float64)
        own = every[slow.open.index(index)]
        torch.testing.assert_close(found.parts.picked[row], own, rtol=1e-6, atol=1e-12)
        below = (every[:, :-1] < own[:-1] * (1 - 1e-6)).double().mean(0)
        near = (every[:, :-1] - own[:-1]).abs() <= 1e-6 * own[:-1].abs()
        assert (found.parts.above[row] >= below - 1e-12).all()
        assert (found.parts.above[row] <= below + near.double().mean(0)).all()
        slow.pick(index)
    for n in slow.open:
        expected = torch.tensor(case.dense(slow, n), dtype=torch.float64)
        torch.testing.assert_close(found.parts.left[n], expected, rtol=1e-6, atol=1e-12)


def test_who_cannot_be_picked_has_no_parts() -> None:
    V = torch.randn((6, 2, 4), generator=torch.Generator().manual_seed(0))
    labelled = torch.tensor([True, False, False, False, False, False])
    found = select_jointly([V], [labelled], 2, pool_limit=3)
    assert found.parts.left.isfinite().all(1).sum() == 3
    assert found.parts.left[0].isnan().all()


def test_copies_stand_as_high_as_each_other_and_a_pick_lowers_its_copies() -> None:
    V = torch.randn((12, 3, 5), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    V[4] = V[9] = 4 * V[2]
    nobody = torch.zeros(12, dtype=torch.bool)
    found = select_jointly([V], [nobody], 2, ridge=0.1)
    assert int(found.indices[0]) == 4
    unlike, uncertain = PARTS.index("unlike"), PARTS.index("uncertain")
    assert float(found.parts.above[0, unlike]) == 10 / 12  # all but itself and its copy
    assert float(found.parts.above[0, uncertain]) == 0  # all are as uncertain
    assert float(found.parts.left[9, unlike]) < float(found.parts.picked[0, unlike])
