"""What most tests need: settings in a temporary folder, and a store in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fishermask_backend import model
from fishermask_backend.settings import Settings, load_settings
from fishermask_backend.store import Store

CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    '<Choice value="cat"/><Choice value="dog"/></Choices></View>'
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings as a process reads them, with the state in a temporary folder."""
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PREDICT_WAIT", "0.3")
    load_settings.cache_clear()
    model.open_store.cache_clear()
    yield load_settings()
    load_settings.cache_clear()
    model.open_store.cache_clear()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The store that the process under test opens."""
    opened = model.open_store()
    yield opened
    opened.close()
