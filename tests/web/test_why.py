"""Why tasks are in a queue, in words."""

import pytest

from fishermask_backend.fisher import PARTS
from fishermask_backend.learning.strategies import STRATEGIES
from fishermask_backend.store.schema import COLD_START, Queue, Round, Score
from fishermask_backend.web.why import AUDIT, BY_PARTS, MEANINGS, WORDS, why

REASONS = [{"part": "many", "value": 3.2, "above": 0.98}]


def told(acquisition="fishermask", reasons=REASONS, audit=None):
    score = None if reasons is None else Score(task_id=1, why=reasons)
    return why(Round(acquisition=acquisition), Queue(audit=audit), score, 1)


def test_parts_have_words_and_meanings():
    assert [*WORDS] == [*PARTS[:-1]]
    assert {*MEANINGS} == {*WORDS.values(), AUDIT}
    assert told() == [{"why": "stands for many", "value": 3.2, "above": 0.98}]


def test_what_was_drawn_has_no_other_reason():
    assert told(audit=[1]) == [{"why": AUDIT}]
    assert told(audit=[2]) == told()


@pytest.mark.parametrize("reasons", [None, []])
def test_nothing_is_said_where_nothing_is_known(reasons):
    assert not any(told(name, reasons) for name in BY_PARTS)


def test_strategies_without_parts_say_how_they_choose():
    assert "stand for the pool" in told(COLD_START, None)[0]["why"]
    assert "at random" in told("random", None)[0]["why"]
    assert told("badge", None) == [{"why": "picked by badge"}]
    assert {*BY_PARTS} < {*STRATEGIES}
