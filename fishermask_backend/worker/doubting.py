"""Which labels look wrong after a round, once its order is served: nobody waits for it."""

import logging

import torch

from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.doubts import FEWEST, doubts
from fishermask_backend.learning.estimate import judged
from fishermask_backend.learning.held_out import held_out
from fishermask_backend.learning.inputs import RowStore
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.store import by_control, pool, projects
from fishermask_backend.store.doubts import Listed, note
from fishermask_backend.store.schema import Round
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)


def doubt_round(work: Work, backbone: Backbone, inputs: RowStore, made: Round) -> None:
    """List the labels that look wrong to classifiers trained without them.

    The audit's classifiers cannot serve: each has learnt all labels but a fiftieth, and there would be
    fifty of them; these have learnt four fifths. Nothing is listed after a cold start, nor for networks
    trained whole, which take too long to be trained five times more.

    Args:
        work: The step's surroundings.
        backbone: Whose rows these are.
        inputs: The rows.
        made: The round, stored; what it was trained on is what `Task.trained` says.
    """
    if made.weights is None or not backbone.frozen:
        return
    with work.store.read() as session:
        tasks = pool.embedded(session, work.project_id)
    labelled = [i for i, task in enumerate(tasks) if task.trained is not None]
    found: list[Listed] = []
    if len(labelled) >= FEWEST:
        rows = torch.from_numpy(inputs.read([t.row for t in tasks if t.row is not None]))
        unknown = torch.tensor([task.trained is None for task in tasks])
        lesson, heads = Lesson(rows, [t.trained for t in tasks], unknown), by_control.learnt(made)
        guessed = held_out(lesson, heads, backbone, work.settings, labelled).double().numpy()
        own = [tasks[i] for i in labelled]
        for head, (known, each) in judged(heads, [t.trained or "" for t in own], guessed).items():
            found += [
                Listed(
                    own[known[d.place]].task_id, head, own[known[d.place]].trained or "",
                    d.quality, head.own(map(head.name, d.guess)), d.probabilities,
                )
                for d in doubts(each)
            ]  # fmt: skip
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        note(session, project, made.number, sorted(found, key=lambda each: each.quality))
    if found:
        log.info("%s: round %s: %s labels look wrong", work.name, made.number, len(found))
