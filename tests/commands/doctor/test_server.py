"""What the doctor says of Label Studio's address and of the key."""

import json

import pytest

from fishermask_backend.commands.doctor.server import check_key, check_server, open_with_key
from fishermask_backend.store import projects
from fishermask_backend.store.tokens import TokenBox
from tests.commands.doctor.conftest import somebody_s_server
from tests.images.image_server import serving
from tests.studio.answers import Answers


@pytest.mark.parametrize("status", [401, 403, 302])
def test_a_proxy_s_log_in_is_told(with_settings, status):
    to = "https://sso.example/start?state=s3cret"
    with somebody_s_server(status, "<html>Log in</html>", Location=to) as address:
        (line,) = check_server(with_settings(LABEL_STUDIO_URL=address))
    assert line.level == "FAILED"
    assert "LABEL_STUDIO_HEADERS" in line.fix
    assert "s3cret" not in str(line)


def test_a_host_s_name_that_django_does_not_take(with_settings):
    with somebody_s_server(400, "<h1>Bad Request (400)</h1>") as address:
        (line,) = check_server(with_settings(LABEL_STUDIO_URL=address))
    assert "underscore" in line.fix


def test_label_studio_s_address(with_settings):
    def line(url):
        (only,) = check_server(with_settings(LABEL_STUDIO_URL=url))
        return only

    assert "is LABEL_STUDIO_URL its address as seen from here?" in line("http://127.0.0.1:9").how
    for status, body in ((404, ""), (502, ""), (200, "<html>"), (200, "[]"), (200, "{}")):
        with somebody_s_server(status, body) as address:
            assert (line(address).level, "not Label Studio" in line(address).how) == (
                "FAILED",
                True,
            )
    with somebody_s_server(301, Location="https://labels.example.com/api/version/") as address:
        assert line(address).how == f"{address} redirects to https://labels.example.com"
    for release, level in (("1.23.2", "ok"), ("1.20.0", "warning")):
        with somebody_s_server(200, json.dumps({"release": release})) as address:
            assert line(address).level == level


def test_key(with_settings, store):
    settings = with_settings(LABEL_STUDIO_API_KEY="")
    studio, line = open_with_key(settings, 7)
    assert (studio, line.level) == (None, "FAILED")
    assert "has sent none for project 7" in line.how
    with store.begin() as session:
        row = projects.register(session, settings.label_studio_url, 7, 1000)
        row.token = TokenBox.of(settings).seal("0123456789abcdef")
    studio, line = open_with_key(settings, 7)
    assert studio is None
    assert "the token that Label Studio sent (a legacy token): Cannot ask whose" in line.how
    assert "0123456789abcdef" not in str(line)


def test_what_the_key_sees(with_settings):
    with serving(Answers("k" * 40)) as studio:
        studio.put("/api/current-user/whoami", {"id": 1, "email": "me@example.com"})
        right = with_settings(LABEL_STUDIO_URL=studio.url, LABEL_STUDIO_API_KEY="k" * 40)
        (line,) = check_key(right)
        assert (line.level, line.what) == ("ok", "LABEL_STUDIO_API_KEY")
        assert line.how == "is me@example.com's, who sees the projects 7 «Animals»"
        studio.put("/api/projects/", {"count": 0, "results": []})
        (line,) = check_key(right)
        assert (line.level, "sees no project" in line.how) == ("warning", True)
        (line,) = check_key(with_settings(LABEL_STUDIO_API_KEY="0" * 40))
        assert (line.level, "401" in line.how) == ("FAILED", True)
