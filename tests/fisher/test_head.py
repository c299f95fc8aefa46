"""The head's structure against factors that are formed: the same sums, products and picks."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from fishermask_backend.fisher import HeadFactors, score_new, select_batch

from .heads import HeadCase, head_cases, trained

THOROUGH = settings(max_examples=60, deadline=None)


def near(a: Tensor, b: Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9 * float(b.abs().max()) if len(b) else 0)


@THOROUGH
@given(head_cases(), st.booleans(), st.booleans())
def test_sums_and_products_are_those_of_formed_factors(
    case: HeadCase, structured: bool, every: bool
) -> None:
    V, head = case.dense(), case.structured()
    head.structured = structured  # by groups, or by forming the rows of a chunk
    images = torch.arange(len(V)) if every else torch.arange(0, len(V), 3)
    part = V[images]
    near(head.rows(images), part)
    near(head[images].rows(torch.arange(len(images))), part)
    weights = torch.randn(len(images)).double()
    near(head.gram(images), torch.einsum("nci,ncj->ij", part, part))
    near(head.gram(images, weights), torch.einsum("n,nci,ncj->ij", weights, part, part))
    S = torch.randn(2 * [V.shape[2]]).double()
    S = S + S.T
    near(head.blocks(images, S), part @ S @ part.mT)
    one, n = images[-1:], len(images) - 1
    near(head.block(one, head.prepared(S)), (part @ S @ part.mT)[n])
    ordered = S if head.order is None else S[head.order]
    for product, times in zip(head.times(one, [ordered, 3 * ordered]), (1, 3), strict=True):
        near(product, times * part[n] @ S)
    W = torch.randn(3, V.shape[2]).double()
    found = torch.empty(len(images), 3, V.shape[1]).double()
    for factors, places in ((head, images), head.at_hand(images)):
        factors.products(places, W, lambda part, products: found[part].copy_(products))
        near(found, W @ part.mT)


SELECTIONS = st.fixed_dictionaries(
    {
        "ridge": st.sampled_from([1e-7, 1e-2, 1.0, 100.0]),
        "backward_steps": st.sampled_from([0.0, 0.5]),
        "pick_weight": st.sampled_from(["batch", "sample"]),
        "pool_limit": st.sampled_from([None, 4]),
    }
)


@THOROUGH
@given(head_cases(), st.integers(0, 16), SELECTIONS)
def test_picks_are_those_of_formed_factors(case: HeadCase, K: int, options: dict[str, Any]) -> None:
    formed = select_batch(case.dense(), case.labelled, K, **options)
    head = select_batch(case.structured(), case.labelled, K, **options)
    assert head.indices.tolist() == formed.indices.tolist()
    scale = float(formed.gains.max()) if len(formed.gains) else 1.0
    torch.testing.assert_close(head.gains, formed.gains, rtol=1e-6, atol=1e-7 * scale)
    torch.testing.assert_close(head.remaining, formed.remaining, rtol=1e-6, atol=1e-7 * scale)


@pytest.mark.parametrize("C", [2, 5, 12])
@pytest.mark.parametrize("backward_steps", [0, 0.5])
def test_picks_in_float32(C: int, backward_steps: float) -> None:
    case = trained(C=C)
    options = {"ridge": 0.1, "pick_weight": "sample", "backward_steps": backward_steps}
    formed = select_batch(case.dense(), case.labelled, 40, **options)
    head = select_batch(case.structured(), case.labelled, 40, **options)
    assert head.indices.tolist() == formed.indices.tolist()


def test_few_rows_of_many_classes() -> None:
    case = trained(C=12)
    case.options = {"top_classes": 3}
    S = torch.randn(2 * [len(case.mask)]).double()
    S, images = S + S.T, torch.arange(0, 200, 2)
    V, head = case.dense()[images].double(), case.structured()
    assert head.structured
    expected = V @ S @ V.mT
    error = (head.blocks(images, S) - expected).abs().max()
    assert error < 1e-5 * expected.abs().max()  # V is in float32


@pytest.mark.parametrize("count", [0, 1, 3, 20, 100])
def test_new_images_are_scored_alike(count: int) -> None:
    """By rows or by A⁻¹ I_U A⁻¹, one by one or many at once, the first time and later."""
    case = trained()
    V, head = case.structured().rows(torch.arange(200)), case.structured()
    scorer = select_batch(V, case.labelled, 5, ridge=0.1).scorer
    some, expected = torch.arange(count), score_new(scorer, V[:count])
    for new in (head[some], head[some], case.structured()[some]):
        torch.testing.assert_close(score_new(scorer, new), expected, rtol=1e-9, atol=0)


def test_a_scorer_keeps_apart_factors_of_other_masks() -> None:
    case, one = trained(), torch.arange(1)
    mask = case.mask[torch.randperm(len(case.mask), generator=torch.Generator().manual_seed(1))]
    other = HeadCase(case.model, case.images, mask, case.labelled)
    scorer = select_batch(case.structured(), case.labelled, 5, ridge=0.1).scorer
    for each in (case, other, case, other):
        expected = score_new(scorer, each.dense()[:1])
        found = score_new(scorer, each.structured()[one])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=0)


def test_a_pool_with_a_factor_that_is_no_number() -> None:
    case = trained()
    head = case.structured()
    head._inputs[3, 17] = torch.nan
    with pytest.raises(ValueError, match="image 17 are not finite"):
        select_batch(head, case.labelled, 5)


class Largest(TorchDispatchMode):
    """The size of the largest tensor of numbers that any operation gives."""

    numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.is_floating_point():
            self.numel = max(self.numel, out.numel())
        return out


def test_factors_are_never_formed() -> None:
    case = trained(N=3000, C=8)
    with Largest() as largest:
        select_batch(case.structured(), case.labelled, 3, ridge=0.1)
    C, d = case.structured().shape[1:]
    assert largest.numel < 3000 * C * d / 2


def test_bytes_of_an_image() -> None:
    head: HeadFactors = trained().structured()
    kept = head._seeds.nbytes + head._inputs.nbytes
    assert head.image_bytes * len(head) == kept
