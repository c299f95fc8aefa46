"""How far logits and evidence are trusted."""

import pytest
import torch

from fishermask_backend.learning.calibration import (
    USUAL_SCALE,
    USUAL_STRENGTH,
    Calibration,
    calibration,
)
from fishermask_backend.learning.objectives import OBJECTIVES

COUNT = 4000


def drawn(scale: float, strength: float, likelihood: str) -> tuple[torch.Tensor, ...]:
    """Logits, evidence, and labels drawn by what these say when they are trusted so far."""
    generator = torch.Generator().manual_seed(0)
    logits, evidence = 3 * torch.randn(2, COUNT, 4, generator=generator)
    served = scale * (logits + strength * evidence)
    if likelihood == "categorical":
        return logits, evidence, torch.multinomial(served.softmax(1), 1, generator=generator)[:, 0]
    return logits, evidence, torch.bernoulli(served.sigmoid(), generator=generator)


@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli"])
@pytest.mark.parametrize(("scale", "strength"), [(0.3, 0.0), (0.5, 1.0), (1.5, 2.0)])
def test_many_labels_tell_both(scale, strength, likelihood):
    found = calibration(*drawn(scale, strength, likelihood), OBJECTIVES[likelihood])
    assert found.scale == pytest.approx(scale, rel=0.1)
    assert found.strength == pytest.approx(strength, abs=0.15)


def test_evidence_against_the_labels_counts_nothing():
    logits, evidence, labels = drawn(0.7, -1.0, "categorical")
    assert calibration(logits, evidence, labels, OBJECTIVES["categorical"]).strength == 0.0


def test_few_labels_move_little_and_none_nothing():
    logits, evidence, labels = drawn(3.0, 0.0, "categorical")
    few = calibration(logits[:3], evidence[:3], labels[:3], OBJECTIVES["categorical"])
    assert abs(few.strength - USUAL_STRENGTH) < abs(0.0 - USUAL_STRENGTH)
    assert few.scale < 3.0
    assert calibration(
        logits[:0], evidence[:0], labels[:0], OBJECTIVES["categorical"]
    ) == Calibration(USUAL_SCALE, USUAL_STRENGTH)


def test_nobody_asked_counts_nothing():
    logits, evidence, labels = drawn(0.5, 1.0, "bernoulli")
    unasked = labels.clone()
    unasked[::2] = torch.nan
    found = calibration(logits, evidence, unasked, OBJECTIVES["bernoulli"])
    assert found.scale == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("evidence", [1.0, -1.0])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_what_is_found_can_be_used_however_sure_the_logits_are(size, evidence):
    """Held-out logits may be right all along, or wrong, and the evidence too."""
    for right in (1.0, -1.0):
        sure = size * (torch.eye(4) - 0.5).repeat(20, 1)
        found = calibration(
            right * sure, evidence * sure, torch.arange(80) % 4, OBJECTIVES["categorical"]
        )
        assert 0.01 <= found.scale <= 100
        assert 0 <= found.strength <= 20
