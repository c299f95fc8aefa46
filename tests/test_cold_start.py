"""The first queue: typical images of many kinds, whatever the pool looks like."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fishermask_backend import cold_start
from fishermask_backend.cold_start import cluster_typical, cold_start_features, typical_order


def kinds(sizes: list[int], *, spread: float = 0.05, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Well separated groups of images of these sizes, shuffled: features (N, 16) and groups (N,)."""
    generator = torch.Generator().manual_seed(seed)
    group = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    group = group[torch.randperm(len(group), generator=generator)]
    features = torch.eye(16)[group] + spread * torch.randn(len(group), 16, generator=generator)
    return features, group


def test_one_image_of_each_kind_the_commonest_first() -> None:
    features, group = kinds([40, 5, 80, 20])
    chosen = cluster_typical(features, 4, seed=0)
    assert group[chosen].tolist() == [2, 0, 3, 1]


def test_the_image_shown_is_the_most_typical_of_its_kind() -> None:
    features, group = kinds([30, 30, 30], spread=0.2)
    unit = torch.nn.functional.normalize(features, dim=1)
    for index in cluster_typical(features, 3, seed=0):
        members = (group == group[index]).nonzero().flatten()
        distance = (unit[members] - unit[members].mean(0)).norm(dim=1)
        assert index == members[distance.argmin()]


def test_length_does_not_matter() -> None:
    features, _ = kinds([30, 20, 10])
    scale = torch.rand(60, 1, generator=torch.Generator().manual_seed(1)) * 100 + 0.1
    expected = cluster_typical(features, 3, seed=0)
    torch.testing.assert_close(cluster_typical(features * scale, 3, seed=0), expected)


def test_the_same_seed_gives_the_same_images() -> None:
    features = torch.randn(500, 32, generator=torch.Generator().manual_seed(3))
    first = cluster_typical(features, 40, seed=5)
    assert torch.equal(cluster_typical(features, 40, seed=5), first)
    assert not torch.equal(cluster_typical(features, 40, seed=6), first)


def test_a_large_pool_is_clustered_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cold_start, "FIT_ROWS", 100)
    features, group = kinds([4000, 2000, 1000])
    assert group[cluster_typical(features, 3, seed=0)].tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [0, 1, 5, 6, 7, 60])
@pytest.mark.parametrize("images", [0, 1, 6])
def test_as_many_as_there_are(images: int, count: int) -> None:
    features = torch.randn(images, 4, generator=torch.Generator().manual_seed(0))
    chosen = cluster_typical(features, count, seed=0)
    assert chosen.dtype == torch.int64
    assert len(set(chosen.tolist())) == len(chosen) == min(images, count)


def test_copies_of_one_image_do_not_fill_the_queue() -> None:
    features, group = kinds([500, 3, 2], spread=0.0)
    assert sorted(group[cluster_typical(features, 10, seed=0)[:3]].tolist()) == [0, 1, 2]


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_broken_features_come_last(broken: float) -> None:
    features, _ = kinds([10, 10])
    features[[3, 7], 2] = broken
    assert not {3, 7} & set(cluster_typical(features, 18, seed=0).tolist())
    order = typical_order(features, cluster_typical(features, 2, seed=0))
    assert set(order[-2:].tolist()) == {3, 7}


def test_nothing_but_broken_features() -> None:
    features = torch.full((3, 4), float("nan"))
    assert sorted(cluster_typical(features, 2, seed=0).tolist()) == [0, 1]


def test_black_images_have_a_place_too() -> None:
    features, _ = kinds([10, 10])
    features[4] = 0.0
    assert sorted(cluster_typical(features, 20, seed=0).tolist()) == list(range(20))


def test_the_others_follow_in_turn_around_the_first() -> None:
    features, group = kinds([30, 20, 10])
    first = cluster_typical(features, 3, seed=0)
    order = typical_order(features, first)
    assert group[order[:30]].tolist() == [0, 1, 2] * 10
    assert group[order[30:50]].tolist() == [0, 1] * 10
    unit = torch.nn.functional.normalize(features, dim=1)
    of_first_kind = order[group[order] == 0]
    distance = (unit[of_first_kind] - unit[first[0]]).norm(dim=1)
    assert (distance.diff() >= -1e-6).all()


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
    first = cluster_typical(features, count, seed=seed)
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
    chosen = cluster_typical(features, 2, seed=0)
    assert {int(i) % 2 for i in chosen} == {0, 1}


def test_feature_rows_are_compared_as_they_are() -> None:
    rows = torch.randn(5, 7)
    torch.testing.assert_close(cold_start_features(rows), rows)
