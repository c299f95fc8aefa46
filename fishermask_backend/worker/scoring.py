"""Placing tasks that came after a round in that round's order."""

import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import load_classifier
from fishermask_backend.learning.inputs import RowStore
from fishermask_backend.learning.joint_classifier import joint_probabilities
from fishermask_backend.learning.ordering import QUEUE_END, Scorer
from fishermask_backend.learning.strategies import load_scorer
from fishermask_backend.learning.tensors import TensorsUnusable
from fishermask_backend.store import by_control, rounds
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import Round, Task
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

AT_MOST = 2000  # tasks scored in one step


class Loaded:
    """The network and the scorer that tasks were scored with last: they come one at a time.

    A round's files never change, so a name is enough to know them by. Both take as much memory as five
    d × d matrices.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Give their memory back."""
        self._network: tuple[Path, Backbone, nn.Module] | None = None
        self._scorer: tuple[Path, Scorer] | None = None

    def network(self, path: Path, backbone: Backbone) -> nn.Module:
        """Do what `load_classifier` does."""
        if self._network is None or self._network[:2] != (path, backbone):
            self.forget()
            self._network = path, backbone, load_classifier(path, backbone)
        return self._network[2]

    def scorer(self, path: Path) -> Scorer:
        """Do what `load_scorer` does."""
        if self._scorer is None or self._scorer[0] != path:
            self._scorer = path, load_scorer(path)
        return self._scorer[1]


def score_new_tasks(
    work: Work, backbone: Backbone, inputs: RowStore, loaded: Loaded | None = None
) -> bool:
    """Score tasks embedded since the serving round, and settle what /predict asked for.

    They are placed among the tasks outside the queue by their gain, as the round's strategy tells it;
    at random where it does not tell, and after a cold start. Requests that cannot be answered (no such
    task, no image) are dropped. Where the round's files cannot be read a new round becomes due.

    Args:
        work: The project.
        backbone: Its settings' one.
        inputs: Its rows.
        loaded: What was loaded for the last tasks; None: nothing.

    Returns:
        Whether there is more to do.
    """
    with work.store.read() as session:
        serving = rounds.active(session, work.project_id)
        tasks = rounds.unscored(session, work.project_id, serving.id, AT_MOST) if serving else []
    if serving is not None and tasks:
        try:
            scores = _score(work, backbone, inputs, serving, tasks, loaded or Loaded())
        except TensorsUnusable as error:
            log.warning("%s: %s", work.name, error)
            with work.begin() as session:
                rounds.lose_files(session, serving.id, str(error))
            return True
        with work.begin() as session:
            rounds.put_scores(session, serving.id, scores)
        log.info("%s: scored %s new tasks", work.name, len(scores))
    if len(tasks) < AT_MOST:
        with work.begin() as session:
            rounds.drop_score_requests(session, work.project_id)
    return len(tasks) == AT_MOST


def _score(
    work: Work,
    backbone: Backbone,
    inputs: RowStore,
    serving: Round,
    tasks: Sequence[Task],
    loaded: Loaded,
) -> list[Scored]:
    if serving.weights is None:
        return [Scored(t.task_id, _behind(t.shuffle), 0.0, None) for t in tasks]
    folder = work.settings.model_dir
    rows = torch.from_numpy(inputs.read([t.row for t in tasks if t.row is not None]))
    model = loaded.network(folder / serving.weights, backbone)
    heads = [(head.likelihood, len(head.classes)) for head in by_control.learnt(serving)]
    probs = joint_probabilities(model, rows, heads).numpy()
    if serving.scorer is None:  # the strategy leaves none
        pairs = zip(tasks, probs, strict=True)
        return [Scored(t.task_id, _behind(t.shuffle), 0.0, p) for t, p in pairs]
    gains = loaded.scorer(folder / serving.scorer).gains(model, rows)
    with work.store.read() as session:
        rest = torch.tensor(rounds.gains_outside_queue(session, serving.id, QUEUE_END))
    # How many of the rest gain more; the rest is sorted ascending.
    ahead = len(rest) - torch.searchsorted(rest, gains, right=True)
    return [
        Scored(t.task_id, _behind(int(ahead[i]) / max(len(rest), 1)), float(gains[i]), probs[i])
        for i, t in enumerate(tasks)
    ]


def _behind(place: float) -> float:
    """Return the score of a place in [0, 1] behind the queue."""
    return QUEUE_END + (1.0 - QUEUE_END) * place
