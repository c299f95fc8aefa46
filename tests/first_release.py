"""What the first release predicted, asked for again; and which files a state has."""

import json
from pathlib import Path
from typing import Any

from fishermask_backend.store import open_store
from fishermask_backend.web.model import FisherMaskBackend
from tests.conftest import FIRST

EXPECTED = json.loads((FIRST / "predictions.json").read_text())


def predictions() -> Any:
    """The answers to tasks 1 to 19 of project 7; the database is closed afterwards."""
    found = FisherMaskBackend("7.1000").predict([{"id": i, "project": 7} for i in range(1, 20)])
    open_store().close()
    open_store.cache_clear()
    return found


def files(folder: Path) -> list[str]:
    """All files below a folder, sorted."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
