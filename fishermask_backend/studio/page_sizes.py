"""How many tasks are asked for at a time: pages of images that stand in tasks would be gigabytes."""

from typing import Any

PAGE = 500  # of 1,000 uploads Label Studio makes a query that SQLite finds too deep: a 500
SMALLER = (PAGE, 100, 20, 5)  # each a whole part of a page
MOST_CHARACTERS = 16_000_000


class PageSizes:
    """What is known of the size of each project's tasks."""

    def __init__(self) -> None:
        self._longest: dict[int, int] = {}

    def learn(self, studio_id: int, answer: Any) -> None:
        """Take note of a page of tasks as Label Studio handed it out."""
        tasks = answer.get("tasks") if isinstance(answer, dict) else None
        for task in tasks if isinstance(tasks, list) else ():
            data = task.get("data") if isinstance(task, dict) else None
            texts = data.values() if isinstance(data, dict) else ()
            length = sum(len(v) for v in texts if isinstance(v, str))
            self._longest[studio_id] = max(self._longest.get(studio_id, 0), length)

    def at_once(self, studio_id: int) -> int:
        """Return how many of a project's tasks may come in one answer."""
        longest = self._longest.get(studio_id, 0)
        return next((n for n in SMALLER if n * longest <= MOST_CHARACTERS), SMALLER[-1])
