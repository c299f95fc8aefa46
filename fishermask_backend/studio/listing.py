"""Which tasks a listing has, and in which order: the queries of Label Studio's Data Manager."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

Query = dict[str, Any]

COUNTS = {"annotated": "total_annotations", "skipped": "cancelled_annotations"}
"""Of what a task of a kind has at least one; all tasks are of any other kind."""

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


def end(kind: str, *, last: bool) -> Query:
    """Return the query of tasks of a kind, the lowest id first, or the highest."""
    return {**_all_of(*_of_kind(kind)), "ordering": [f"{'-' if last else ''}tasks:id"]}


def between(kind: str, first: int, last: int) -> Query:
    """Return the query of tasks of a kind whose ids are in a range, both ends included, by id."""
    ids = _filter("id", "in", {"min": first, "max": last})
    return {**_all_of(ids, *_of_kind(kind)), "ordering": ["tasks:id"]}


def _of_kind(kind: str) -> list[Query]:
    return [_filter(COUNTS[kind], "greater", 0)] if kind in COUNTS else []


def _filter(column: str, operator: str, value: Any) -> Query:
    return {
        "filter": f"filter:tasks:{column}", "operator": operator, "type": "Number", "value": value
    }  # fmt: skip


def _all_of(*filters: Query) -> Query:
    return {"filters": {"conjunction": "and", "items": list(filters)}}


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
