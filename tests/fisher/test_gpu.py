"""The same on CUDA, to the tolerance that docs/fisher.md states."""

import pytest
import torch

from fishermask_backend.fisher import (
    chunks,
    fisher_diagonal,
    fisher_mask,
    masked_factors,
    score_new,
    select_batch,
)

from .cases import Case
from .heads import trained
from .networks import published_cnn

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


# torch's CUDA kernels of Hardswish and weight_norm are as exact as float32 in float64 too
INEXACT = {"convolutions", "mobilenet_v3_small", "unknown_layers"}


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-11)], ids=str
)
def test_gradients(case: Case, likelihood: str, dtype: torch.dtype, tolerance: float) -> None:
    if case.name in INEXACT:
        tolerance = max(tolerance, 1e-6)
    model, images = case.model().to(dtype), case.images(5).to(dtype)
    D = fisher_diagonal(model, images, likelihood=likelihood)
    mask = fisher_mask(D, model, inner=60)
    V = masked_factors(model, images, mask, likelihood=likelihood)
    model.cuda()
    on_gpu = fisher_diagonal(model, images.cuda(), likelihood=likelihood)
    assert on_gpu.is_cuda
    assert (on_gpu.cpu() - D).abs().max() <= tolerance * D.abs().max()
    for given in (images.cuda(), images):  # a pool may stay in the host's memory
        there = masked_factors(model, given, mask.cuda(), likelihood=likelihood)
        assert there.device == given.device
        assert (there.cpu() - V).abs().max() <= tolerance * V.abs().max()


def test_a_chunk_too_large_for_the_gpu(monkeypatch, caplog):
    model = published_cnn(10).cuda().eval()
    images = torch.rand((2048, 1, 28, 28), device="cuda")
    D = fisher_diagonal(model, images)
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.empty_cache()
    room = torch.cuda.memory_reserved() + 2**28
    monkeypatch.setattr(chunks, "CUDA_BYTES", 2**40)  # all images at once
    torch.cuda.set_per_process_memory_fraction(room / total)
    try:
        assert torch.allclose(fisher_diagonal(model, images), D, rtol=1e-4, atol=1e-7)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "Out of memory with 2048 images at once: going on with 1024." in caplog.text


@pytest.mark.parametrize("backward_steps", [0, 0.5])
@pytest.mark.parametrize("pool_limit", [None, 100])
def test_selection(backward_steps: float, pool_limit: int | None) -> None:
    V = torch.randn((300, 4, 60), generator=torch.Generator().manual_seed(0))
    known = torch.arange(300) % 20 == 0
    options = {"ridge": 0.1, "backward_steps": backward_steps, "pool_limit": pool_limit}
    here = select_batch(V, known, 20, **options)
    there = select_batch(V.cuda(), known.cuda(), 20, **options)
    assert there.indices.is_cuda
    assert there.indices.tolist() == here.indices.tolist()
    torch.testing.assert_close(there.remaining.cpu(), here.remaining, rtol=1e-9, atol=0)
    scores = score_new(there.scorer, V[:7].cuda())
    torch.testing.assert_close(scores.cpu(), score_new(here.scorer, V[:7]), rtol=1e-9, atol=0)


@pytest.mark.parametrize("backward_steps", [0, 0.5])
def test_selection_by_a_heads_structure(backward_steps: float) -> None:
    case, options = trained(N=300), {"ridge": 0.1, "backward_steps": backward_steps}
    here = select_batch(case.structured(), case.labelled, 20, **options)
    case.model.cuda()
    head = case.structured()  # the images stay in the host's memory
    assert head.device.type == "cuda"
    there = select_batch(head, case.labelled, 20, **options)
    assert there.indices.tolist() == here.indices.tolist()
    torch.testing.assert_close(there.remaining.cpu(), here.remaining, rtol=1e-5, atol=0)
    some = torch.arange(0, 100, 2)
    torch.testing.assert_close(
        score_new(there.scorer, head[some]).cpu(),
        score_new(here.scorer, head[some].rows(torch.arange(50)).cpu()),
        rtol=1e-5,
        atol=0,
    )
