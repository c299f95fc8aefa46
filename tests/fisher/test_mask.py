"""`fisher_mask` by hand-made diagonals."""

import pytest
import torch
from torch import nn

from fishermask_backend.fisher import fisher_mask


@pytest.fixture
def model() -> nn.Module:
    """Tensors of 8, 2, 4 and, last, 4 entries: P = 18."""
    return nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))


@pytest.fixture
def diagonal() -> torch.Tensor:
    values = torch.tensor([0, 9, 1, 8, 2, 7, 3, 6, 5, 4, 13, 12, 11, 10, 0, 0, 0, 0])
    return values.float()


LAST = [14, 15, 16, 17]


@pytest.mark.parametrize(
    ("options", "others"),
    [
        ({"fraction": 0.0}, []),
        ({"fraction": 0.2}, []),  # ⌊3.6⌋ is below the last layer's 4
        ({"fraction": 0.34}, [10, 11]),  # ⌊6.12⌋ − 4
        ({"fraction": 1.0}, list(range(14))),
        ({"inner": 0}, []),
        ({"inner": 5}, [1, 10, 11, 12, 13]),
        ({"inner": 99}, list(range(14))),
        ({"rule": "per_layer", "fraction": 0.3}, [1, 3, 5, 8, 10, 11]),  # ⌈2.4⌉, ⌈0.6⌉, ⌈1.2⌉
        ({"rule": "per_layer", "fraction": 0.0}, []),
        ({"rule": "per_layer", "inner": 7}, [1, 3, 5, 7, 8, 10, 11]),  # 4, 1, 2
        ({"rule": "per_layer", "inner": 99}, list(range(14))),
    ],
)
def test_rules(model, diagonal, options, others) -> None:
    assert fisher_mask(diagonal, model, **options).tolist() == others + LAST


@pytest.mark.parametrize("inner", range(15))
def test_shares_by_size_add_up(model, diagonal, inner) -> None:
    assert len(fisher_mask(diagonal, model, inner=inner, rule="per_layer")) == inner + 4


@pytest.mark.parametrize("rule", ["global", "per_layer"])
def test_of_equal_values_the_lower_index_wins(model, rule) -> None:
    mask = fisher_mask(torch.ones(18), model, inner=7, rule=rule)
    expected = {"global": [0, 1, 2, 3, 4, 5, 6], "per_layer": [0, 1, 2, 3, 8, 10, 11]}
    assert mask.tolist() == expected[rule] + LAST


def test_last_layer_is_the_last_that_is_trained(model) -> None:
    model[2].requires_grad_(False)
    assert fisher_mask(torch.zeros(14), model, inner=0).tolist() == [10, 11, 12, 13]


def test_bias_belongs_to_the_last_layer() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    assert fisher_mask(torch.zeros(14), model, inner=0).tolist() == list(range(8, 14))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"diagonal": torch.zeros(17)}, "18 trained"),
        ({"diagonal": torch.full((18,), torch.nan)}, "NaN"),
        ({"fraction": 1.1}, "fraction=1.1"),
        ({"inner": -1}, "inner=-1"),
        ({"rule": "layer"}, "'layer' is unknown"),
    ],
)
def test_errors_name_the_value(model, diagonal, change, message) -> None:
    with pytest.raises(ValueError, match=message):
        fisher_mask(**{"diagonal": diagonal, "model": model, **change})
