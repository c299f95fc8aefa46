"""Are we learning, and can we stop?"""

import pytest

from fishermask_backend.web.agreement import Agreement, learning, recent


@pytest.mark.parametrize(
    ("checked", "agreed", "interval"),
    [(10, 0, (0.0, 0.278)), (20, 17, (0.640, 0.948)), (1000, 500, (0.469, 0.531))],
)
def test_wilson_s_interval(checked, agreed, interval):
    assert Agreement(checked, agreed).interval == pytest.approx(interval, abs=0.001)


def test_three_rounds_are_taken_together_and_cold_starts_left_out():
    found = [Agreement(20, k) for k in (1, 2, 3, 4, 5)]
    assert recent([Agreement(0, 0), *found]) == (Agreement(60, 12), Agreement(40, 3))


@pytest.mark.parametrize(
    ("agreed", "said"),
    [
        ((), "No label has come yet"),
        (
            (12,),
            "Of the last 20 labels that the queue asked for, the hard ones as a rule, 60% were "
            "predicted (39% – 78%); there are no earlier",
        ),
        (
            (4, 5, 6, 15, 16, 17),
            "as a rule, 80% were predicted (68% – 88%), of the 60 before 25%",
        ),
        ((4, 5, 6, 15, 16, 17), "still rising."),
        ((15, 16, 17, 16, 15, 17), "no difference beyond chance."),
        ((17, 17, 17, 9, 8, 7), "falling."),
        ((20, 20, 20, 20, 20, 20), "no difference beyond chance."),
    ],
)
def test_sentence(agreed, said):
    assert said in learning([Agreement(20, k) for k in agreed])
