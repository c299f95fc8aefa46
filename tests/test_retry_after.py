"""How long a server asks to be left alone."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from fishermask_backend.retry_after import seconds_asked


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("Mon, 01 Jan 2024 00:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-3", None),
    ],
)
def test_seconds(header, seconds):
    assert seconds_asked(header) == seconds


def test_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    assert 200 < seconds_asked(date) <= 300
