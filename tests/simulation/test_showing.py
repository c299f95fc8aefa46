"""How far a long step is."""

import pytest

from fishermask_backend.demo import progress
from fishermask_backend.simulation import showing
from fishermask_backend.simulation.showing import bar


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr(showing.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", -1.0)
    return now


def test_a_bar_and_the_time_left(clock, capsys):
    with bar("Simulating") as show:
        for seconds, done in ((0.0, 4), (10.0, 8), (20.0, 24)):
            clock[0] = seconds
            show(done, 24)
    assert capsys.readouterr().out.splitlines() == [
        "Simulating",
        "Simulating: ████░░░░░░░░░░░░░░░░░░░░ 4 of 24 (0 s)",
        "Simulating: ████████░░░░░░░░░░░░░░░░ 8 of 24, 40 s left (10 s)",
        "Simulating: ████████████████████████ 24 of 24 (20 s)",
        "Simulating: done (20 s)",
    ]


def test_long_times_are_in_minutes_and_nothing_to_do_is_done(clock, capsys):
    with bar("Embedding") as show:
        show(0, 0)
        clock[0] = 60.0
        show(1, 101)
    told = capsys.readouterr().out
    assert "░ 0 of 0 (0 s)" in told
    assert "1 of 101, 100 min left" in told
