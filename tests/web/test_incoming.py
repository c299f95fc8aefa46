"""Ids in Label Studio's requests: taken, or refused with the field and the value."""

import pytest

from fishermask_backend.errors import BadRequest
from fishermask_backend.web.incoming import (
    LARGEST_ID,
    event_project,
    is_id,
    parse_project,
    public_address,
    shown,
    task_id,
)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("1.1795518527", (1, 1795518527)),
        ("12", (12, None)),
        ("0.0", (0, 0)),
        ("007.1", (7, 1)),
        (f"{'9' * 18}.1", (10**18 - 1, 1)),
    ],
)
def test_projects(text, ids):
    assert parse_project(text) == ids


@pytest.mark.parametrize(
    "text", ["", "x", "1.", ".1", "1.2.3", "-1", " 1", "1\n", "9" * 19, "١", None]
)
def test_what_is_no_project(text):
    with pytest.raises(BadRequest, match=r"project=.*'1\.1795518527'"):
        parse_project(text)


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        (0, True),
        (LARGEST_ID, True),
        (LARGEST_ID + 1, False),
        (-1, False),
        (True, False),
        (1.0, False),
        ("1", False),
        (None, False),
    ],
)
def test_ids(value, valid):
    assert is_id(value) == valid
    for field, read in (
        (r"tasks\[3\]\.id=", lambda: task_id({"id": value}, 3)),
        ("project=", lambda: event_project({"project": value})),
        ("project=", lambda: event_project({"project": {"id": value}})),
    ):
        if valid:
            assert read() == value
        else:
            with pytest.raises(BadRequest, match=field):
                read()


@pytest.mark.parametrize("task", [None, 3, "x", [], {}])
def test_what_is_no_task(task):
    with pytest.raises(BadRequest, match=r"tasks\[0\]\.id='None': every task needs its integer id"):
        task_id(task, 0)


@pytest.mark.parametrize(
    ("value", "text"), [("x", "'x'"), (None, "'None'"), ("a" * 1000, repr("a" * 80))]
)
def test_refused_values_are_shown_short(value, text):
    assert shown(value) == text


def test_values_that_python_cannot_write_out_are_not_shown():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert shown(10**5000) == "(a int too large to show)"
    assert shown(nested) == "(a list too large to show)"
    while nested:  # without recursion
        nested = nested.pop()


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://labels.example.com/studio/", "https://labels.example.com/studio"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("javascript:alert(1)", ""), ("http://a/?x", ""), ("https://u:p@host", ""), ("http://a b", ""),
        ("", ""), (None, ""), (7, ""), ("http://host\n", ""),
    ],
)  # fmt: skip
def test_label_studio_s_address_for_browsers(told, kept):
    assert public_address(told) == kept
