"""Other classifiers are trained where courses are simulated, in processes that begin afresh."""

import pickle
import subprocess
import sys

import pytest

from tests.benchmarks.study.learners import ABLATED, LEARNERS, Studied
from tests.this_machine import ROOT

PROCESS = """
import pickle, sys
from fishermask_backend.learning import lesson
from fishermask_backend.settings import Settings
pickle.load(sys.stdin.buffer).settings(Settings(_env_file=None))
print(lesson.informed.__name__)
"""


@pytest.mark.parametrize(("learner", "way"), [("default", "informed"), ("former", "of_their_own")])
def test_a_process_of_its_own_trains_what_its_strategy_picks_for(learner, way):
    strategy = pickle.dumps(Studied("margin", "margin", {}, learner))
    command = [sys.executable, "-c", PROCESS]
    done = subprocess.run(command, input=strategy, capture_output=True, cwd=ROOT, timeout=240)
    assert done.stdout.decode().split() == [way], done.stderr.decode()


def test_a_learner_may_draw_its_first_queue():
    starts = [
        Studied("margin", "margin", {}, each).starts_at_random for each in ("default", "drawn")
    ]
    assert starts == [False, True]


def test_ablations_have_fewer_seeds_and_one_number_of_labels_a_round():
    strategies, ablations = LEARNERS["default"].compared(10, [20, 50])
    assert (strategies.seeds, strategies.per_round) == (10, [20, 50])
    assert (ablations.seeds, ablations.per_round) == (ABLATED, [20])
    assert [each.seeds for each in LEARNERS["default"].compared(1, [20])] == [1, 1]
    assert [each.strategies for each in LEARNERS["former"].compared(10, [20])] == [
        LEARNERS["former"].ablations
    ]
