"""Images shared out among threads: the same numbers, and everything as it was afterwards."""

import threading

import pytest
import torch
from torch import Tensor, nn

from fishermask_backend.fisher import fisher_diagonal, head_factors, masked_factors, select_batch
from fishermask_backend.fisher.parallel import over_parts, shares

from .cases import Case
from .networks import head, published_cnn


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


@pytest.fixture
def case() -> Case:
    return Case("published_cnn", published_cnn, (1, 28, 28))


def one_thread(work) -> Tensor:
    torch.set_num_threads(1)
    try:
        return work()
    finally:
        torch.set_num_threads(3)


def test_same_result_as_in_one_thread(case, likelihood) -> None:
    model, images, mask = case.model(), case.images(100), torch.arange(0, 20_000, 77)
    assert shares(model, 100) == 3
    for work in (
        lambda: fisher_diagonal(model, images, likelihood=likelihood),
        lambda: masked_factors(model, images, mask, likelihood=likelihood),
    ):
        shared, alone = work(), one_thread(work)
        assert (shared - alone).abs().max() <= 1e-13 * alone.abs().max()


def test_same_bits_every_time(case) -> None:
    model, images = case.model().float(), case.images(100).float()
    first = fisher_diagonal(model, images)
    assert all(torch.equal(fisher_diagonal(model, images), first) for _ in range(5))


def test_two_callers_at_once(case) -> None:
    """One shares out, the other goes on alone; both get the same bits, the setting comes back."""
    model, images = case.model(), case.images(200)
    expected = fisher_diagonal(model, images)
    results: list[Tensor] = []
    callers = [
        threading.Thread(target=lambda: results.append(fisher_diagonal(model, images)))
        for _ in range(4)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(results) == 4
    for result in results:
        assert (result - expected).abs().max() <= 1e-13 * expected.abs().max()


class Remembers(nn.Module):
    """Keeps something of its forward pass on itself, as some modules do."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = head()

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x.detach()
        hidden = self.inner(x)
        torch.mm(torch.rand(300, 300), torch.rand(300, 300))  # time for another thread to interfere
        return hidden + self.seen[:, :3]


class CannotBeCopied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.lock = head(), threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


@pytest.mark.parametrize("build", [Remembers, CannotBeCopied])
def test_modules_with_a_state_of_their_own(build) -> None:
    case = Case("own state", build, (20,))
    model, images = case.model(), case.images(200)
    shared, alone = (
        fisher_diagonal(model, images),
        one_thread(lambda: fisher_diagonal(model, images)),
    )
    assert (shared - alone).abs().max() <= 1e-13 * alone.abs().max()


def test_errors_come_through(case) -> None:
    model, images = case.model(), case.images(100)
    images[70] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        fisher_diagonal(model, images)
    fisher_diagonal(model, images[:70])


@pytest.mark.parametrize("total", [0, 4, 100])
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_parts_cover_all_once_in_the_callers_mode(total: int, mode) -> None:
    with mode():
        found, asked = torch.zeros(total), []

        def work(start: int, stop: int) -> None:
            found[start:stop] += torch.arange(start, stop)
            asked.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled()))

        over_parts(total, 7, work)
        assert torch.equal(found, torch.arange(total).float())
        now = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
        assert asked == [now] * -(-total // 7)


def test_cores_work_on_parts_of_their_own_at_once() -> None:
    meeting = threading.Barrier(3, timeout=30)  # passed only while three are at work

    def meet(start: int, stop: int) -> None:
        meeting.wait()

    over_parts(3, 1, meet)


def test_an_error_in_a_part_is_the_callers() -> None:
    def fail(start: int, stop: int) -> None:
        if start == 5:
            raise ValueError("part 5")

    with pytest.raises(ValueError, match="part 5"):
        over_parts(9, 1, fail)


def test_a_selection_is_the_same_on_any_number_of_threads() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(40, 16), nn.ReLU(), nn.Linear(16, 5))
    images, mask = (
        torch.randn(3000, 40),
        torch.arange(200, sum(p.numel() for p in model.parameters())),
    )
    factors, labelled = head_factors(model, images, mask), torch.arange(3000) < 30
    assert factors is not None

    def gains() -> Tensor:
        return select_batch(factors, labelled, 5, ridge=0.1).remaining

    shared = gains()
    alone = one_thread(gains)
    assert (shared - alone)[30:].abs().nan_to_num().max() <= 1e-12 * alone.max()
