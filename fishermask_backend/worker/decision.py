"""What a round has to decide about, and what it decides."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from fishermask_backend.controls.heads import Head
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.learning.ordering import Order
from fishermask_backend.learning.reasons import Reason
from fishermask_backend.store.noted import StoredReason
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import Task


@dataclass(frozen=True)
class Pool:
    """The embedded tasks of a project, as they were when the round began.

    Attributes:
        tasks: N, by id.
        rows: (N, ...) theirs.
        servable: (N,) bool, those that Label Studio would still serve.
    """

    tasks: Sequence[Task]
    rows: Tensor
    servable: Tensor

    @property
    def answers(self) -> dict[int, str]:
        """The labelled tasks and what they are labelled with, as it is stored."""
        return {task.task_id: task.answer for task in self.tasks if task.answer is not None}

    @property
    def lesson(self) -> Lesson:
        """What is learnt from."""
        return Lesson(self.rows, [task.answer for task in self.tasks], self.servable)


@dataclass(frozen=True)
class Decision:
    """What a round has found out.

    Attributes:
        acquisition: The strategy, or COLD_START.
        order: Of the pool.
        model: The classifier; None after a cold start.
        probs: (N, C) its class probabilities of the pool.
        heads: The controls that it has learnt.
    """

    acquisition: str
    order: Order
    model: nn.Module | None = None
    probs: Tensor | None = None
    heads: Sequence[Head] = ()

    def scored(self, tasks: Sequence[Task]) -> list[Scored]:
        """Return what is stored of each task."""
        scores, gains = self.order.scores.tolist(), self.order.gains.tolist()
        probs = [None] * len(tasks) if self.probs is None else self.probs.cpu().numpy()
        rows = zip(tasks, scores, gains, probs, strict=True)
        why = {place: [*map(_stored, own)] for place, own in self.order.reasons.items()}
        return [
            Scored(task.task_id, score, gain, p, why.get(place))
            for place, (task, score, gain, p) in enumerate(rows)
        ]


def _stored(reason: Reason) -> StoredReason:
    value, above = float(f"{reason.value:.4g}"), round(reason.above, 4)
    return {"part": reason.part, "value": value, "above": above}
