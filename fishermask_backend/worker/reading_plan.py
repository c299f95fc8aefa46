"""What of a full pass is still to be read: ranges of task ids.

Pages by number would shift with every task that is deleted meanwhile, so that tasks are missed; a range
of ids holds the same tasks whatever happens around it. How ids are spread is not known: a project's
may be few among other projects'. So the ids are cut into even ranges, and what a range holds beyond one
answer is cut again. Each answer shortens the plan, so a pass ends.
"""

import random
from collections.abc import Sequence
from itertools import pairwise

from fishermask_backend.store.schema import PlannedRange, TaskKind
from fishermask_backend.studio import PAGE, Page

MOST_RANGES = 10_000  # whatever count Label Studio hands out


def even_ranges(kind: TaskKind, count: int, first: int, last: int) -> list[PlannedRange]:
    """Cut the ids from `first` to `last` (both included) into ranges for so many tasks."""
    width = last - first + 1
    pieces = min(-(-count // PAGE), width, MOST_RANGES)
    bounds = [first + width * k // pieces for k in range(pieces + 1)] if pieces > 0 else []
    return [(kind, start, end - 1) for start, end in pairwise(bounds)]


def after(plan: Sequence[PlannedRange], page: Page, rng: random.Random) -> list[PlannedRange]:
    """Return the plan after its first range was asked for.

    Args:
        plan: Not empty.
        page: The tasks of lowest id in that range, as many as come in one answer.
        rng: Where the rest of the range is put, among ranges of all tasks: those are in random order.
    """
    (kind, first, last), *rest = plan
    reached = max((task.task_id for task in page.tasks), default=last)
    if page.total <= page.received or not first <= reached < last:
        return rest
    more = even_ranges(kind, page.total - page.received, reached + 1, last)
    if kind != "tasks":
        return [*more, *rest]
    for each in more:
        rest.insert(rng.randrange(len(rest) + 1), each)
    return rest
