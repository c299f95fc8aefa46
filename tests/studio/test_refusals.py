"""What Label Studio's refusals mean."""

import pytest

from fishermask_backend.studio.refusals import reason


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
