"""The same on CUDA, to the tolerance that docs/fisher.md states."""

import pytest
import torch

from fishermask_backend.fisher import (
    fisher_diagonal,
    fisher_mask,
    masked_factors,
    score_new,
    select_batch,
)

from .cases import Case

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-11)], ids=str
)
def test_gradients(case: Case, likelihood: str, dtype: torch.dtype, tolerance: float) -> None:
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
