"""How alike images are, as features."""

import torch
from torch.nn import functional

from fishermask_backend.fisher import head_maker, masked_factors
from fishermask_backend.learning import likeness
from fishermask_backend.learning.likeness import FEATURES, likeness_network, stored_likeness
from fishermask_backend.learning.recipe import FactorRecipe

CPU = torch.device("cpu")
SCALAR = FactorRecipe("categorical", "expected", top_classes=2).by_likeness()


def pool(count=90, width=30):
    generator = torch.Generator().manual_seed(0)
    return 3 + 5 * torch.randn(count, width, generator=generator)


def features_of(network, rows):
    with torch.no_grad():
        return network[:-1](rows)


def alike(rows, among):
    """The cube of the cosine, in all directions."""
    mean, std = among.mean(0), among.std(0, correction=0)
    units = [functional.normalize((each - mean) / std) for each in (rows, among)]
    return (units[0] @ units[1].T) ** 3


def test_inner_products_are_cubes_of_cosines():
    rows = pool()
    found = features_of(likeness_network(rows, CPU, 0), rows)
    torch.testing.assert_close(found @ found.T, alike(rows, rows), rtol=1e-3, atol=1e-4)


def test_of_few_landmarks_they_are_nearly_that(monkeypatch):
    monkeypatch.setattr(likeness, "LANDMARKS", 60)
    rows = pool()
    found = features_of(likeness_network(rows, CPU, 0), rows)
    expected = alike(rows, rows)
    left = expected - found @ found.T
    assert found.shape == (90, 60)
    assert float(torch.linalg.eigvalsh(left).min()) > -1e-3  # Nyström: what is left is a kernel
    assert int((left.diagonal() < 1e-3).sum()) == 60  # nothing is, of the landmarks themselves


def test_the_largest_features_stay(monkeypatch):
    rows = pool()
    whole = features_of(likeness_network(rows, CPU, 0), rows).square().sum(0)
    monkeypatch.setattr(likeness, "FEATURES", 20)
    some = features_of(likeness_network(rows, CPU, 0), rows).square().sum(0)
    torch.testing.assert_close(some, whole[-20:], rtol=1e-3, atol=1e-4)
    assert whole[:-20].max() < some.min() + 1e-4
    assert len(whole) <= FEATURES


def test_an_image_that_says_nothing_is_like_none():
    rows = pool()
    rows[7] = rows.mean(0)
    network = likeness_network(rows, CPU, 0)
    assert torch.isfinite(features_of(network, rows)).all()


def test_images_that_are_all_the_same_are_like_none():
    rows = torch.ones(12, 30)
    found = features_of(likeness_network(rows, CPU, 0), rows)
    assert found.shape[1] > 0
    assert not found.any()


def test_factors_are_the_features():
    rows = pool()
    network = likeness_network(rows, CPU, 0)
    mask = torch.arange(network[-1].in_features)
    expected = features_of(network, rows).unsqueeze(1)
    formed = SCALAR.factors(network, rows, mask)
    assert SCALAR.shape(10, len(mask)) == formed.shape[1:]
    torch.testing.assert_close(formed, expected)
    maker = SCALAR.head(network, rows, mask)
    assert maker is not None  # its structure is known: factors are never formed
    torch.testing.assert_close(maker(rows).rows(torch.arange(90)).float(), expected)


def test_the_diagonal_is_theirs():
    rows = pool()
    network = likeness_network(rows, CPU, 0)
    squares = features_of(network, rows).square().mean(0)
    torch.testing.assert_close(
        SCALAR.diagonal(network, rows), squares / 4
    )  # p(1 − p) of no weights


def test_it_is_the_same_from_its_tensors():
    rows = pool()
    network = likeness_network(rows, CPU, 0)
    again = stored_likeness(network.state_dict())
    assert torch.equal(features_of(again, rows), features_of(network, rows))
    mask = torch.arange(network[-1].in_features)
    assert head_maker(again, rows, mask, likelihood="bernoulli") is not None
    assert masked_factors(again, rows, mask, likelihood="bernoulli").shape == (90, 1, len(mask))
