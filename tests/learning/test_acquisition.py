"""The mask and factors of a round: exact, or what the settings approximate, in words."""

from dataclasses import replace

import pytest
import torch

from fishermask_backend.fisher import (
    HeadFactors,
    Shards,
    fisher_diagonal,
    fisher_mask,
    masked_factors,
    select_jointly,
)
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.acquisition import (
    SHARED,
    acquire,
    choose_mask,
    pool_diagonal,
    pool_factors,
    with_enough_classes,
)
from fishermask_backend.learning.classifier import probabilities
from fishermask_backend.learning.target import undecided
from tests.fisher_problem import ENVIRONMENT as WHOLE_NETWORK
from tests.fisher_problem import HEAD, small_problem, two_heads
from tests.trained_head import ENVIRONMENT, POOL, features, head, trained

CLASSES = 5
SPEC = parse_label_config(
    '<View><Image name="i" value="$i"/><Choices name="c" toName="i">'
    + "".join(f'<Choice value="{c}"/>' for c in "abcde")
    + "</Choices></View>"
)
EVERY = torch.arange(POOL)


@pytest.fixture
def model():
    return head(CLASSES)


@pytest.fixture
def rows():
    return features()


@pytest.fixture
def made(configured, model):
    """What a strategy is given, the settings, mask and notes under some environment variables."""

    def make(**environment):
        settings = configured(**ENVIRONMENT, **environment)
        given = trained(settings, SPEC, model)
        return given, settings, *choose_mask(given, pool_diagonal(given, Shards()), settings)

    return make


def factors_of(given, mask, settings):
    head = given.recipe.head(given.model, given.rows, mask)
    return pool_factors(given, EVERY, mask, head, settings)


def test_exact_by_default(model, rows, made):
    given, settings, mask, notes = made()
    assert notes == []
    assert torch.equal(mask, fisher_mask(fisher_diagonal(model, rows), model, inner=10))
    factors = factors_of(given, mask, settings)
    formed = masked_factors(model, rows, mask)
    assert torch.allclose(factors.rows(EVERY).float(), formed, atol=1e-6)
    assert factors.shape == (POOL, *given.recipe.shape(CLASSES, len(mask)))


def test_top_classes(model, rows, made):
    given, settings, mask, (note,) = made(TOP_CLASSES="2")
    assert "TOP_CLASSES=2 of 5" in note
    left = probabilities(model, rows, "categorical").sort(1).values[:, :3].sum(1)
    assert f"weigh {float(left.mean()):.3g} " in note
    factors = factors_of(given, mask, settings)
    assert factors.shape == (POOL, 2, len(mask)) == (POOL, *given.recipe.shape(CLASSES, len(mask)))


def test_a_mask_too_large_keeps_its_largest_values(model, rows, made):
    given, _, mask, (note,) = made(MAX_DIM="12")
    diagonal = fisher_diagonal(model, rows)
    whole = fisher_mask(diagonal, model, inner=10)
    assert len(mask) == 12
    share = float(diagonal[mask].sum() / diagonal[whole].sum())
    assert f"MAX_DIM=12: 12 of {len(whole)} masked parameters stay, with {share:.1%} of" in note
    assert given.recipe.sketch_dim is None
    assert set(mask.tolist()) < set(whole.tolist())


def test_a_mask_too_large_is_sketched(made):
    given, settings, mask, (note,) = made(MAX_DIM="12", MAX_DIM_RULE="sketch")
    assert "MAX_DIM=12: 45 masked parameters are sketched" in note
    assert len(mask) == 45
    assert factors_of(given, mask, settings).shape == (POOL, CLASSES, 12)
    assert given.recipe.shape(CLASSES, len(mask)) == (CLASSES, 12)


def test_what_was_approximated_is_told_once(configured, model, caplog):
    caplog.set_level("INFO")
    settings = configured(**ENVIRONMENT, TOP_CLASSES="2", MAX_DIM="12")
    notes = acquire(trained(settings, SPEC, model), settings).notes
    assert [note.split("=")[0] for note in notes] == ["TOP_CLASSES", "MAX_DIM"]
    assert not caplog.records


def check_half_the_size(given, settings, mask):
    found = factors_of(given, mask, settings)
    assert found.dtype == torch.bfloat16
    exact = given.recipe.factors(given.model, given.rows, mask)
    assert torch.allclose(found.float(), exact, rtol=2**-8, atol=1e-6)
    assert not list(settings.model_dir.glob("*.tmp"))


@pytest.mark.parametrize("factors", ["bfloat16", "disk"])
def test_sketched_factors_of_half_the_size(made, factors):
    sketched = {"TOP_CLASSES": "2", "MAX_DIM": "9", "MAX_DIM_RULE": "sketch"}
    given, settings, mask, _ = made(FACTORS=factors, **sketched)
    check_half_the_size(given, settings, mask)


@pytest.mark.parametrize("factors", ["bfloat16", "disk"])
def test_a_whole_network_s_factors_of_half_the_size(configured, factors):
    settings = configured(**WHOLE_NETWORK, MASK_INNER="20", FACTORS=factors)
    given, _ = small_problem(settings, POOL)
    check_half_the_size(
        given, settings, choose_mask(given, pool_diagonal(given, Shards()), settings)[0]
    )


@pytest.mark.parametrize("factors", ["float32", "bfloat16", "disk"])
def test_a_head_s_factors_are_never_stored(model, rows, made, factors):
    given, settings, mask, _ = made(FACTORS=factors)
    found = factors_of(given, mask, settings)
    assert isinstance(found, HeadFactors)
    assert torch.allclose(found.rows(EVERY).float(), masked_factors(model, rows, mask), atol=1e-6)
    assert acquire(given, settings).notes == []  # nothing is rounded


@pytest.mark.parametrize("environment", [{}, HEAD], ids=["whole network", "heads"])
def test_several_heads_have_masks_and_factors_of_their_own(configured, environment):
    settings = configured(**{**WHOLE_NETWORK, **environment}, MASK_INNER="20")
    given = two_heads(settings, POOL)
    found = acquire(given, settings)
    assert found.notes == ([] if environment else [SHARED])
    factors = []
    for own, mask in zip(given.heads, found.masks, strict=True):
        diagonal = fisher_diagonal(own.model, given.rows, likelihood=own.recipe.likelihood)
        assert torch.equal(mask, fisher_mask(diagonal, own.model, inner=20))
        factors.append(
            masked_factors(own.model, given.rows, mask, likelihood=own.recipe.likelihood)
        )
    expected = select_jointly(
        factors,
        [head.labelled for head in given.heads],
        settings.queue_size,
        ridge=settings.ridge,
        pick_weight="sample",
        targets=[undecided(head.probs, head.recipe.likelihood) for head in given.heads],
    )
    assert torch.equal(found.chosen[found.selection.indices], expected.indices)
    torch.testing.assert_close(found.selection.gains, expected.gains, rtol=1e-4, atol=1e-9)
    assert not given.labelled[expected.indices].any()


def test_each_head_has_enough_classes_of_its_own(configured):
    given = two_heads(configured(**{**WHOLE_NETWORK, **HEAD}), POOL)
    many = torch.full((POOL, 60), 1 / 60)
    first = replace(given.heads[0], probs=many)
    changed = with_enough_classes(
        replace(given, parts=(first, given.heads[1])), configured(**WHOLE_NETWORK)
    )
    assert [head.recipe.top_classes for head in changed.heads] == [40, None]
    assert [head.recipe.likelihood for head in changed.heads] == ["categorical", "bernoulli"]
