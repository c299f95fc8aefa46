"""Cutting ids into statements."""

from collections.abc import Iterator, Sequence

IDS_A_STATEMENT = 500  # SQLite allows 32,766 variables, older ones 999


def batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield ids in parts, each of which fits into one SQL statement."""
    for start in range(0, len(ids), IDS_A_STATEMENT):
        yield ids[start : start + IDS_A_STATEMENT]
