"""What near images tell of a label."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fishermask_backend.learning.neighbours import (
    DOUBT,
    FLOWING,
    NEAREST,
    SHARPNESS,
    Graph,
    Neighbours,
    evidence,
    seeds_of,
    stored_offsets,
)


def features(count: int = 60, width: int = 12, seed: int = 0) -> Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def slow_transition(units: Tensor) -> Tensor:
    """The graph's matrix (M, M): each image beside its nearest, both ways, rows of sum 1."""
    cosines = units.double() @ units.double().T
    W = torch.zeros_like(cosines)
    for i in range(len(units)):
        others = cosines[i].clone()
        others[i] = -torch.inf
        for j in others.argsort(descending=True)[: min(NEAREST, len(units) - 1)]:
            weight = max(float(others[j]), 0.0) ** SHARPNESS
            W[i, j] += weight
            W[j, i] += weight
    return W / W.sum(1, keepdim=True).clamp_min(1e-12)


@pytest.mark.parametrize("count", [2, 7, 60])
def test_labels_flow_to_the_fixed_point(count):
    graph = Graph(features(count), seed=0)
    seeds = torch.rand(count, 2, 3, generator=torch.Generator().manual_seed(1))
    T = slow_transition(graph.units)
    exact = torch.linalg.solve(
        torch.eye(count).double() - FLOWING * T, (1 - FLOWING) * seeds.double().flatten(1)
    )
    found = graph.spread(seeds).flatten(1).double()
    torch.testing.assert_close(found, exact, rtol=1e-3, atol=2e-4)
    heard = graph.heard(seeds).flatten(1).double()
    torch.testing.assert_close(heard, T @ seeds.double().flatten(1), rtol=1e-4, atol=1e-6)


def test_an_image_hears_the_nearest_of_the_pool():
    graph = Graph(features(), seed=0)
    mass = torch.rand(60, 1, 4, generator=torch.Generator().manual_seed(1))
    new = features(5, seed=9)
    cosines = functional.normalize(new @ graph.directions) @ graph.units.T
    offset = Neighbours(graph.directions, graph.units, mass, 0.5)(new)
    for i in range(5):
        near = cosines[i].argsort(descending=True)[:NEAREST]
        weights = cosines[i, near].clamp_min(0) ** SHARPNESS
        total = (weights[:, None] * mass[near, 0]).sum(0)
        expected = 0.5 * ((1 - DOUBT) * total / total.sum() + DOUBT / 4).log()
        torch.testing.assert_close(offset[i], expected)


def test_many_images_are_looked_up_as_one_is():
    graph = Graph(features(), seed=0)
    module = Neighbours(graph.directions, graph.units, torch.rand(60, 2, 3), 1.0)
    new = features(2100, seed=3)
    each = torch.cat([module(image) for image in new[:40].unsqueeze(1)])
    torch.testing.assert_close(module(new)[:40], each)


def test_every_class_says_the_same_in_all():
    one = seeds_of(torch.tensor([0, 0, 0, 2]), 3)
    assert one.shape == (4, 1, 3)
    assert one.sum(0).tolist() == [[1.0, 0.0, 1.0]]
    several = seeds_of(torch.tensor([[1, 0, torch.nan], [1, 1, 0], [0, 0, 1]]), 3)
    assert several[0].tolist() == [[0.0, 0.5, 0.0], [0.5, 0.0, 0.0]]
    torch.testing.assert_close(several.sum(0), torch.ones(2, 3))


def test_evidence_of_nothing_moves_nothing():
    one, several = torch.zeros(2, 1, 4), torch.zeros(2, 2, 4)
    one[1, 0] = torch.tensor([0.0, 3.0, 1.0, 0.0])
    several[1] = torch.tensor([[0.0, 1.0, 3.0, 0.0], [0.0, 1.0, 1.0, 2.0]])
    assert evidence(one)[0].softmax(0).tolist() == pytest.approx([0.25] * 4)
    assert evidence(several)[0].tolist() == [0.0] * 4
    assert evidence(one)[1].exp().tolist() == pytest.approx([0.0125, 0.725, 0.25, 0.0125])
    assert evidence(several)[1].sigmoid().tolist() == pytest.approx([0.5, 0.5, 0.2625, 0.975])


def test_directions_are_drawn_from_a_seed_and_leave_the_generator_alone():
    before = torch.get_rng_state()
    graphs = [Graph(features(300, 200), seed) for seed in (1, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(graphs[0].directions, graphs[1].directions)
    assert graphs[0].directions.shape == (200, 128)


def test_stored_offsets_come_in_the_order_of_their_heads():
    def state(head: int) -> dict[str, Tensor]:
        own = Neighbours(torch.ones(2, 2), torch.ones(3, 2), torch.ones(3, 1, head + 1), 1.0)
        return {f"heads.{head}.offset.{name}": t for name, t in own.state_dict().items()}

    found = stored_offsets({**state(10), **state(2), **state(0), "body.mean": torch.ones(2)})
    assert [offset.mass.shape[2] for offset in found] == [1, 3, 11]
    assert stored_offsets({"1.weight": torch.ones(2)}) == []
