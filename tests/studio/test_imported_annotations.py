"""Which annotations nobody has saved by hand: an import notes nobody (Label Studio 1.23.2)."""

from types import SimpleNamespace
from typing import Any

import pytest

from fishermask_backend.studio.records import read_task

ANNOTATION = {"id": 1, "result": [], "completed_by": 1, "updated_at": "2026-11-28T11:49:35.589025Z"}


@pytest.mark.parametrize(
    ("more", "imported"),
    [
        ({"updated_by": None}, True),
        ({"updated_by": 1}, False),
        ({"updated_by": {"id": 1, "email": "ada@example.com"}}, False),  # other editions
        ({}, False),  # nothing is told, so nothing is known
    ],
)
def test_who_saved_an_annotation_tells_whether_it_was_imported(
    more: dict[str, Any], imported: bool
) -> None:
    task = SimpleNamespace(
        id=7, data={}, updated_at="2026-11-28T11:49:35Z", annotations=[ANNOTATION | more]
    )
    (found,) = read_task(task).annotations
    assert found["imported"] is imported
