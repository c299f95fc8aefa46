"""`fishermask connect` where no Label Studio answers; `tests/e2e/test_connect_command.py` has one."""

import pytest

from fishermask_backend.commands.connect import connect
from fishermask_backend.settings import load_settings
from fishermask_backend.store import projects
from fishermask_backend.store.tokens import TokenBox

URL = "http://backend.example/s3cr3t"


@pytest.fixture
def away(settings, store, monkeypatch):
    """Settings that name a Label Studio which does not answer."""

    def read(**environment):
        address = {"LABEL_STUDIO_URL": "http://127.0.0.1:9", "URL_PREFIX": "/s3cr3t"}
        for name, value in (address | environment).items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        return load_settings()

    return read


def test_a_label_studio_that_is_away_ends_it(away):
    key = "0123456789abcdef0123456789abcdef01234567"
    (only,) = connect(away(LABEL_STUDIO_API_KEY=key), 7, URL)
    assert (only.level, only.what) == ("FAILED", "key")
    assert "LABEL_STUDIO_API_KEY (a legacy token): " in only.how
    assert key not in str(only)


def test_without_a_key_it_says_which_is_needed(away):
    (only,) = connect(away(), 7, URL)
    assert only.level == "FAILED"
    assert only.how.endswith("Label Studio has sent none for project 7")


def test_the_token_that_label_studio_sent_is_used_and_not_told(away, store):
    settings = away()
    with store.begin() as session:
        project = projects.register(session, settings.label_studio_url, 7, 1000)
        project.token = TokenBox(settings.secret_key, settings.model_dir).seal("0123456789abcdef")
    (only,) = connect(settings, 7, URL)
    assert only.how.startswith("the token that Label Studio sent (a legacy token): ")
    assert "0123456789abcdef" not in str(only)
