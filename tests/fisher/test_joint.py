"""Several heads are picked for as the dense selection does over the block-diagonal joint factors."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from fishermask_backend.fisher import (
    fisher_diagonal,
    fisher_mask,
    head_factors,
    masked_factors,
    score_new,
    select_batch,
    select_jointly,
)

from .oracle import SlowSelection, slow_factors

QUICK = settings(max_examples=60, deadline=None)


def side_by_side(heads: list[Tensor]) -> Tensor:
    """V (N, ΣC, Σd): every head's factors in rows and columns of its own."""
    return torch.stack([torch.block_diag(*(V[n] for V in heads)) for n in range(len(heads[0]))])


def answered(heads: list[Tensor], labelled: list[Tensor]) -> Tensor:
    """Which of those rows a labelled image's answers speak of (N, ΣC)."""
    return torch.cat(
        [own[:, None].expand(-1, V.shape[1]) for V, own in zip(heads, labelled, strict=True)], 1
    )


@dataclass
class Pool:
    """Factors of each head, which images are labelled for it, and how a batch is picked."""

    heads: list[Tensor]
    labelled: list[Tensor]
    size: int
    options: dict[str, Any]

    def slow(self) -> SlowSelection:
        some = torch.stack(self.labelled).any(0)
        known = answered(self.heads, self.labelled)
        V = side_by_side(self.heads)
        return SlowSelection(V, some, self.size, answered=known, **self.options)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    """One to four heads of any size, some of them far from the others in scale."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**16)))
    N, count = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    heads, labelled = [], []
    for _ in range(count):
        shape = (N, draw(st.integers(1, 4)), draw(st.integers(1, 6)))
        scale = draw(st.sampled_from([0.0, 1e-3, 1.0, 30.0]))
        heads.append(scale * torch.randn(shape, generator=generator, dtype=torch.float64))
        share = draw(st.sampled_from([0, 0.2, 0.5]))
        labelled.append(torch.rand(N, generator=generator) < share)
    options = {
        "ridge": draw(st.sampled_from([1e-3, 0.1, 1.0])),
        "backward_steps": draw(st.sampled_from([0, 0, 0.5])),
        "pick_weight": draw(st.sampled_from(["batch", "sample"])),
    }
    return Pool(heads, labelled, draw(st.integers(1, 5)), options)


@QUICK
@given(pools())
def test_picks_are_those_of_the_joint_factors(pool: Pool) -> None:
    fast, slow = select_jointly(pool.heads, pool.labelled, pool.size, **pool.options), pool.slow()
    assert fast.indices.tolist() == slow.picked
    expected = torch.full((len(pool.heads[0]),), -torch.inf, dtype=torch.float64)
    for n in slow.open:
        expected[n] = slow.gain(n)
    torch.testing.assert_close(fast.remaining, expected, rtol=1e-6, atol=1e-12)


@QUICK
@given(pools())
def test_later_images_gain_the_sum_over_heads(pool: Pool) -> None:
    found = select_jointly(pool.heads, pool.labelled, pool.size, **pool.options)
    left = found.remaining > -torch.inf
    gains = [score_new(own, V[left]) for own, V in zip(found.scorers, pool.heads, strict=True)]
    torch.testing.assert_close(sum(gains), found.remaining[left], rtol=1e-6, atol=1e-12)


def test_one_head_is_what_it_was() -> None:
    V = torch.randn((30, 3, 8), generator=torch.Generator().manual_seed(0))
    known = torch.arange(30) % 7 == 0
    alone, joint = select_batch(V, known, 6, ridge=0.1), select_jointly([V], [known], 6, ridge=0.1)
    assert torch.equal(alone.indices, joint.indices)
    assert torch.equal(alone.gains, joint.gains)
    assert torch.equal(alone.remaining, joint.remaining)
    assert torch.equal(alone.scorer.inverse, joint.scorers[0].inverse)


def test_an_image_labelled_for_one_head_alone_is_no_candidate() -> None:
    heads = [torch.ones(3, 1, 2), torch.ones(3, 1, 2)]
    labelled = [torch.tensor([True, False, False]), torch.tensor([False, True, False])]
    assert select_jointly(heads, labelled, 3).indices.tolist() == [2]


def test_candidates_that_are_drawn() -> None:
    generator = torch.Generator().manual_seed(0)
    heads = [torch.randn((40, 2, 5), generator=generator) for _ in range(2)]
    labelled = [torch.arange(40) % 9 == 0, torch.arange(40) % 11 == 0]
    found = select_jointly(heads, labelled, 4, pool_limit=10, seed=3)
    assert not torch.stack(labelled).any(0)[found.indices].any()
    left = found.remaining > -torch.inf
    gains = [score_new(own, V[left]) for own, V in zip(found.scorers, heads, strict=True)]
    torch.testing.assert_close(sum(gains), found.remaining[left], rtol=1e-9, atol=0)


def test_errors_name_the_value() -> None:
    heads = [torch.zeros(4, 1, 2), torch.zeros(4, 1, 2)]
    with pytest.raises(ValueError, match="labelled must be"):
        select_jointly(heads, [torch.zeros(4).bool(), torch.zeros(3).bool()], 1)
    heads[1][2] = torch.inf
    with pytest.raises(ValueError, match="image 2 are not finite"):
        select_jointly(heads, [torch.zeros(4).bool()] * 2, 1)


# The network itself: heads beside each other over the same rows


class Beside(nn.Module):
    """Logits of some networks, one behind the other; or of one of them, with all parameters."""

    def __init__(self, heads: nn.ModuleList, only: int | None = None) -> None:
        super().__init__()
        self.heads, self._only = heads, only

    def forward(self, x: Tensor) -> Tensor:
        if self._only is None:
            return torch.cat([head(x) for head in self.heads], 1)
        return self.heads[self._only](x)


LIKELIHOODS = ("categorical", "bernoulli", "categorical")


@pytest.mark.parametrize("structured", [True, False])
@pytest.mark.parametrize("rule", ["global", "per_layer"])
def test_the_joint_network_with_the_union_of_the_heads_masks(structured: bool, rule: str) -> None:
    """M = blockdiag(M_h): the rows of V are those of each head, over the parameters of all."""
    torch.manual_seed(0)
    N = 25
    heads = nn.ModuleList(
        nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, C)).double() for C in (3, 2, 4)
    )
    images = 2 * torch.randn(N, 6, dtype=torch.float64)
    labelled = [torch.arange(N) % 5 == 0, torch.arange(N) % 4 == 0, torch.arange(N) == 99]
    masks, pools, offset, union = [], [], 0, []
    for head, likelihood in zip(heads, LIKELIHOODS, strict=True):
        diagonal = fisher_diagonal(head, images, likelihood=likelihood)
        mask = fisher_mask(diagonal, head, inner=7, rule=rule)
        make = head_factors if structured else masked_factors
        pools.append(make(head, images, mask, likelihood=likelihood))
        masks.append(mask)
        union.append(mask + offset)
        offset += len(diagonal)
    found = select_jointly(pools, labelled, 6, ridge=0.1, pick_weight="sample")

    V = [
        slow_factors(Beside(heads, number), images, "expected", likelihood)
        for number, likelihood in enumerate(LIKELIHOODS)
    ]
    joint = torch.cat(V, 1)[:, :, torch.cat(union)].detach()
    slow = SlowSelection(
        joint,
        torch.stack(labelled).any(0),
        6,
        ridge=0.1,
        pick_weight="sample",
        answered=answered(V, labelled),
    )
    assert found.indices.tolist() == slow.picked
    falls = -torch.tensor(slow.objectives, dtype=torch.float64).diff()
    torch.testing.assert_close(found.gains, falls, rtol=1e-7, atol=0)
