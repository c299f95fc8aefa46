"""What holds for every model, pool and option, on random ones."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from fishermask_backend.fisher import fisher_diagonal, fisher_mask, masked_factors, select_batch

from .oracle import SlowSelection, slow_factors

LIKELIHOODS = st.sampled_from(["categorical", "bernoulli"])
SEEDS = st.integers(0, 2**16)
QUICK = settings(max_examples=25, deadline=None)


@st.composite
def models(draw) -> tuple[nn.Module, Tensor]:
    """A small model of one of three kinds, float32 or float64, and its images."""
    kind = draw(st.sampled_from(["linear", "conv", "tokens"]))
    width, classes = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    N, dtype = draw(st.integers(1, 7)), draw(st.sampled_from([torch.float32, torch.float64]))
    torch.manual_seed(draw(SEEDS))
    if kind == "linear":
        model, shape = (
            nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, classes)),
            (4,),
        )
    elif kind == "conv":
        size, stride = draw(st.integers(3, 6)), draw(st.integers(1, 2))
        conv = nn.Conv2d(2, width, draw(st.integers(1, 3)), stride, draw(st.integers(0, 2)))
        pool = nn.AdaptiveAvgPool2d(1)
        model = nn.Sequential(conv, nn.ReLU(), pool, nn.Flatten(), nn.Linear(width, classes))
        shape = (2, size, size)
    else:
        model = nn.Sequential(nn.LayerNorm(3), nn.Linear(3, width), nn.Flatten(), nn.Tanh())
        model.append(nn.Linear(width * 4, classes))
        shape = (4, 3)
    return model.to(dtype), torch.randn((N, *shape), dtype=dtype)


def everything(model: nn.Module) -> Tensor:
    return torch.arange(sum(p.numel() for p in model.parameters()))


def assert_near(a: Tensor, b: Tensor) -> None:
    tolerance = 2e-5 if a.dtype == torch.float32 else 1e-11
    assert (a - b).abs().max() <= tolerance * max(float(b.abs().max()), 1e-6)


@QUICK
@given(models(), LIKELIHOODS)
def test_diagonal_is_the_mean_of_the_images_diagonals(made, likelihood) -> None:
    model, images = made
    V = slow_factors(model, images, "expected", likelihood)
    matrices = V.mT @ V
    diagonal = fisher_diagonal(model, images, likelihood=likelihood)
    assert_near(diagonal, matrices.diagonal(dim1=1, dim2=2).mean(0))


@QUICK
@given(models(), LIKELIHOODS, st.integers(0, 20))
def test_factor_is_of_a_fisher_matrix(made, likelihood, inner) -> None:
    model, images = made
    diagonal = fisher_diagonal(model, images, likelihood=likelihood)
    mask = fisher_mask(diagonal, model, inner=inner)
    V = masked_factors(model, images, mask, likelihood=likelihood).double()
    matrix = (V.mT @ V).mean(0)
    eigenvalues = torch.linalg.eigvalsh(matrix)
    assert eigenvalues.min() >= -1e-12 * max(float(eigenvalues.max()), 1e-12)
    assert_near(matrix.trace().to(diagonal.dtype), diagonal[mask].sum())


@QUICK
@given(models(), LIKELIHOODS, SEEDS)
def test_neither_batch_size_nor_order_matters(made, likelihood, seed) -> None:
    model, images = made
    mask = everything(model)
    whole = masked_factors(model, images, mask, likelihood=likelihood)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    assert_near(masked_factors(model, images[order], mask, likelihood=likelihood), whole[order])
    single = [
        masked_factors(model, image, mask, likelihood=likelihood) for image in images.split(1)
    ]
    assert_near(torch.cat(single), whole)


@QUICK
@given(models(), LIKELIHOODS, SEEDS)
def test_relabelling_classes_permutes_nothing_else(made, likelihood, seed) -> None:
    model, images = made
    last = model[-1]
    inner = sum(p.numel() for p in model.parameters()) - last.weight.numel() - last.bias.numel()
    before = masked_factors(model, images, everything(model), likelihood=likelihood)
    order = torch.randperm(last.out_features, generator=torch.Generator().manual_seed(seed))
    last.weight.data, last.bias.data = last.weight.data[order], last.bias.data[order]
    after = masked_factors(model, images, everything(model), likelihood=likelihood)
    assert_near(after[:, :, :inner], before[:, order, :inner])
    diagonal = fisher_diagonal(model, images, likelihood=likelihood)
    assert_near(diagonal[:inner], before[:, :, :inner].square().sum(1).mean(0))


@st.composite
def pools(draw) -> tuple[Tensor, Tensor, int, dict[str, object]]:
    """Factors in float32 or float64, what is labelled, K, and options."""
    N, C, d = draw(st.integers(1, 12)), draw(st.integers(1, 4)), draw(st.integers(1, 8))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    generator = torch.Generator().manual_seed(draw(SEEDS))
    V = torch.randn(N, C, d, generator=generator, dtype=dtype)
    V *= torch.rand(N, 1, 1, generator=generator, dtype=dtype) * 10 ** draw(st.integers(-2, 2))
    if draw(st.booleans()):
        V[N // 2 :] = V[: N - N // 2].clone()  # duplicates
    known = torch.rand(N, generator=generator) < draw(st.sampled_from([0, 0.3]))
    options = {
        "ridge": draw(st.sampled_from([1e-2, 1.0, 100.0])),
        "pick_weight": draw(st.sampled_from(["batch", "sample"])),
    }
    return V, known, draw(st.integers(1, 8)), options


@QUICK
@given(pools())
def test_greedy_picks_are_the_dense_oracles(made) -> None:
    V, known, K, options = made
    slow = SlowSelection(V, known, K, **options)
    assert select_batch(V, known, K, **options).indices.tolist() == slow.picked
    falls = [a - b for a, b in zip(slow.objectives, slow.objectives[1:], strict=False)]
    assert all(fall >= -1e-9 * slow.objectives[0] for fall in falls)


@QUICK
@given(pools())
def test_a_duplicate_gains_less_after_the_pick(made) -> None:
    """L and K fixed: what the last pick gained, its copy would have gained just before."""
    V, known, K, options = made
    V, known = torch.cat([V, V]), torch.cat([known, known])
    selection = select_batch(V, known, K, **options)
    for pick, gain in list(zip(selection.indices.tolist(), selection.gains, strict=True))[-1:]:
        copy = (pick + len(V) // 2) % len(V)
        if copy not in selection.indices and gain > 0:
            assert selection.remaining[copy] < gain
