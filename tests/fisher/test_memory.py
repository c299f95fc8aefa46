"""Out of memory: smaller chunks, the same result, and a line in the log."""

import pytest
import torch
from torch import Tensor, nn

from fishermask_backend.fisher import fisher_diagonal, masked_factors
from fishermask_backend.fisher.chunks import for_each_chunk


class FitsFew(nn.Module):
    """Runs out of memory as a CUDA device does, above a number of images."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.layer = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        if len(x) > self.most:
            raise torch.OutOfMemoryError(f"{len(x)} images do not fit")
        return self.layer(x)


@pytest.mark.parametrize("most", [1, 3, 20])
def test_halved_until_it_fits(most, caplog) -> None:
    torch.manual_seed(0)
    model, images = FitsFew(most), torch.randn(21, 4)
    whole = model.layer
    torch.testing.assert_close(fisher_diagonal(model, images), fisher_diagonal(whole, images))
    mask = torch.arange(15)
    torch.testing.assert_close(
        masked_factors(model, images, mask), masked_factors(whole, images, mask)
    )
    assert "Out of memory with 21 images at once: going on with 11." in caplog.text


def test_a_single_image_that_does_not_fit() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        fisher_diagonal(FitsFew(0), torch.randn(2, 4))


def test_chunks_cover_everything_once() -> None:
    done: list[int] = []

    def work(start: int, stop: int) -> None:
        if stop - start > 3:
            raise torch.OutOfMemoryError
        done.extend(range(start, stop))

    for_each_chunk(17, 8, work)
    assert done == list(range(17))
