"""The vectors that are back-propagated: their outer products are the Fisher matrix of the logits."""

import pytest
import torch
from torch import Tensor

from fishermask_backend.fisher.likelihood import (
    LIKELIHOODS,
    factor_vectors,
    label_model,
    rest_weight,
)

LOGITS = 2 * torch.randn((6, 4), generator=torch.Generator().manual_seed(0)).double()


def logit_fisher(likelihood: str, p: Tensor) -> Tensor:
    """M (N, C, C), by its definition."""
    variances = {"categorical": torch.diag_embed(p) - p.unsqueeze(2) * p.unsqueeze(1)}
    return variances.get(likelihood, torch.diag_embed(p * (1 - p)))


def test_vectors_are_factors_of_the_fisher_matrix(likelihood) -> None:
    labels = LIKELIHOODS[likelihood]
    M = logit_fisher(likelihood, labels.probabilities(LOGITS))
    for vectors in (labels.fisher_vectors(LOGITS), factor_vectors(LOGITS, labels)):
        torch.testing.assert_close(vectors.mT @ vectors, M)


def test_a_softmax_needs_one_vector_less_than_classes() -> None:
    assert LIKELIHOODS["categorical"].fisher_vectors(LOGITS).shape == (6, 3, 4)
    assert LIKELIHOODS["bernoulli"].fisher_vectors(LOGITS).shape == (6, 4, 4)


def test_expected_vectors_are_uniform_ones_times_the_root_of_the_weight(likelihood) -> None:
    labels = LIKELIHOODS[likelihood]
    weight = labels.class_weights(labels.probabilities(LOGITS))
    uniform = factor_vectors(LOGITS, labels, weighting="uniform")
    expected = weight.sqrt().unsqueeze(2) * uniform
    torch.testing.assert_close(factor_vectors(LOGITS, labels), expected)


def test_an_unknown_likelihood_is_named() -> None:
    with pytest.raises(ValueError, match="'gaussian' is unknown: use 'categorical' or 'bernoulli'"):
        label_model("gaussian")
    with pytest.raises(ValueError, match="gaussian"):
        rest_weight(LOGITS, 1, "gaussian")
