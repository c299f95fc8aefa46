"""A few hundred bad requests; the long form is `tests.soak.fuzz`."""

import pytest

from fishermask_backend.settings import load_settings
from fishermask_backend.store import open_store
from tests.soak.fuzz import BODIES, prepare


@pytest.fixture
def fuzz(tmp_path, monkeypatch):
    yield prepare(monkeypatch, tmp_path)
    open_store().close()
    load_settings.cache_clear()
    open_store.cache_clear()


def test_bad_requests_are_answered_and_leave_nothing_behind(fuzz):
    fuzz.run(400)
    assert fuzz.answers.total() >= 400
    assert {route.split()[0] for route in fuzz.answers} >= {path for _, path in BODIES}
    assert any(route.endswith((" 413", " 400")) for route in fuzz.answers)
