"""Two other programs' answers: BackPACK's exact diagonal and curvlinops' Gauss-Newton operator."""

import pytest
import torch
from backpack import backpack, extend, extensions
from curvlinops import GGNLinearOperator
from torch import nn

from fishermask_backend.fisher import fisher_diagonal, masked_factors

from .cases import LAYERS, Case
from .networks import published_cnn

SEQUENTIAL = [case for case in LAYERS if case.name in {"head", "published_cnn"}]


@pytest.mark.parametrize("case", SEQUENTIAL, ids=lambda case: case.name)
def test_backpack(case: Case) -> None:
    model, images = case.model(), case.images(5)
    ours = fisher_diagonal(model, images)
    extend(model.eval())
    loss = extend(nn.CrossEntropyLoss())(model(images), torch.zeros(5, dtype=torch.int64))
    with backpack(extensions.DiagGGNExact()):
        loss.backward()
    theirs = torch.cat([p.diag_ggn_exact.flatten() for p in model.parameters()])
    assert (ours - theirs).abs().max() < 1e-12 * theirs.abs().max()


def test_backpack_in_float32() -> None:
    torch.manual_seed(0)
    model, images = published_cnn(10), torch.rand(20, 1, 28, 28)
    ours = fisher_diagonal(model, images)
    extend(model)
    loss = extend(nn.CrossEntropyLoss())(model(images), torch.zeros(20, dtype=torch.int64))
    with backpack(extensions.DiagGGNExact()):
        loss.backward()
    theirs = torch.cat([p.diag_ggn_exact.flatten() for p in model.parameters()])
    assert (ours - theirs).abs().max() < 1e-6 * theirs.abs().max()


def test_curvlinops(likelihood: str) -> None:
    """Not just the diagonal: VᵀV over all entries is the whole matrix."""
    case = next(case for case in LAYERS if case.name == "head")
    model, images = case.model().eval(), case.images(5)
    if likelihood == "categorical":
        loss, targets = nn.CrossEntropyLoss(), torch.zeros(5, dtype=torch.int64)
    else:  # the mean over images of the sum over classes
        loss, targets = nn.BCEWithLogitsLoss(reduction="sum"), torch.zeros(5, 3).double()
    operator = GGNLinearOperator(model, loss, list(model.parameters()), [(images, targets)])
    theirs = operator @ torch.eye(operator.shape[1], dtype=torch.float64)
    theirs = theirs if likelihood == "categorical" else theirs / 5
    V = masked_factors(model, images, torch.arange(len(theirs)), likelihood=likelihood)
    ours = torch.einsum("nci,ncj->ij", V, V) / 5
    assert (ours - theirs).abs().max() < 1e-12 * theirs.abs().max()
    diagonal = fisher_diagonal(model, images, likelihood=likelihood)
    assert (diagonal - theirs.diagonal()).abs().max() < 1e-12 * theirs.abs().max()
