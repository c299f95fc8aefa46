"""FisherMask over how alike images are: the queue that explains most of what is open."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning import likeness
from fishermask_backend.learning.reasons import COMPARED
from fishermask_backend.learning.strategies import load_scorer
from fishermask_backend.learning.strategies.bait import BAIT
from fishermask_backend.learning.strategies.fishermask import FISHERMASK
from fishermask_backend.learning.target import undecided
from tests.conftest import CONFIG
from tests.fisher_problem import ENVIRONMENT as WHOLE_NETWORK
from tests.fisher_problem import small_problem
from tests.trained_head import CLOSED, ENVIRONMENT, LABELLED, POOL, QUEUE, head, trained

SPEC = parse_label_config(CONFIG)


@pytest.fixture
def small(configured):
    return lambda **more: configured(**{**ENVIRONMENT, "FISHER_OVER": "features", **more})


def order_of(settings, strategy=FISHERMASK, spec=SPEC):
    return strategy.order(trained(settings, spec), settings, lambda stage: None)


def expected_queue(given, settings):
    """By what is left open of every image, for each that could be picked (Gaussian regression).

    The variance of an image's value under the kernel k = cos³, once images are labelled with noise
    λ(L + K), is (k(x, x) − k(x, S) (k(S, S) + λ(L + K))⁻¹ k(S, x))/λ.
    """
    some = (LABELLED | ~CLOSED).nonzero().flatten()
    rows = given.rows.double()
    units = functional.normalize((rows - rows.mean(0)) / rows.std(0, correction=0))
    kernel = ((units @ units.T) ** 3)[some][:, some]
    weights = undecided(given.probs, "categorical")[some]
    noise = settings.ridge * (int(LABELLED.sum()) + settings.queue_size)

    def left(known):
        inner = kernel[known][:, known] + noise * torch.eye(len(known))
        explained = kernel[:, known] @ torch.linalg.solve(inner, kernel[known])
        variance = (kernel - explained).diagonal() / settings.ridge
        return float((weights * variance).sum() / weights.sum())

    known = LABELLED[some].nonzero().flatten().tolist()
    picks, gains = [], []
    for _ in range(settings.queue_size):
        now = left(known)
        rest = {i: left([*known, i]) for i in range(len(some)) if i not in known}
        best = min(rest, key=lambda i: rest[i])
        gains.append(now - rest[best])
        known.append(best)
        picks.append(int(some[best]))
    return picks, torch.tensor(gains, dtype=torch.float64)


def test_the_queue_lowers_what_is_left_open_most(small):
    settings = small()
    given = trained(settings, SPEC)
    order = FISHERMASK.order(given, settings, lambda stage: None)
    picks, gains = expected_queue(given, settings)
    assert order.scores.argsort(stable=True)[:QUEUE].tolist() == picks
    torch.testing.assert_close(order.gains[picks], gains, rtol=1e-3, atol=1e-5)


def test_one_row_of_factors_does_for_any_number_of_classes(small):
    many = "".join(f'<Choice value="{i}"/>' for i in range(60))
    config = (
        f'<View><Image name="i" value="$i"/><Choices name="c" toName="i">{many}</Choices></View>'
    )
    order = order_of(small(), spec=parse_label_config(config))
    assert list(order.notes) == []  # no class is left out
    assert order.scorer.recipe.shape(60, 5) == (1, 5)


def test_a_mask_keeps_the_features_of_largest_fisher_value(small):
    whole, some = order_of(small()), order_of(small(MAX_DIM="12"))
    assert some.scorer.mask.tolist() == whole.scorer.mask[-12:].tolist()
    assert "12 of 40 masked parameters stay" in some.notes[0]


def test_later_images_are_placed_by_the_stored_scorer(small, tmp_path):
    settings = small()
    given = trained(settings, SPEC)
    order = FISHERMASK.order(given, settings, lambda stage: None)
    order.scorer.save(tmp_path / "scorer.safetensors")
    scorer = load_scorer(tmp_path / "scorer.safetensors")
    rest = order.scores.argsort(stable=True)[QUEUE : int((~CLOSED).sum())]
    gains = scorer.gains(given.model, given.rows[rest])
    torch.testing.assert_close(gains, order.gains[rest].to(gains), rtol=1e-3, atol=1e-5)
    # Another classifier's place is the same: it was not asked.
    other = scorer.gains(head(len(SPEC.classes)), given.rows[rest])
    assert torch.equal(other, gains)


def test_of_images_that_are_all_the_same_the_first_are_served(small):
    settings = small()
    given = replace(trained(settings, SPEC), rows=torch.ones(POOL, 8))
    order = FISHERMASK.order(given, settings, lambda stage: None)
    assert (
        order.scores.argsort(stable=True)[:QUEUE].tolist()
        == (~CLOSED).nonzero()[:QUEUE, 0].tolist()
    )
    assert torch.isfinite(order.gains).all()


def test_reasons_are_of_what_counts(small):
    told = [reason for reasons in order_of(small()).reasons.values() for reason in reasons]
    assert {"uncertain", "unlike", "many"} <= {reason.part for reason in told} <= {*COMPARED}


def test_bait_is_of_the_head(small):
    over_features, over_head = (
        order_of(small(FISHER_OVER=over), BAIT) for over in ("features", "head")
    )
    assert torch.equal(over_features.scores, over_head.scores)


def test_networks_trained_whole_are_looked_at_themselves(configured):
    settings = configured(**WHOLE_NETWORK, MASK_INNER="20")
    assert settings.fisher_over == "features"
    given, _ = small_problem(settings, 41)
    order = FISHERMASK.order(given, settings, lambda stage: None)
    assert order.scorer.likeness is None


def test_a_larger_pool_is_compared_with_some_of_its_images(small, monkeypatch):
    monkeypatch.setattr(likeness, "SAMPLE", 30)
    monkeypatch.setattr(likeness, "LANDMARKS", 20)
    order = order_of(small())
    assert len(order.scorer.mask) == 20
    assert len(set(order.scores[~CLOSED].tolist())) == int((~CLOSED).sum())
