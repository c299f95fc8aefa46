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


@pytest.mark.parametrize("status", [302, 401, 403])
def test_a_page_of_a_proxy_s_log_in_says_what_opens_it(status):
    assert "LABEL_STUDIO_HEADERS" in reason(status, "<html>401 Authorization Required</html>")


@pytest.mark.parametrize(
    "page", ["<h1>Bad Request (400)</h1>", "<title>DisallowedHost\n at /api/projects/7</title>"]
)
def test_a_host_s_name_that_django_does_not_take_is_told(page):
    assert "one with an underscore is not" in reason(400, page)
    assert "underscore" not in reason(400, {"detail": "Bad Request (400)"})


def test_page_of_a_proxy_is_cut_short_to_a_line():
    told = reason(400, "<html>\n" + 500 * "long ")
    assert "\n" not in told
    assert len(told) < 400
