"""Which tasks a listing has, and in which order: the queries of Label Studio's Data Manager."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

Query = dict[str, Any]

ANNOTATED: Query = {
    "filters": {
        "conjunction": "or",
        "items": [
            {
                "filter": f"filter:tasks:{column}",
                "operator": "greater",
                "type": "Number",
                "value": 0,
            }
            for column in ("total_annotations", "cancelled_annotations")
        ],
    }
}
"""Annotated or skipped ones."""

NEWEST_FIRST: Query = {"ordering": ["-tasks:updated_at"]}


def changed_after(since: float) -> Query:
    """Return the query of tasks changed after a time (Label Studio's clock), the newest first."""
    changed = {
        "filter": "filter:tasks:updated_at",
        "operator": "greater",
        "type": "Datetime",
        "value": datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return {"filters": {"conjunction": "and", "items": [changed]}, **NEWEST_FIRST}


def only(ids: Sequence[int]) -> Query:
    """Return the query of these tasks, as far as they exist."""
    return {"selectedItems": {"all": False, "included": list(ids)}}


def predicted(version: str, ids: Sequence[int]) -> Query:
    """Return the query of those of some tasks that have a prediction of a version."""
    named = {
        "filter": "filter:tasks:predictions_model_versions",
        "operator": "contains",
        "type": "List",
        "value": [version],
    }
    return {"filters": {"conjunction": "and", "items": [named]}, **only(ids)}
