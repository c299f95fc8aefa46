"""Filters of tasks as Label Studio's Data Manager takes them."""

from datetime import UTC, datetime
from typing import Any

Query = dict[str, Any]


def annotated() -> Query:
    """Return a query for tasks that somebody annotated or skipped."""
    counts = ("total_annotations", "cancelled_annotations")
    return _query("or", *(_item(column, "greater", "Number", 0) for column in counts))


def changed_since(moment: float) -> Query:
    """Return a query for tasks changed after a time, the newest change first."""
    written = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    newest_first = {"ordering": ["-tasks:updated_at"]}
    return _query("and", _item("updated_at", "greater", "Datetime", written)) | newest_first


def predicted(version: str) -> Query:
    """Return a query for tasks that have a prediction of a version, or of one that contains it."""
    return _query("and", _item("predictions_model_versions", "contains", "List", [version]))


def _query(conjunction: str, *items: Query) -> Query:
    return {"filters": {"conjunction": conjunction, "items": list(items)}}


def _item(column: str, operator: str, kind: str, value: Any) -> Query:
    return {
        "filter": f"filter:tasks:{column}",
        "operator": operator,
        "type": kind,
        "value": value,
    }
