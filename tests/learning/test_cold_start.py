"""The first queue: typical images of many kinds, whatever the pool looks like."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fishermask_backend.learning import cold_start
from fishermask_backend.learning.cold_start import (
    cold_start_features,
    first_order,
    representatives,
    typical_order,
)


def kinds(sizes: list[int], *, spread: float = 0.05, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Well separated groups of images of these sizes, shuffled: features (N, 16) and groups (N,)."""
    generator = torch.Generator().manual_seed(seed)
    group = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    group = group[torch.randperm(len(group), generator=generator)]
    features = torch.eye(16)[group] + spread * torch.randn(len(group), 16, generator=generator)
    return features, group


def test_one_image_of_each_kind_the_commonest_first() -> None:
    features, group = kinds([40, 5, 80, 20])
    chosen = representatives(features, 4, seed=0)
    assert group[chosen].tolist() == [2, 0, 3, 1]


def test_each_pick_brings_the_pool_nearest_to_the_picks() -> None:
    features = torch.randn(40, 5, generator=torch.Generator().manual_seed(0))
    unit = torch.nn.functional.normalize(features.double(), dim=1).numpy()

    def remoteness(picks: list[int]) -> float:
        """Sum over the pool of the distance to the nearest pick."""
        return sum(min(math.dist(x, unit[pick]) for pick in picks) for x in unit)

    picks: list[int] = []
    for _ in range(8):
        picks.append(min(set(range(40)) - set(picks), key=lambda j: remoteness([*picks, j])))
    assert representatives(features, 8, seed=0).tolist() == picks


def test_a_longer_queue_begins_like_a_shorter_one() -> None:
    features = torch.randn(100, 8, generator=torch.Generator().manual_seed(0))
    long = representatives(features, 60, seed=0)
    assert torch.equal(representatives(features, 20, seed=0), long[:20])


def test_length_does_not_matter() -> None:
    features, _ = kinds([30, 20, 10])
    scale = torch.rand(60, 1, generator=torch.Generator().manual_seed(1)) * 100 + 0.1
    expected = representatives(features, 3, seed=0)
    torch.testing.assert_close(representatives(features * scale, 3, seed=0), expected)


def test_a_large_pool_is_represented_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold_start, "SAMPLE", 100)
    features, group = kinds([4000, 2000, 1000])
    chosen = representatives(features, 3, seed=0)
    assert group[chosen].tolist() == [0, 1, 2]
    assert torch.equal(representatives(features, 3, seed=0), chosen)
    assert not torch.equal(representatives(features, 3, seed=1), chosen)
    assert len(set(representatives(features, 500, seed=0).tolist())) == 500


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 60])
@pytest.mark.parametrize("images", [0, 1, 6])
def test_as_many_as_there_are(images: int, count: int) -> None:
    features = torch.randn(images, 4, generator=torch.Generator().manual_seed(0))
    chosen = representatives(features, count, seed=0)
    assert chosen.dtype == torch.int64
    assert len(set(chosen.tolist())) == len(chosen) == min(images, count)


def test_copies_of_one_image_do_not_fill_the_queue() -> None:
    features, group = kinds([500, 3, 2], spread=0.0)
    assert sorted(group[representatives(features, 10, seed=0)[:3]].tolist()) == [0, 1, 2]


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_broken_features_come_last(broken: float) -> None:
    features, _ = kinds([10, 10])
    features[[3, 7], 2] = broken
    assert not {3, 7} & set(representatives(features, 18, seed=0).tolist())
    order = typical_order(features, representatives(features, 2, seed=0))
    assert set(order[-2:].tolist()) == {3, 7}


def test_nothing_but_broken_features() -> None:
    features = torch.full((3, 4), float("nan"))
    assert len(set(representatives(features, 2, seed=0).tolist())) == 2


def test_black_images_have_a_place_too() -> None:
    features, _ = kinds([10, 10])
    features[4] = 0.0
    assert sorted(representatives(features, 20, seed=0).tolist()) == list(range(20))


def test_the_others_follow_in_a_seeded_random_order() -> None:
    features, _ = kinds([300, 200, 100])
    first = representatives(features, 3, seed=0)
    order = typical_order(features, first, seed=1)
    assert torch.equal(order[:3], first)
    assert torch.equal(typical_order(features, first, seed=1), order)
    assert not torch.equal(typical_order(features, first, seed=2), order)
    assert abs(float(order[3:300].float().mean()) - 299.5) < 40  # neither old nor new ones first


@settings(max_examples=60, deadline=None)
@given(
    images=st.integers(0, 30),
    width=st.integers(1, 5),
    distinct=st.integers(1, 30),
    broken=st.integers(0, 5),
    count=st.integers(0, 35),
    seed=st.integers(0, 100),
)
def test_every_image_has_one_place(
    images: int, width: int, distinct: int, broken: int, count: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(distinct, width, generator=generator)
    features = values[torch.randint(distinct, (images,), generator=generator)]
    features[:broken] = torch.nan
    first = representatives(features, count, seed=seed)
    order = typical_order(features, first)
    assert sorted(order.tolist()) == list(range(images))
    assert torch.equal(order[: len(first)], first)


def test_pixels_are_compared_by_what_they_show_not_by_brightness() -> None:
    left, right = torch.zeros(3, 32, 32), torch.zeros(3, 32, 32)
    left[:, :, :16], right[:, :, 16:] = 100, 100
    pixels = torch.stack([left, right, left + 50, right + 50, left + 99, right + 99]).to(
        torch.uint8
    )
    features = cold_start_features(pixels)
    assert features.shape == (6, 3 * 8 * 8)
    chosen = representatives(features, 2, seed=0)
    assert {int(i) % 2 for i in chosen} == {0, 1}


def test_feature_rows_are_compared_as_they_are() -> None:
    rows = torch.randn(5, 7)
    torch.testing.assert_close(cold_start_features(rows), rows)


def test_first_order_is_a_queue_of_representatives_then_the_rest(configured):
    settings = configured(BATCH_SIZE="3", QUEUE_MARGIN="1")
    rows = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    servable = torch.arange(20) % 4 > 0
    order = first_order(rows, servable, settings)
    own = servable.nonzero().flatten()
    queue = own[representatives(rows[own], 4, seed=settings.seed)]
    assert order.scores.argsort()[:4].tolist() == queue.tolist()
    assert (order.scores[~servable] == 1.0).all()
    assert len(order.scores[own].unique()) == len(own)
    assert not order.gains.any()
    assert (list(order.notes), order.scorer) == ([], None)
