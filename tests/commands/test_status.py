"""`fishermask status` for people."""

import re
from dataclasses import replace

from fishermask_backend.commands import status
from fishermask_backend.commands.status import status_lines
from fishermask_backend.store import projects
from fishermask_backend.web.page.audits import Audit
from tests.web.test_review_status import to_review


def by_name(lines):
    return {line[2:17].strip(): line[17:] for line in lines[1:]}


def test_a_dozen_lines_say_how_a_project_does(store, served):
    lines = [*status_lines(7)]
    assert lines[0] == "Project 7: Animals"
    assert len(lines) <= 18
    told = by_name(lines)
    assert told["Page"] == "http://127.0.0.1:9090/projects/7"
    assert told["Worker"].startswith("does not work: none has ever run")
    assert "-> start `fishermask worker`" in told["Worker"]
    assert told["Labels"] == "0 of 4 tasks, 0 not learnt from yet"
    assert told["Queue"] == "2 left of fishermask-1"
    assert told["Images"] == "4 of 4 read"
    iso = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"
    assert re.fullmatch(iso, told["As of"])
    assert re.fullmatch(f"{iso}, no. 1", told["Round begun"])


def test_labels_to_review_are_counted(store, served, work):
    assert "To review" not in by_name([*status_lines(7)])
    to_review(work, store)
    told = by_name([*status_lines(7)])["To review"]
    assert told == "1 looks wrong, 2 tied, 1 annotators disagree, 1 submitted empty"


def test_what_is_at_work_and_has_failed_is_told(store, served):
    with store.begin() as session:
        row = projects.get(session, served.id)
        row.error, row.failures = "Label Studio\nanswered 502.", 3
        row.progress = {"stage": "embedding", "done": 2, "total": 4, "started": 0.0,
                        "eta_seconds": None}  # fmt: skip
    told = by_name([*status_lines(7)])
    assert told["At work"] == "embedding, 2 of 4"
    assert told["Last round"].startswith(
        "does not work: Label Studio answered 502 -> failed 3 times"
    )


def test_an_accuracy_that_was_audited_is_told(store, served, monkeypatch):
    facts = status.project_facts(7)
    known = {"overall": 0.716, "interval": [0.61, 0.8], "labels": 40}
    forecast = {"sentence": "Now 72 %.", "advice": "go on"}
    audited = replace(facts, audits=[Audit("", known, forecast)])
    monkeypatch.setattr(status, "project_facts", lambda _: audited)
    told = by_name([*status_lines(7)])
    assert told["Accuracy"] == "72 % (61 % to 80 %) of the unlabelled rest would be right"
    assert told["Forecast"] == "Now 72 %. Advice: go on."


def test_all_projects_one_after_the_other(store, served):
    assert [*status_lines(None)][:9] == [*status_lines(7)][:9]
    assert [*status_lines(8)] == []


def test_a_secret_prefix_is_in_no_address(configured, store, served):
    configured(URL_PREFIX="/s3cr3t", BACKEND_URL="https://host/s3cr3t")
    assert by_name([*status_lines(7)])["Page"] == "https://host/<URL_PREFIX>/projects/7"
