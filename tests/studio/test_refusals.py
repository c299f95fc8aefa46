"""What Label Studio's refusals mean."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from fishermask_backend.studio.refusals import reason, retry_after


@pytest.mark.parametrize(
    ("status", "word"),
    [
        (401, "LABEL_STUDIO_API_KEY"),
        (403, "user"),
        (404, "LABEL_STUDIO_URL"),
        (200, "LABEL_STUDIO_URL"),
        (301, "LABEL_STUDIO_URL"),
        (502, "log"),
    ],
)
def test_refusal_says_what_to_do(status, word):
    told = reason(status, {"detail": "No."})
    assert told.startswith(f"Label Studio answered {status}: No.")
    assert word in told


def test_page_of_a_proxy_is_cut_short_to_a_line():
    told = reason(400, "<html>\n" + 500 * "long ")
    assert "\n" not in told
    assert len(told) < 400


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("120", 120), ("0", 0), ("", 0), ("soon", 0), ("-3", 0), ("Mon, 01 Jan 2024 00:00:00 GMT", 0)],
)
def test_retry_after(value, seconds):
    assert retry_after({"retry-after": value}) == seconds


def test_retry_after_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    assert 200 < retry_after({"retry-after": date}) <= 300
    assert retry_after({}) == 0
