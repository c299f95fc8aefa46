"""Sharing out labels."""

import pytest

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.learning.folds import FOLDS, folds


@pytest.mark.parametrize("count", [0, 1, 4, 5, 23])
def test_folds_share_out_each_answer(count):
    answers = [answer_text(["cat"] if i < count // 3 else ["dog"]) for i in range(count)]
    parts = folds(answers, 0)
    assert len(parts) == min(FOLDS, count)
    assert sorted(i for part in parts for i in part) == list(range(count))
    cats = [sum("cat" in answers[i] for i in part) for part in parts]
    assert not cats or max(cats) - min(cats) <= 1
