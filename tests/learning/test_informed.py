"""Heads that know the pool."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from fishermask_backend.learning import informed as informed_module
from fishermask_backend.learning.calibration import Calibration
from fishermask_backend.learning.classifier import (
    load_classifier,
    logits,
    probabilities,
    save_classifier,
)
from fishermask_backend.learning.heads import Heads
from fishermask_backend.learning.informed import informed
from fishermask_backend.learning.joint_classifier import fit_heads, joint_probabilities
from fishermask_backend.learning.objectives import Taught
from tests.round_problem import lite0

BACKBONE = lite0()
WIDTH = BACKBONE.row_shape[0]
CLASSES = torch.arange(300) % 5


def clusters(spread: float, seed: int = 0) -> Tensor:
    """Rows (300, WIDTH) of five classes, each of which is a cloud in the same six directions."""
    generator = torch.Generator().manual_seed(seed)
    centres = 3 * torch.randn(5, 6, generator=generator)
    places = centres[CLASSES] + spread * torch.randn(300, 6, generator=generator)
    noise = 0.1 * torch.randn(300, WIDTH, generator=generator)
    return places @ torch.randn(6, WIDTH, generator=generator) / 6 + noise


def labelled(count: int) -> Tensor:
    return torch.arange(300) < count


def taught(targets: Tensor, likelihood: str = "categorical", classes: int = 5) -> Taught:
    return Taught(likelihood, classes, torch.ones(len(targets)).bool(), targets)


def both(rows: Tensor, known: Tensor, *each: Taught) -> tuple[nn.Module, nn.Module]:
    """The network without and with what the pool tells."""
    plain, base = (fit_heads(BACKBONE, rows[known], each, pool_rows=rows, seed=0) for _ in "ab")
    return plain, informed(base, rows, known, each, 0)[0]


def right(model: nn.Module, rows: Tensor, known: Tensor) -> float:
    found = probabilities(model, rows, "categorical").argmax(1)
    return float((found == CLASSES)[~known].float().mean())


def wrong(model: nn.Module, rows: Tensor, known: Tensor) -> float:
    return float(functional.cross_entropy(logits(model, rows)[~known], CLASSES[~known]))


def test_the_pool_s_clusters_help_few_labels():
    rows, known = clusters(2.5), labelled(20)
    plain, found = both(rows, known, taught(CLASSES[known]))
    assert right(found, rows, known) > right(plain, rows, known) + 0.01
    assert wrong(found, rows, known) < wrong(plain, rows, known)


def test_where_near_images_tell_nothing_it_costs_nothing():
    generator = torch.Generator().manual_seed(0)
    clouds = 3 * torch.randn(30, WIDTH, generator=generator)
    near = torch.randint(0, 30, (300,), generator=generator)  # in a cloud, which knows no classes
    rows = clouds[near] + 3 * torch.randn(300, WIDTH, generator=generator)
    rows[:, :100] += 12 * functional.one_hot(CLASSES).repeat(1, 20)
    known = labelled(100)
    plain, found = both(rows, known, taught(CLASSES[known]))
    assert right(found, rows, known) > right(plain, rows, known) - 0.01
    trusting, _ = informed(plain, rows, known, [taught(CLASSES[known])], 0, (Calibration(),))
    assert right(trusting, rows, known) < right(found, rows, known) - 0.1


def test_it_is_as_sure_as_it_is_right():
    rows, known = clusters(3.0), labelled(150)
    plain, found = both(rows, known, taught(CLASSES[known]))
    sure, too_sure = (
        float(probabilities(model, rows, "categorical")[~known].amax(1).mean())
        - right(model, rows, known)
        for model in (found, plain)
    )
    assert too_sure > 0.1
    assert abs(sure) < too_sure / 2


def test_heads_of_several_controls_have_their_own():
    rows, known = clusters(1.5), labelled(40)
    several = functional.one_hot(CLASSES[known], 5)[:, :3].float()
    several[::4, 1] = torch.nan
    some = torch.arange(40) % 3 > 0
    first = Taught("categorical", 5, some, CLASSES[known][some])
    plain, found = both(rows, known, first, taught(several, "bernoulli", 3))
    assert isinstance(found, Heads)
    assert [head.offset.mass.shape for head in found.heads] == [(300, 1, 5), (300, 2, 3)]
    asked = [("categorical", 5), ("bernoulli", 3)]
    probs = joint_probabilities(found, rows, asked)
    truth = functional.one_hot(CLASSES, 5)[:, :3].float()
    losses = [
        float(functional.binary_cross_entropy(p[:, 5:][~known], truth[~known]))
        for p in (probs, joint_probabilities(plain, rows, asked))
    ]
    assert losses[0] < losses[1]
    assert (probs[:, :5].argmax(1) == CLASSES)[~known].float().mean() > 0.6


@pytest.mark.parametrize("heads", [1, 2])
def test_it_is_stored_whole(heads, tmp_path):
    rows, known = clusters(1.5), labelled(20)
    _, model = both(rows, known, *[taught(CLASSES[known])] * heads)
    about = {"backbone": BACKBONE.key, "num_classes": str(5 * heads)}
    if heads > 1:
        about["sizes"] = "[5, 5]"
    save_classifier(tmp_path / "it.safetensors", model, about)
    loaded = load_classifier(tmp_path / "it.safetensors", BACKBONE)
    assert torch.equal(logits(loaded, rows), logits(model, rows))


def test_only_so_many_images_are_compared_with(monkeypatch):
    monkeypatch.setattr(informed_module, "REFERENCE", 60)
    rows = clusters(1.5)
    for count in (20, 150):
        _, found = both(rows, labelled(count), taught(CLASSES[labelled(count)]))
        assert found[1].offset.reference.shape[0] == 60
        assert right(found, rows, labelled(count)) > 0.5


@pytest.mark.parametrize("count", [2, 9, 10])
def test_few_labels_do(count):
    rows, known = clusters(1.5), labelled(count)
    _, found = both(rows, known, taught(CLASSES[known]))
    assert logits(found, rows).isfinite().all()


def test_a_pool_of_one_image_is_left_alone():
    row = clusters(1.0)[:1]
    network = fit_heads(BACKBONE, row, [taught(CLASSES[:1])], pool_rows=row, seed=0)
    assert informed(network, row, torch.tensor([True]), [taught(CLASSES[:1])], 0) == (network, ())


def test_what_is_trusted_may_be_known():
    rows, known = clusters(2.0), labelled(40)
    each = [taught(CLASSES[known])]
    first, second = (fit_heads(BACKBONE, rows[known], each, pool_rows=rows, seed=0) for _ in "ab")
    found, trust = informed(first, rows, known, each, 0)
    again, same = informed(second, rows, known, each, 1, trust)
    assert same == trust
    assert trust != (Calibration(),)
    assert torch.equal(again[1].network[-1].weight, found[1].network[-1].weight)
    assert torch.equal(again[1].offset.strength, found[1].offset.strength)
