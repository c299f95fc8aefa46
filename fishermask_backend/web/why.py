"""Why each task is in the queue, in words that somebody reads who has to decide.

A reason is told as `{"why": "uncertain", "value": 0.62, "above": 0.97}`: of the images that this one
was chosen from, 97 % have less of it. What value is stands in docs/fisher.md, section 4. Where the
strategy knows no such parts, and for tasks drawn for the audit, there is `why` alone.
"""

from typing import Any

from fishermask_backend.store.schema import COLD_START, Queue, Round, Score

AUDIT = "drawn for the estimate of accuracy"

WORDS = {
    "uncertain": "uncertain",
    "unlike": "unlike what is labelled",
    "many": "stands for many",
    "rare": "rare class",
}
MEANINGS = {
    WORDS["uncertain"]: "the classifier does not know what its label will be",
    WORDS[
        "unlike"
    ]: "little is known yet of what its guess rests on: no label is of an image like it",
    WORDS["many"]: "many images that are still undecided are like it",
    WORDS["rare"]: "it may be of a class that few images seem to have",
    AUDIT: "a part of each queue is drawn at random, so that its labels tell how right the classifier "
    "is; annotators are not told which",
}
# Of strategies that know no parts.
CHOSEN = {
    COLD_START: "a first look: together these stand for the pool",
    "random": "drawn at random, as STRATEGY asks",
}
BY_PARTS = ("fishermask", "bait", "margin", "entropy")


def why(source: Round, queue: Queue, score: Score | None, task_id: int) -> list[dict[str, Any]]:
    """Return why a task is in a queue; nothing where that is not known.

    Args:
        source: The round whose queue it is.
        queue: The queue.
        score: Of the task in that round.
        task_id: The task.
    """
    if task_id in (queue.audit or ()):
        return [{"why": AUDIT}]
    if score is not None and score.why:
        return [
            {"why": WORDS.get(r["part"], r["part"]), "value": r["value"], "above": r["above"]}
            for r in score.why
        ]
    if source.acquisition in BY_PARTS:
        return []
    return [{"why": CHOSEN.get(source.acquisition, f"picked by {source.acquisition}")}]
