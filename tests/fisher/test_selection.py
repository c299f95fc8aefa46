"""`select_batch` against a dense inverse at every pick, and where numbers get difficult."""

import pytest
import torch
from torch import Tensor

from fishermask_backend.fisher import PoolScorer, score_new, select_batch

from .oracle import SlowSelection


def factors(N: int = 40, C: int = 3, d: int = 12, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    scales = torch.rand(N, 1, 1, generator=generator) * 3
    return torch.randn(N, C, d, generator=generator) * scales


def labelled(N: int, L: int, seed: int = 0) -> Tensor:
    chosen = torch.randperm(N, generator=torch.Generator().manual_seed(seed))[:L]
    return torch.zeros(N, dtype=torch.bool).index_fill(0, chosen, True)


@pytest.mark.parametrize("pick_weight", ["batch", "sample"])
@pytest.mark.parametrize("backward_steps", [0, 0.5, 1])
@pytest.mark.parametrize("ridge", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("L", [0, 7])
def test_picks_are_the_oracles(pick_weight, backward_steps, ridge, L) -> None:
    V, known = factors(), labelled(40, L)
    options = {"ridge": ridge, "backward_steps": backward_steps, "pick_weight": pick_weight}
    fast, slow = select_batch(V, known, 8, **options), SlowSelection(V, known, 8, **options)
    assert fast.indices.tolist() == slow.picked
    expected = torch.full((40,), -torch.inf, dtype=torch.float64)
    for n in slow.open:
        expected[n] = slow.gain(n)
    torch.testing.assert_close(fast.remaining, expected, rtol=1e-7, atol=0)
    if not backward_steps:
        falls = -torch.tensor(slow.objectives, dtype=torch.float64).diff()
        torch.testing.assert_close(fast.gains, falls, rtol=1e-7, atol=0)


@pytest.mark.parametrize("backward_steps", [0, 0.5])
@pytest.mark.parametrize("ridge", [1e-3, 1.0])
def test_a_weighed_target_is_what_the_picks_inform(ridge, backward_steps) -> None:
    V, known = factors(), labelled(40, 7)
    target = torch.rand(40, generator=torch.Generator().manual_seed(3)).double() ** 3
    target[::4] = 0
    options = {"ridge": ridge, "backward_steps": backward_steps, "target": target}
    fast, slow = select_batch(V, known, 8, **options), SlowSelection(V, known, 8, **options)
    assert fast.indices.tolist() == slow.picked
    assert fast.indices.tolist() != select_batch(V, known, 8, ridge=ridge).indices.tolist()
    again = select_batch(V, known, 8, **{**options, "target": 1000 * target})
    torch.testing.assert_close(again.remaining, fast.remaining)


def test_equal_weights_are_no_weights() -> None:
    V, known = factors(), labelled(40, 7)
    weighed, plain = (select_batch(V, known, 8, target=t) for t in (torch.ones(40), None))
    assert weighed.indices.tolist() == plain.indices.tolist()
    torch.testing.assert_close(weighed.remaining, plain.remaining)


@pytest.mark.parametrize("ridge", [1e-6, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_numbers_stay_numbers(ridge, dtype) -> None:
    """Zero factors, duplicates, tiny and huge ones, and saturated rows, in one pool."""
    V = factors(30, 4, 6)
    V[3] = 0
    V[10:20] = V[10]
    V[20] *= 1e-30
    V[21] *= 1e3
    V[22, 1:] = 0
    selection = select_batch(V.to(dtype), labelled(30, 2), 20, ridge=ridge, backward_steps=0.2)
    assert len(set(selection.indices.tolist())) == 20
    assert not selection.gains.isnan().any()
    assert (selection.gains >= 0).all()
    assert not selection.remaining.isnan().any()


def test_all_zero_factors_are_picked_in_order() -> None:
    selection = select_batch(torch.zeros(5, 2, 3), labelled(5, 1), 2)
    unlabelled = (~labelled(5, 1)).nonzero().flatten().tolist()
    assert selection.indices.tolist() == unlabelled[:2]
    assert selection.gains.tolist() == [0, 0]


def test_of_equal_gains_the_lower_index_wins() -> None:
    """Also where a matrix product's blocks would round copies of an image differently."""
    V = factors(1, 3, 37).expand(101, -1, -1)
    assert select_batch(V, labelled(101, 0), 101).indices.tolist() == list(range(101))


@pytest.mark.parametrize("backward_steps", [0, 1])
def test_more_wanted_than_there_are(backward_steps) -> None:
    known = labelled(9, 4)
    selection = select_batch(factors(9), known, 50, backward_steps=backward_steps)
    assert sorted(selection.indices.tolist()) == (~known).nonzero().flatten().tolist()
    assert torch.equal(selection.remaining, torch.full((9,), -torch.inf, dtype=torch.float64))


@pytest.mark.parametrize(("N", "L", "K"), [(9, 4, 0), (9, 0, 0), (9, 9, 3), (1, 0, 1), (0, 0, 3)])
def test_nothing_to_pick_or_from(N, L, K) -> None:
    selection = select_batch(factors(N), labelled(N, L), K)
    assert len(selection.indices) == len(selection.gains) == min(K, N - L)
    assert len(selection.remaining) == N


def test_one_class_tells_nothing() -> None:
    """A softmax over one class is certain: its factors are zero."""
    assert select_batch(torch.zeros(4, 1, 6), labelled(4, 2), 1).gains.tolist() == [0]


def test_scorer_gives_what_remains() -> None:
    V, known = factors(), labelled(40, 6)
    selection = select_batch(V, known, 9, ridge=0.1, pick_weight="sample")
    rebuilt = PoolScorer.from_tensors(selection.scorer.to_tensors())
    left = selection.remaining > -torch.inf
    for scorer in (selection.scorer, rebuilt):
        gains = score_new(scorer, V[left])
        torch.testing.assert_close(gains, selection.remaining[left], rtol=1e-10, atol=0)
    assert len(score_new(rebuilt, V[:0])) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool": torch.zeros(5, 3)}, r"\(N, C, d\)"),
        ({"labelled": torch.zeros(5, dtype=torch.int64)}, "type bool"),
        ({"labelled": torch.zeros(4, dtype=torch.bool)}, "labelled must be"),
        ({"batch_size": -1}, "batch_size=-1"),
        ({"ridge": 0.0}, "ridge=0.0"),
        ({"ridge": float("nan")}, "ridge=nan"),
        ({"backward_steps": -0.5}, "backward_steps=-0.5"),
        ({"pick_weight": "one"}, "'one' is unknown"),
        ({"pool": torch.full((5, 2, 3), torch.inf)}, "image 0 are not finite"),
    ],
)
def test_errors_name_the_value(change, message) -> None:
    arguments = {"pool": factors(5, 2, 3), "labelled": labelled(5, 1), "batch_size": 2, **change}
    with pytest.raises(ValueError, match=message):
        select_batch(**arguments)


def test_scorer_refuses_factors_of_another_mask() -> None:
    scorer = select_batch(factors(5, 2, 3), labelled(5, 1), 1).scorer
    with pytest.raises(ValueError, match="d=3"):
        score_new(scorer, factors(5, 2, 4))


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (torch.ones(39), r"target must be \(40,\), it is \(39,\)"),
        (torch.full((40,), -1.0), r"target\[0\]=-1.0 must be a finite number"),
        (torch.full((40,), torch.nan), r"target\[0\]=nan must be a finite number"),
        (torch.zeros(40), "target must not be 0 for all images"),
    ],
)
def test_targets_that_cannot_be_meant(target, message) -> None:
    with pytest.raises(ValueError, match=message):
        select_batch(factors(), labelled(40, 7), 8, target=target)
