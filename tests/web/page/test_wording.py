"""Figures, moments and durations in words."""

import time

import pytest

from fishermask_backend.web.page import wording


def test_parts_and_numbers():
    assert [wording.percent(p) for p in (None, 0.0, 0.716, 1.0)] == ["–", "0 %", "72 %", "100 %"]
    assert wording.count(12345) == "12,345"
    assert [wording.several(n, "label") for n in (0, 1, 2)] == ["0 labels", "1 label", "2 labels"]
    assert wording.several(2, "class", "classes") == "2 classes"


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (None, "–"), (0.24, "0.2 s"), (59.4, "59 s"), (59.6, "1 min 0 s"),
        (119.7, "2 min 0 s"), (61, "1 min 1 s"),
        (3720, "1 h 2 min"), (90_000, "1 d 1 h"),
    ],
)  # fmt: skip
def test_durations(seconds, told):
    assert wording.duration(seconds) == told


@pytest.fixture
def kathmandu(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_moments_are_local(kathmandu):
    assert wording.moment(0.5e9) == "1985-11-05T06:23:20+05:30"  # its clocks were changed in 1986
    assert wording.readable(0.5e9) == "1985-11-05 06:23"
    assert (wording.moment(None), wording.readable(0)) == ("", "–")


def test_how_long_ago():
    now = time.time()
    told = [wording.ago(at) for at in (0, now, now + 5, now - 75.2)]
    assert told == ["never", "just now", "just now", "1 min 15 s ago"]
