"""The way to Label Studio's API: a personal token's renewal, and to whom keys go."""

import json
import time

import pytest

from fishermask_backend.errors import LabelStudioError
from fishermask_backend.studio import Studio
from tests.images.image_server import Server, serving
from tests.jwt import token

JSON = {"Content-Type": "application/json"}


TOMORROW = time.time() + 86400
PERSONAL, ACCESS = token("refresh", TOMORROW), token("access", TOMORROW)


@pytest.fixture
def server():
    with serving(Server()) as started:
        yield started


def user(address, key=PERSONAL):
    with Studio(address, key) as studio:
        return studio.user()


@pytest.mark.parametrize("key", [PERSONAL, "0123456789abcdef"])
def test_a_proxy_s_headers_go_with_every_call(server, key):
    server.routes["/api/token/refresh/"] = (200, JSON, json.dumps({"access": ACCESS}).encode())
    server.routes["/api/ml"] = (200, JSON, b"[]")
    with Studio(server.url, key, headers={"X-Gate": "open"}) as studio:
        with pytest.raises(LabelStudioError):
            studio.project(7)
        with pytest.raises(LabelStudioError):
            studio.model_versions(7)
        with studio.api() as api:
            api.get("ml")
        assert studio.authorization()["X-Gate"] == "open"
    assert len(server.seen) == (4 if key == PERSONAL else 3)
    assert {headers["X-Gate"] for _, headers in server.seen} == {"open"}


def test_personal_token_is_renewed_below_the_address_s_path(server):
    renewed = json.dumps({"access": ACCESS}).encode()
    server.routes["/labels/api/token/refresh/"] = (200, JSON, renewed)
    whoami = json.dumps({"id": 1, "email": "ada@example.com"}).encode()
    server.routes["/labels/api/current-user/whoami"] = (200, JSON, whoami)
    assert user(server.url + "/labels") == "ada@example.com"
    assert server.paths() == ["/labels/api/token/refresh/", "/labels/api/current-user/whoami"]
    assert server.keys_seen() == [None, f"Bearer {ACCESS}"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((502, {}, b"<html>Bad Gateway</html>"), "Bad Gateway"),
        ((200, {}, b"<html>Log in</html>"), "Log in"),
        ((401, JSON, b'{"detail": "Token is blacklisted"}'), "LABEL_STUDIO_API_KEY"),
    ],
)
def test_personal_token_that_cannot_be_renewed_is_told(server, answer, said):
    server.routes["/api/token/refresh/"] = answer
    with pytest.raises(LabelStudioError, match=rf"Cannot .*{said}") as raised:
        user(server.url)
    assert PERSONAL not in str(raised.value)


@pytest.mark.parametrize("key", [PERSONAL, "0123456789abcdef"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_key_follows_a_redirect(server, key, status):
    with serving(Server()) as elsewhere:
        for path in ("/api/token/refresh/", "/api/current-user/whoami"):
            server.routes[path] = (status, {"Location": elsewhere.url + path}, b"")
        with (
            pytest.raises(LabelStudioError, match="LABEL_STUDIO_HEADERS"),
            Studio(server.url, key, headers={"X-Gate": "open"}) as studio,
        ):
            studio.user()
        assert server.seen
        assert elsewhere.seen == []
