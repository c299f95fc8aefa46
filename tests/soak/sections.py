"""The sections of docs/reliability.md, one for each soak's figures, and what they have to show."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from tests.tables import table

from . import promises
from .aftermath import flaws
from .kills import STAGES
from .promises import Promise

Measured = dict[str, Any]

FAULTS = """## Faults

Each row is a test, and all but that of a damaged database run on a real Label Studio; `tests/images/`
holds those of images. Where something fails
they check that the earlier order goes on serving people and `/predict`. What failed is tried again
after 1 s, 2 s, 4 s … up to 5 minutes, or when Label Studio's `Retry-After` says. «Recovered»: seconds
from the end of the fault to a new order that knows every label, the wait between tries and the round
itself among them (for a round's damaged files: from the task that needed them; for what is deleted or
lost: from then to the comparison that notices it)."""


def kills(path: Path) -> str:
    found = read(path)
    command = f"kills --seed {found['seed']} --kills {len(found['kills'])}"
    hit = Counter((each["reached"], each["victim"]) for each in found["kills"])
    stages = [*STAGES, "at rest"]
    victims = ["worker", "web", "both"]
    rows = [[stage, *(str(hit[stage, v] or "") for v in victims)] for stage in stages]
    total = ["all", *(str(sum(hit[s, v] for s in stages)) for v in victims)]
    lost = len(found["lost"]) + len(found["annotations_lost"])
    doubled = len(found["invented"]) + len(found["annotations_doubled"]) + sum(
        found[f"{what}_doubled"] for what in ("rounds", "rows", "predictions")
    )  # fmt: skip
    summary = [
        ("moments", len(found["kills"])),
        ("rounds", found["rounds"]),
        ("labels submitted meanwhile", found["labels"]),
        ("lost: labels not learnt, annotations not stored", lost),
        ("doubled: labels, annotations, rounds, rows, predictions", doubled),
        ("rounds and queues that serve", f"{found['active_rounds']} and {found['active_queues']}"),
        ("scores stored = scores in Label Studio, in order", yes(found["scores_match"])),
        ("files left behind", len(found["orphans"])),
        ("submits that Label Studio refused", len(found["refused"])),
        ("stack traces in the logs", len(found["tracebacks"])),
        ("all as it should be", yes(not flaws(found))),
    ]
    return "\n\n".join(
        [
            "## Nothing is lost",
            "Somebody labels, skips, changes and deletes without pause while processes are killed "
            "(`kill -9`) at moments drawn from a seed, and started again. Half-way Label Studio is "
            "restarted; for twenty seconds it has no webhook. Then all of it is compared with Label "
            "Studio. " + made_by(found, command),
            table(["stage hit", *victims], [*rows, total]),
            table(["after quiet", ""], summary),
        ]
    )


def faults(path: Path) -> str:
    suite = suite_of(path)
    rows = []
    for case in suite.iter("testcase"):
        said = {p.get("name"): p.get("value") for p in case.iter("property")}
        failed = case.find("failure") is not None or case.find("error") is not None
        if "fault" in said or failed:
            test = case.get("name", "")
            seen = cell(said.get("seen"))
            back = "**test failed**" if failed else said["recovered"]
            rows.append([said.get("fault", "?"), seen, back, f"`{test}`"])
    about = {p.get("name"): p.get("value") or "" for p in suite.iter("property")}
    found = {
        "machine": json.loads(about["machine"]),
        "date": suite.get("timestamp", "")[:10],
        "commit": about.get("commit"),
    }
    made = made_by(found, "pytest -m fault")
    columns = ["fault", "what the user sees", "recovered", "test"]
    return "\n\n".join([FAULTS, made, table(columns, rows)])


def promised_of_faults(path: Path) -> list[Promise]:
    cases = list(suite_of(path).iter("testcase"))
    bad = ("failure", "error", "skipped")
    failed = sum(any(case.find(each) is not None for each in bad) for case in cases)
    return list(promises.faults(len(cases), failed))


def suite_of(path: Path) -> ElementTree.Element:
    return next(ElementTree.parse(path).iter("testsuite"))


def fuzz(path: Path) -> str:
    found = read(path)
    routes: dict[str, Counter[str]] = {}
    for name, count in found["answers"].items():
        route, status = name.rsplit(" ", 1)
        routes.setdefault(route, Counter())[status] += count
    codes = sorted({code for counts in routes.values() for code in counts})
    rows = [
        [route, *(str(counts[code] or "") for code in codes)] for route, counts in routes.items()
    ]
    bad = promises.server_errors(found)
    return "\n\n".join(
        [
            "## Bad requests",
            f"{found['requests']} requests to every route of the real application: wrong types, "
            "missing fields, unknown projects, 10,000 tasks, NaN, numbers beyond every column, half "
            f"characters, deep JSON, bodies above `MAX_BODY`. {bad} answers of 500 and above; nothing "
            "stored for unknown projects. " + made_by(found, "fuzz"),
            table(["route", *codes], rows),
        ]
    )


def answers(path: Path) -> str:
    found = read(path)
    told, looks = found["told"], found["looks"]
    rows = [
        ("changed answers", f"{found['changed']:,} to {len(found['calls'])} different calls"),
        ("looks at the whole project meanwhile, a label each", looks),
        ("of these, ended in an error that the status named", told.get("errors", 0)),
        ("of these, told that entries could not be read", told.get("odd entries", 0)),
        ("errors that nobody had thought of", len(found["unexpected"])),
        ("labels lost, invented", f"{len(found['labels_lost'])}, {len(found['labels_invented'])}"),
        ("tasks lost, invented", f"{len(found['tasks_lost'])}, {len(found['tasks_invented'])}"),
    ]
    command = f"answers --looks {looks} --seed {found['seed']}"
    return "\n\n".join(
        [
            "## Odd answers",
            "A proxy gives every answer of Label Studio's another value at a random place (a task, an "
            "annotation, a project, a list, or all of it: null, a number, half a character, an empty "
            "object …), while somebody labels. Then the true answers come again, and what is known is "
            "compared with them. " + made_by(found, command),
            table(["", ""], rows),
        ]
    )


def latency(path: Path) -> str:
    found = read(path)
    rows = [
        [f"{route}, {when}", *(f"{timed[key]:.0f}" for key in ("median", "p99", "greatest")),
         timed["requests"], timed["failures"]]
        for when, routes in found["requests"].items()
        for route, timed in routes.items()
    ]  # fmt: skip
    clicks = [
        [when, *(f"{timed[key]:.0f}" for key in ("median", "greatest", "next_median", "clicks"))]
        for when, timed in found["submits"].items()
    ]
    return "\n\n".join(
        [
            "## Waiting for the backend",
            f"{found['rate']} requests a second from a second process, {found['tasks']} tasks; rounds "
            f"computed for {found['busy']:.0%} of the time called «training», and read and published "
            "for the rest. «sample»: "
            "label-studio-ml 1.0.9's own server with a sample model, and without events: it starts a "
            "process for each, and five a second filled 23 GB with 260 processes. Milliseconds. "
            + made_by(found, "latency"),
            table(["route", "median", "p99", "greatest", "requests", "failures"], rows),
            "An annotator's click on «Submit» in Label Studio, and the wait for the next task, "
            "milliseconds («sample» is told of these labels):",
            table(["", "median", "greatest", "next task, median", "clicks"], clicks),
        ]
    )


def memory(path: Path) -> str:
    found = read(path)
    rows = [
        [
            name,
            *(f"{held:.0f}" for held in found[name]["tenths"]),
            f"{found[name]['mb_a_round']:.3f}",
        ]
        for name in ("worker", "web")
    ]
    tenths = [f"{10 * i} – {10 * i + 10} %" for i in range(10)]
    return "\n\n".join(
        [
            "## Memory over rounds",
            f"{found['rounds']} rounds of {found['projects']} projects of {found['tasks']} tasks. "
            "Measured whenever each project has had one more and `/predict` was asked for all tasks. "
            "MB, the median of each tenth; «growth» is that of a round in the second half. "
            + made_by(found, "memory"),
            table(["process", *tenths, "growth"], rows),
        ]
    )


def crowd(path: Path) -> str:
    found = read(path)
    many, ordered, alone = found["projects"], found["people"], found["people without a backend"]
    rows = [
        ("tasks served", *(f"{p['served']} in {p['minutes']:g} minutes" for p in (ordered, alone))),
        ("served a second time", *(share(p, "twice") for p in (ordered, alone))),
        ("served without a lock", *(share(p, "without_a_lock") for p in (ordered, alone))),
        ("served from no queue", share(ordered, "of_no_queue"), ""),
        ("of these as the queue was dry", share(ordered, "dry"), ""),
        ("told that nothing is left", *(sum(p["refused"].values()) for p in (ordered, alone))),
        ("next task, median", *(f"{p['next_median_ms']:.0f} ms" for p in (ordered, alone))),
        ("next task, p99", *(f"{p['next_p99_ms']:.0f} ms" for p in (ordered, alone))),
        (
            "next task after more than a second",
            *(share(p, "over_a_second") for p in (ordered, alone)),
        ),
        ("rounds", ordered["rounds"], ""),
    ]
    return "\n\n".join(
        [
            "## Many projects, many annotators",
            f"{many['count']} projects of {many['tasks']} tasks connected at once have their first "
            f"queue after {many['first_queue_median']:.0f} s in the median, the last after "
            f"{many['first_queue_last']:.0f} s. Then each gets 20 labels, one project after the "
            f"other; {many['round_last']:.1f} s after the last label all have their new order.",
            f"{ordered['people']} people label one project together, each a label every "
            f"{ordered['seconds_a_label']:.0f} seconds on average. Label Studio looks for a "
            "task and locks it in two steps, so that people who ask at the same moment get the same "
            "one, with a backend or without. Where its SQLite database is locked, it waits for a "
            "second and tries again. " + made_by(found, "crowd"),
            table(["", "with the backend", "without one"], rows),
        ]
    )


def share(found: Measured, name: str) -> str:
    return f"{found[name]} ({found[name] / found['served']:.1%})"


def promised(check: Callable[[Measured], Iterator[Promise]]) -> Callable[[Path], list[Promise]]:
    """The promises of a soak whose figures are JSON."""
    return lambda path: list(check(read(path)))


@dataclass(frozen=True)
class Section:
    """How a soak's file becomes a section, and the promises that it holds up or breaks."""

    write: Callable[[Path], str]
    promises: Callable[[Path], list[Promise]]


SECTIONS = {
    "latency.json": Section(latency, promised(promises.latency)),
    "kills.json": Section(kills, promised(promises.kills)),
    "faults.xml": Section(faults, promised_of_faults),
    "fuzz.json": Section(fuzz, promised(promises.fuzz)),
    "answers.json": Section(answers, promised(promises.answers)),
    "crowd.json": Section(crowd, promised(promises.crowd)),
    "memory.json": Section(memory, promised(promises.memory)),
}


def read(path: Path) -> Measured:
    return dict(json.loads(path.read_text()))


def made_by(found: Measured, command: str) -> str:
    machine = found["machine"]
    took = f", {found['seconds'] / 60:.0f} minutes" if "seconds" in found else ""
    at = f" at {found['commit']}" if found.get("commit") else ""
    gpu = machine["cuda"] or "no GPU"
    command = command if command.startswith("pytest") else f"python -m tests.soak.{command}"
    return (
        f"(`{command}`, {found['date']}{at}{took}; {machine['cores']} cores "
        f"{machine['processor']}, {machine['memory_gb']:.0f} GB, {gpu})"
    )


def cell(text: str | None) -> str:
    """A sentence as it fits a table: one line, without the test's own folder and the log's time."""
    line = " ".join((text or "").replace("|", "\\|").split())
    line = re.sub(r"^\S+ \S+ (?:ERROR|WARNING) \S+ ", "log: ", line)
    return re.sub(r"/[^\s=()]*?pytest-of-[^/\s]+/pytest-\d+/[^/\s]+", "…", line)


def yes(true: bool) -> str:
    return "yes" if true else "**no**"
