"""Other classifiers are trained where courses are simulated, in processes that begin afresh."""

import multiprocessing

from fishermask_backend.learning import lesson
from fishermask_backend.settings import Settings
from tests.benchmarks.study.learners import Studied


def taught(variant: Studied) -> str:
    """Which way of learning a process has, once it knows for what its strategy picks."""
    variant.settings(Settings(_env_file=None))
    return lesson.informed.__name__


def test_a_process_of_its_own_trains_what_its_strategy_picks_for():
    with multiprocessing.get_context("spawn").Pool(1) as processes:
        now = processes.apply(taught, (Studied("margin", "margin", {}, "default"),))
        before = processes.apply(taught, (Studied("margin", "margin", {}, "former"),))
    assert (now, before) == ("informed", "of_their_own")
    assert lesson.informed.__name__ == "informed"  # this one is as it was
