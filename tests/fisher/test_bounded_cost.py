"""The named approximations: what they keep exactly, what they leave out, and that they say so."""

import logging

import pytest
import torch
from torch import Tensor, nn

from fishermask_backend.fisher import (
    factors_on_disk,
    fisher_diagonal,
    fisher_mask,
    largest_entries,
    masked_factors,
    rest_weight,
    score_new,
    select_batch,
)
from fishermask_backend.fisher.sketch import Sketch

from .cases import Case
from .networks import head
from .oracle import slow_factors


@pytest.fixture
def model() -> nn.Module:
    return Case("head", head, (20,)).model().eval()


@pytest.fixture
def images() -> Tensor:
    return 3 * torch.randn((50, 20), generator=torch.Generator().manual_seed(0)).double()


def every(model: nn.Module) -> Tensor:
    return torch.arange(sum(p.numel() for p in model.parameters()))


def test_top_classes_are_rows_of_the_whole_factor(model, images, likelihood) -> None:
    whole = masked_factors(model, images, every(model), likelihood=likelihood)
    top = masked_factors(model, images, every(model), likelihood=likelihood, top_classes=2)
    p = model(images).softmax(1) if likelihood == "categorical" else model(images).sigmoid()
    weight = p if likelihood == "categorical" else p * (1 - p)
    left_out = weight.argmin(1)
    kept = torch.tensor([[c for c in range(3) if c != out] for out in left_out.tolist()])
    torch.testing.assert_close(top, whole[torch.arange(50).unsqueeze(1), kept])
    rest = rest_weight(p, 2, likelihood)
    torch.testing.assert_close(rest, weight.min(1).values / weight.sum(1))


def test_top_classes_of_all_change_nothing(model, images, likelihood) -> None:
    options = {"likelihood": likelihood, "top_classes": 3}
    D = fisher_diagonal(model, images, likelihood=likelihood)
    torch.testing.assert_close(fisher_diagonal(model, images, **options), D)
    V = masked_factors(model, images, every(model), likelihood=likelihood)
    assert torch.equal(masked_factors(model, images, every(model), **options), V)


def test_top_classes_of_the_diagonal(model, images, likelihood) -> None:
    options = {"likelihood": likelihood, "top_classes": 1}
    V = masked_factors(model, images, every(model), **options)
    torch.testing.assert_close(fisher_diagonal(model, images, **options), V.square().sum(1).mean(0))


def test_max_dim_keeps_the_largest_of_the_mask(model, images) -> None:
    D = fisher_diagonal(model, images)
    mask = fisher_mask(D, model, inner=40)
    short = fisher_mask(D, model, inner=40, max_dim=25)
    assert short.tolist() == mask[D[mask].argsort(descending=True)[:25].sort().values].tolist()
    kept, share = largest_entries(mask, D, 25)
    assert torch.equal(kept, short)
    assert share == pytest.approx(float(D[short].sum() / D[mask].sum()))
    assert 0 < share < 1
    assert torch.equal(fisher_mask(D, model, inner=40, max_dim=len(mask)), mask)


def test_sketched_factors_are_the_factors_times_the_sketch(model, images) -> None:
    mask = every(model)
    V = masked_factors(model, images, mask)
    short = masked_factors(model, images, mask, max_dim=30, seed=5)
    sketch = Sketch(len(mask), 30, 5, V)
    torch.testing.assert_close(short.flatten(0, 1), sketch(V.flatten(0, 1)))
    assert short.shape == (50, V.shape[1], 30)
    assert torch.equal(masked_factors(model, images, mask, max_dim=len(mask)), V)


def test_sketch_keeps_inner_products_as_well_as_it_says() -> None:
    d, m = 3000, 400
    x, y = torch.randn(2, 200, d, generator=torch.Generator().manual_seed(0)).double()
    y += x  # related ones are the hard case
    scale = (x.norm(dim=1) * y.norm(dim=1)).unsqueeze(1)
    errors = (
        torch.stack(
            [
                (sketch(x) * sketch(y)).sum(1) - (x * y).sum(1)
                for sketch in (Sketch(d, m, seed, x) for seed in range(20))
            ],
            1,
        )
        / scale
    )
    assert errors.square().mean().sqrt() <= (2 / m) ** 0.5
    assert errors.mean().abs() <= 3 * (2 / m / errors.numel()) ** 0.5 * 20**0.5


@pytest.mark.parametrize("m", [1, 3, 8, 13])
def test_sketch_has_one_entry_a_block(m) -> None:
    columns = Sketch(40, m, 0, torch.zeros(1, dtype=torch.float64))(torch.eye(40).double())
    assert columns.shape == (40, m)
    assert (columns != 0).sum(1).tolist() == [min(8, m)] * 40
    torch.testing.assert_close(columns.square().sum(1), torch.ones(40).double())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_factors_on_disk_are_those_in_memory(model, images, dtype, tmp_path) -> None:
    mask = every(model)
    V = masked_factors(model, images, mask)
    out = factors_on_disk(tmp_path / "factors", tuple(V.shape), dtype)
    assert masked_factors(model, images, mask, out=out) is out
    assert torch.equal(out, V.to(dtype))
    assert (tmp_path / "factors").stat().st_size == V.numel() * dtype.itemsize
    known = torch.arange(50) < 5
    assert select_batch(out, known, 4).indices.tolist() == (
        select_batch(out.clone(), known, 4).indices.tolist()
    )


def test_pool_limit_draws_candidates_and_scores_the_rest(model, images, caplog) -> None:
    caplog.set_level(logging.INFO)
    V, known = masked_factors(model, images, every(model)), torch.arange(50) % 10 == 0
    selection = select_batch(V, known, 5, ridge=0.1, pool_limit=20, seed=3)
    again = select_batch(V, known, 5, ridge=0.1, pool_limit=20, seed=3)
    other = select_batch(V, known, 5, ridge=0.1, pool_limit=20, seed=4)
    assert selection.indices.tolist() == again.indices.tolist() != other.indices.tolist()
    assert not known[selection.indices].any()
    left = selection.remaining > -torch.inf
    assert left.sum() == 45 - 5
    torch.testing.assert_close(
        selection.remaining[left], score_new(selection.scorer, V[left]), rtol=1e-9, atol=0
    )
    assert "pool_limit: 20 of 45 unlabelled images" in caplog.text


def test_pool_limit_above_the_pool_changes_nothing(model, images) -> None:
    V, known = masked_factors(model, images, every(model)), torch.arange(50) < 5
    limited, whole = select_batch(V, known, 5, pool_limit=45), select_batch(V, known, 5)
    assert torch.equal(limited.indices, whole.indices)
    assert torch.equal(limited.remaining, whole.remaining)


def test_top_classes_and_sketch_together(model, images) -> None:
    V = masked_factors(model, images, every(model), top_classes=2, max_dim=30)
    slow = slow_factors(model, images)
    assert V.shape == (50, 2, 30)
    assert V.square().sum() < 1.2 * slow.square().sum()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m, x: fisher_diagonal(m, x, top_classes=0), "top_classes=0"),
        (lambda m, x: masked_factors(m, x, every(m), max_dim=0), "max_dim=0"),
        (lambda m, x: fisher_mask(torch.ones(195).double(), m, max_dim=0), "max_dim=0"),
        (lambda m, x: masked_factors(m, x, every(m), out=torch.ones(3)), r"out must be .*195\)"),
        (
            lambda m, x: select_batch(x.unsqueeze(1), x[:, 0] > 9, 2, pool_limit=0),
            "pool_limit=0",
        ),
    ],
)
def test_errors_name_the_value(model, images, call, message) -> None:
    with pytest.raises(ValueError, match=message):
        call(model, images)
