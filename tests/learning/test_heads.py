"""A network of several heads."""

import pytest
import torch

from fishermask_backend.learning.heads import Heads, each_head, shares_weights
from tests.learning.conftest import backbone


@pytest.mark.parametrize(("name", "train"), [("efficientnet_lite0", "head"), ("small_cnn", "all")])
def test_each_head_alone_says_what_it_says_among_the_others(name, train):
    built = backbone(name, train)
    torch.manual_seed(0)
    rows = torch.randint(0, 255, (6, *built.row_shape)).to(
        torch.uint8 if train == "all" else torch.float32
    )
    model = built.network([2, 4, 3], rows)
    assert isinstance(model, Heads)
    logits = model(rows)
    assert logits.shape == (6, 9)
    alone = each_head(model)
    assert torch.equal(torch.cat([head(rows) for head in alone], 1), logits)
    assert not any(module.training for head in alone for module in head.modules())
    assert {id(p) for head in alone for p in head.parameters()} == {
        id(p) for p in model.parameters()
    }
    owned = [{id(p) for p in head.parameters()} for head in alone]
    assert shares_weights(model) == bool(owned[0] & owned[1]) == (train == "all")


def test_one_head_is_a_chain_that_ends_in_a_linear():
    built = backbone("efficientnet_lite0")
    torch.manual_seed(3)
    one = built.network(4, None)
    torch.manual_seed(3)
    same = built.network([4], None)
    assert [*one.state_dict()] == ["0.mean", "0.std", "1.weight", "1.bias", "4.weight", "4.bias"]
    assert all(map(torch.equal, one.state_dict().values(), same.state_dict().values()))
    assert each_head(one) == [one]
    assert not shares_weights(one)
