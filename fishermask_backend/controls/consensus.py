"""What the annotations of a task say together: one answer, as the database keeps it."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """One annotation of a task, as far as learning is concerned.

    Attributes:
        classes: Those it names.
        ground_truth: It decides for all others.
        updated_at: When it was last saved, as Label Studio writes it.
        annotator: Whose it is; None or 0: nobody's, and so it stands for itself.
        unasked: Classes that it says nothing of.
    """

    classes: frozenset[str]
    ground_truth: bool
    updated_at: str
    annotator: int | None = None
    unasked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Target:
    """What a task's annotations say together.

    Attributes:
        classes: The task's classes.
        tied: Annotators disagree with equal votes, so that the latest of them decided.
        unasked: Classes of which nobody was asked: the task may have them or not.
        disputed: Whoever annotated last said something else: nobody has agreed since.
    """

    classes: frozenset[str]
    tied: bool = False
    unasked: frozenset[str] = frozenset()
    disputed: bool = False


def resolve(answers: Sequence[Answer], *, several: bool = False) -> Target | None:
    """Make one target of several annotations: ground truth, then majority, then the latest.

    A person's latest annotation is their vote. Where an image may have several classes, each class is
    voted on by itself, among those who were asked about it: {a, b}, {a} and {a, c} make {a}.

    Args:
        answers: The task's annotations that answer (skipped ones left out), in any order.
        several: An image may have any number of classes.

    Returns:
        The target; None without answers.
    """
    if not answers:
        return None
    votes = _by_person([a for a in answers if a.ground_truth] or answers)
    return _each_class(votes) if several else _whole(votes)


def _age(answer: Answer) -> tuple[str, list[str]]:
    return answer.updated_at, sorted(answer.classes)  # the second for annotations of one moment


def _by_person(answers: Sequence[Answer]) -> list[Answer]:
    """Return each person's latest, and those that are nobody's, oldest first."""
    ordered = sorted(answers, key=_age)
    latest = {a.annotator or -number: a for number, a in enumerate(ordered, start=1)}
    return sorted(latest.values(), key=_age)


def _whole(votes: Sequence[Answer]) -> Target:
    counts = Counter(vote.classes for vote in votes)
    most = max(counts.values())
    leaders = {classes for classes, n in counts.items() if n == most}
    latest = [vote for vote in votes if vote.classes in leaders][-1]
    disputed = votes[-1].classes != latest.classes
    return Target(latest.classes, tied=len(leaders) > 1, disputed=disputed)


def _each_class(votes: Sequence[Answer]) -> Target:
    chosen, tied = set[str](), False
    for name in frozenset[str]().union(*(vote.classes for vote in votes)):
        asked = [name in vote.classes for vote in votes if name not in vote.unasked]
        balance = 2 * sum(asked) - len(asked)
        tied = tied or balance == 0
        if balance > 0 or (balance == 0 and asked[-1]):
            chosen.add(name)
    unasked = frozenset.intersection(*(vote.unasked for vote in votes))
    disputed = votes[-1].classes != chosen - votes[-1].unasked
    return Target(frozenset(chosen), tied, unasked, disputed)


def answer_text(classes: Iterable[str], unasked: Iterable[str] = ()) -> str:
    """Return an answer as the database keeps it: equal texts are equal answers."""
    missing = sorted(unasked)
    if not missing:
        return json.dumps(sorted(classes))
    return json.dumps({"classes": sorted(classes), "unasked": missing})


def classes_of(text: str) -> list[str]:
    """Return the classes of an answer that `answer_text` wrote."""
    return list(_parts(text)[0])


def unasked_of(text: str) -> list[str]:
    """Return the classes that an answer says nothing of."""
    return list(_parts(text)[1])


def _parts(text: str) -> tuple[list[str], list[str]]:
    answer = json.loads(text)
    return (answer, []) if isinstance(answer, list) else (answer["classes"], answer["unasked"])
