"""How many tasks are asked for at a time: pages of images that stand in tasks would be gigabytes."""

from collections.abc import Iterable
from typing import Any

PAGE = 500  # of 1,000 uploads Label Studio makes a query that SQLite finds too deep: a 500
SMALLER = (PAGE, 100, 20, 5)  # each a whole part of a page
MOST_CHARACTERS = 16_000_000


class PageSizes:
    """What is known of the size of each project's tasks."""

    def __init__(self) -> None:
        self._longest: dict[int, int] = {}

    def learn(self, studio_id: int, data: Iterable[dict[str, Any]]) -> None:
        """Take note of tasks' data."""
        lengths = (sum(len(v) for v in d.values() if isinstance(v, str)) for d in data)
        self._longest[studio_id] = max(self._longest.get(studio_id, 0), *lengths, 0)

    def at_once(self, studio_id: int) -> int:
        """Return how many of a project's tasks may come in one answer."""
        longest = self._longest.get(studio_id, 0)
        return next((n for n in SMALLER if n * longest <= MOST_CHARACTERS), SMALLER[-1])
