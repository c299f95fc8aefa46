"""In what images stand out."""

import torch

from fishermask_backend.learning.reasons import RARE, outstanding, shares_below

PARTS = ("uncertain", "rare")


def test_the_most_outstanding_part_first_and_the_second_if_it_is_much():
    values = torch.tensor([[0.2, 3.0], [0.9, 3.0], [0.1, 3.0], [0.1, 3.0]])
    above = torch.tensor([[0.6, 0.9], [0.99, 0.8], [0.1, 0.55], [0.2, 0.3]])
    found = outstanding(torch.tensor([4, 7, 1, 0]), values, above, PARTS)
    names = {image: [reason.part for reason in reasons] for image, reasons in found.items()}
    assert names == {4: ["rare"], 7: ["uncertain", "rare"], 1: ["rare"], 0: []}
    assert (found[7][0].value, found[7][0].above) == (values[1, 0], above[1, 0])


def test_the_rarest_class_of_an_even_pool_is_not_rare():
    above = torch.tensor([[0.6, 1.0], [0.6, 1.0]])
    values = torch.tensor([[0.5, RARE - 0.1], [0.5, RARE]])
    found = outstanding(torch.tensor([0, 1]), values, above, PARTS)
    assert [reason.part for reason in found[0]] == ["uncertain"]
    assert [reason.part for reason in found[1]] == ["rare"]


def test_shares_count_what_is_less_and_not_what_rounding_makes_less():
    pool = torch.tensor([[1.0, 5.0], [2.0, 5.0 - 1e-12], [3.0, 5.0], [4.0, 6.0]]).double()
    values = torch.tensor([[3.0, 5.0], [0.0, 9.0]]).double()
    assert shares_below(values, pool).tolist() == [[0.5, 0.0], [0.0, 1.0]]
    assert shares_below(values, pool[:0]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
