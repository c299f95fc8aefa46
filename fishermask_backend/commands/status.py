"""`fishermask status` for people: a dozen lines a project, times in local ISO."""

import time
from collections.abc import Iterator

from fishermask_backend.settings import load_settings
from fishermask_backend.web.page.facts import ProjectFacts, project_facts
from fishermask_backend.web.page.wording import count, duration, moment, percent, several
from fishermask_backend.web.status import projects_status

WIDTH = 15


def status_lines(studio_id: int | None) -> Iterator[str]:
    """Return what is known, in lines for people; none where there is no such project.

    Args:
        studio_id: A project's id in Label Studio; None for all.
    """
    ids = [p["id"] for p in projects_status()] if studio_id is None else [studio_id]
    for number, each in enumerate(ids):
        facts = project_facts(each)
        if facts is not None:
            yield from [""] if number else []
            yield f"Project {each}: {facts.status['title']}"
            for name, told in _lines(facts):
                yield f"  {name:{WIDTH}}{' '.join(told.split())}"


def _lines(facts: ProjectFacts) -> Iterator[tuple[str, str]]:
    status = facts.status
    yield "Page", load_settings().page_of(status["id"])
    for light in facts.lights:
        yield light.name, f"{light.word}: {light.told}{light.todo and f' -> {light.todo}'}"
    yield (
        "Labels",
        (
            f"{count(status['labelled'])} of {several(status['tasks'], 'task')}, "
            f"{count(status['pending_labels'])} not learnt from yet"
        ),
    )
    yield "Queue", f"{count(status['queue_left'])} left of {status['active_version']}"
    failed = f", {count(status['failed_images'])} failed" if status["failed_images"] else ""
    yield "Images", f"{count(status['embedded'])} of {count(status['tasks'])} read{failed}"
    if status["rounds"]:
        last = status["rounds"][-1]
        yield "Round begun", f"{moment(last['started'])}, no. {last['number']}"
    if status["progress"]:
        p = status["progress"]
        left = "" if p["eta_seconds"] is None else f", about {duration(p['eta_seconds'])} left"
        yield "At work", f"{p['stage']}, {count(p['done'])} of {count(p['total'])}{left}"
    for own in facts.audits:
        whose = own.control and f"{own.control}: "
        if own.accuracy:
            low, high = own.accuracy["interval"]
            share = f"{percent(own.accuracy['overall'])} ({percent(low)} to {percent(high)})"
            yield "Accuracy", f"{whose}{share} of the unlabelled rest would be right"
        if own.forecast:
            yield "Forecast", f"{whose}{own.forecast['sentence']} Advice: {own.forecast['advice']}."
    kinds = [f"{count(n)} {kind}" for kind, n in status["review"]["counts"].items() if n]
    if kinds:
        yield "To review", ", ".join(kinds)
    yield "Learning", status["learning"]
    yield "As of", moment(time.time())
