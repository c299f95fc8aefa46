from collections import Counter

from fishermask_backend.demo.annotator import Place
from fishermask_backend.demo.report import complaints, table

ROUNDS = [
    {
        "number": number,
        "acquisition": "fishermask" if number > 1 else "cold start",
        "labels": 20 * (number - 1),
        "seconds": {"train": 1.5, "select": 2.0},
        "trigger_to_order_seconds": 4.25,
        "weights": f"round-{number}.safetensors" if number > 1 else None,
    }
    for number in (1, 2, 3, 4)
]
PLACES = {
    1: Counter({Place.FIRST: 25}),
    2: Counter({Place.FIRST: 19, Place.LOCKED: 1}),
    3: Counter({Place.FIRST: 15}),
}


def test_a_row_a_round_and_the_sum():
    lines = table(ROUNDS, {2: 0.5, 3: 0.625, 4: 0.75}, PLACES).splitlines()
    assert lines[2] == "| 1 (cold start) | 0 |  | 3.5 | 4.2 | 25 | 25 | 0 | 0 |"
    assert lines[3] == "| 2 | 20 | 0.500 | 3.5 | 4.2 | 20 | 19 | 1 | 0 |"
    assert lines[5] == "| 4 | 60 | 0.750 | 3.5 | 4.2 | 0 | 0 | 0 | 0 |"
    assert lines[6] == "| all |  |  |  |  | 60 | 59 | 1 | 0 |"
    assert len({line.count("|") for line in lines}) == 1


def test_tasks_served_before_any_queue_have_a_row():
    lines = table([], {}, {None: Counter({Place.ELSEWHERE: 2})}).splitlines()
    assert lines[2] == "| none |  |  |  |  | 2 | 0 | 0 | 2 |"


def test_a_round_that_served_but_is_not_told_of_has_a_row():
    lines = table([], {}, {5: Counter({Place.FIRST: 2})}).splitlines()
    assert lines[2] == "| 5 |  |  |  |  | 2 | 2 | 0 | 0 |"


def test_three_rounds_in_order_are_what_was_wanted():
    assert complaints(ROUNDS, PLACES) == []


def test_a_task_out_of_order_is_complained_of_and_a_locked_one_is_not():
    wrong = PLACES | {4: Counter({Place.ELSEWHERE: 3, Place.FIRST: 5})}
    assert complaints(ROUNDS, wrong) == [
        "3 tasks were served that were not first in the current queue."
    ]


def test_the_cold_start_is_no_round_that_learnt():
    assert complaints(ROUNDS[:3], PLACES) == [
        "2 rounds learnt from labels; at least 3 should have."
    ]
