"""One active-learning round, top to bottom: read, train, choose, store.

`decide` is what a paper on active learning calls a round. The choice itself, by default diagonal, mask,
factors, selection and order, is `strategies/`; publishing what a round decided is `publishing.py`.
"""

import json
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch

from fishermask_backend.controls.heads import likelihood_of
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import save_classifier
from fishermask_backend.learning.cold_start import first_order
from fishermask_backend.learning.inputs import RowStore
from fishermask_backend.learning.strategies import STRATEGIES
from fishermask_backend.machine.threads import one_thread
from fishermask_backend.state import round_scorer, round_weights
from fishermask_backend.store import by_control, pool, projects, rounds, serving
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import COLD_START, Project, Round
from fishermask_backend.worker.decision import Decision, Pool
from fishermask_backend.worker.work import Stopwatch, Work

log = logging.getLogger(__name__)

STORED_AT_ONCE = 2000  # scores, which takes some hundredths of a second
FIRST_QUEUE = "first queue"  # the stage of a cold start
# The others are the strategy's; «cluster» is what rounds stored before call the first queue.
OWN_STAGES = {"read", "train", "save", FIRST_QUEUE, "cluster"}


def run_round(
    work: Work,
    spec: LabelSpec,
    backbone: Backbone,
    inputs: RowStore,
    *,
    learn: bool = True,
    since: float = math.inf,
) -> Round:
    """Compute a round over the images embedded so far, and store it.

    Args:
        work: The step's surroundings.
        spec: What is learned.
        backbone: What the rows are, and the network over them.
        inputs: The rows.
        learn: False renews the first queue over a larger pool; labels wait for the next round.
        since: Since when it is due, seconds since 1970; infinite: since now.

    Returns:
        The stored round.
    """
    started_at, watch, project = time.time(), Stopwatch(work.name), work.project()
    watch.round = _next_number(work, project)
    images = _read_pool(work, project, inputs)
    watch.lap("read")
    found = (
        decide(work, spec, backbone, images, watch) if learn else _cold_start(work, images, watch)
    )
    weights, scorer = _save(work, backbone, found, watch)
    notes = [*found.order.notes, *watch.notes()]
    for note in notes:
        log.info("%s: round %s: %s", work.name, watch.round, note)
    new = Round(
        project_id=work.project_id,
        number=watch.round,
        acquisition=found.acquisition,
        label_count=len(images.answers),
        pool_size=len(images.tasks),
        **by_control.about(spec.heads, found.heads),
        inputs_key=backbone.key,
        weights=weights,
        scorer=scorer,
        triggered_at=min(since, started_at),
        started_at=started_at,
        computed_at=time.time(),
        seconds=watch.seconds,
        notes=notes,
    )
    return _store(work, new, found.scored(images.tasks), images.answers if learn else None)


def decide(
    work: Work, spec: LabelSpec, backbone: Backbone, images: Pool, watch: Stopwatch
) -> Decision:
    """Train on what is labelled, and order the pool by what was learnt.

    Fewer than two different answers teach nothing of a control: it is left out, and if nothing is
    left the order is the cold start's.
    """
    lesson = images.lesson
    heads = lesson.learnable(spec.heads)
    if not heads:
        return _cold_start(work, images, watch)
    trained = lesson.learn(heads, backbone, work.settings, partial(work.progress, "training"))
    watch.lap("train")
    trained = replace(trained, on_pick=_picking(work))
    strategy = STRATEGIES[work.settings.strategy]
    _show(work, strategy.stage, images, learnt=True)
    with one_thread(watch.starves):
        order = strategy.order(trained, work.settings, watch.lap)
    return Decision(strategy.name, order, trained.model, trained.probs, heads)


def _cold_start(work: Work, images: Pool, watch: Stopwatch) -> Decision:
    _show(work, FIRST_QUEUE, images, learnt=False)
    order = first_order(images.rows, images.servable, work.settings)
    watch.lap(FIRST_QUEUE)
    return Decision(COLD_START, order)


def _show(work: Work, stage: str, images: Pool, *, learnt: bool) -> None:
    """Show a stage that counts no images, and its seconds if each takes what it took last time."""
    with work.store.read() as session:
        last = rounds.latest(session, work.project_id)
    expected, size = None, len(images.tasks)
    if last is not None and last.pool_size:
        stages = last.seconds.keys() - OWN_STAGES if learnt else last.seconds.keys() & {FIRST_QUEUE}
        seconds = [last.seconds[stage] for stage in stages]
        expected = sum(seconds) / last.pool_size * size if seconds else None
    work.progress(stage, 0, size, expected=expected)


def _picking(work: Work) -> Callable[[int, int], None]:
    """Return what shows how many of a queue's images are picked."""
    with work.store.read() as session:
        last = rounds.latest(session, work.project_id)
    expected = last.seconds.get("select") if last is not None else None
    return partial(work.progress, "picking images", expected=expected)


def _next_number(work: Work, project: Project) -> int:
    published = work.studio.model_versions(project.studio_id)
    with work.begin() as session:
        rounds.drop_unfinished(session, work.project_id)
    with work.store.read() as session:
        return rounds.next_number(session, work.project_id, published)


def _read_pool(work: Work, project: Project, inputs: RowStore) -> Pool:
    with work.store.read() as session:  # nothing that is told waits for a large pool
        tasks = pool.embedded(session, work.project_id)
        annotators = serving.recent_annotators(session, work.project_id)
    rows = torch.from_numpy(inputs.read([task.row for task in tasks if task.row is not None]))
    servable = [serving.servable(task, project.skip_queue, annotators) for task in tasks]
    return Pool(tasks, rows, torch.tensor(servable))


def _save(
    work: Work, backbone: Backbone, found: Decision, watch: Stopwatch
) -> tuple[str | None, str | None]:
    """Write the classifier and what places later tasks; the files' names in MODEL_DIR, if there are."""
    if found.model is None:
        return None, None
    of_claim = work.project_id, watch.round, work.lease.fence
    weights, scorer = round_weights(*of_claim), None
    names = [name for head in found.heads for name in head.names]
    about = {
        "classes": json.dumps(names),
        "num_classes": str(len(names)),
        "likelihood": likelihood_of(found.heads),
        "backbone": backbone.key,
    }
    if len(found.heads) > 1:
        about["sizes"] = json.dumps([len(head.classes) for head in found.heads])
        about["heads"] = json.dumps([head.stored() for head in found.heads])
    save_classifier(work.settings.model_dir / weights, found.model, about)
    if found.order.scorer is not None:
        scorer = round_scorer(*of_claim)
        found.order.scorer.save(work.settings.model_dir / scorer)
    watch.lap("save")
    return weights, scorer


def _store(
    work: Work, new: Round, scores: Sequence[Scored], answers: dict[int, str] | None
) -> Round:
    """Store a round a part at a time: the web process must not wait for a large pool's scores.

    Args:
        work: The step's surroundings.
        new: The round.
        scores: Its scores.
        answers: What it has learnt from; None: it has not looked at any.
    """
    with work.begin() as session:
        rounds.open_round(session, new)
    for start in range(0, len(scores), STORED_AT_ONCE):
        with work.begin() as session:
            rounds.put_scores(session, new.id, scores[start : start + STORED_AT_ONCE])
    with work.begin() as session:
        stored = rounds.finish_round(session, new.id)
        if answers is not None:
            pool.note_trained(session, work.project_id, answers)
        project = projects.get(session, work.project_id)
        if project.train_asked_at <= work.began:  # asked for meanwhile: one more round
            project.train_asked_at = 0.0
    log.info(
        "%s: round %s (%s) on %s labels, %s images took %.1f s",
        work.name, stored.number, stored.acquisition, stored.label_count, stored.pool_size,
        sum(stored.seconds.values()),
    )  # fmt: skip
    return stored
