"""`make soak` fails where a promise is broken."""

import copy
import json

import pytest

from tests.soak import page, promises
from tests.soak.aftermath import FLAWS

TIMED = {"median": 5.0, "p99": 20.0, "greatest": 30.0, "requests": 500, "failures": 0}
CLICKS = {"next_median": 80.0, "median": 100.0, "greatest": 200.0, "clicks": 60}
CROWD = {
    "people": 10, "minutes": 10, "seconds_a_label": 5.0, "served": 2000, "twice": 100,
    "without_a_lock": 0, "of_no_queue": 3, "dry": 0, "refused": {},
    "next_median_ms": 100.0, "next_p99_ms": 200.0, "over_a_second": 1, "rounds": 50,
}  # fmt: skip
GOOD = {
    "latency": {
        "rate": 20,
        "tasks": 1000,
        "busy": 0.9,
        "requests": {"training": {route: dict(TIMED) for route in promises.ROUTES}},
        "submits": {
            name: dict(CLICKS)
            for name in (
                "no backend",
                "backend fetching images",
                "backend idle",
                "backend training",
            )
        },
    },
    "kills": {
        "seed": 1,
        "kills": [{"reached": "sync", "victim": "web"}] * 30,
        "rounds": 10,
        "labels": 100,
        "active_rounds": 1,
        "active_queues": 1,
        "served": True,
        "scores_match": True,
        **{name: [] for name in FLAWS},
        **{f"{what}_doubled": 0 for what in ("rounds", "rows", "predictions")},
    },
    "fuzz": {"requests": 10_000, "answers": {"/predict 200": 9000, "/projects/<id> 404": 1000}},
    "answers": {
        "seed": 18, "looks": 200, "changed": 1200, "calls": ["/api/tasks/"], "told": {"errors": 90},
        "labels": 200, **{flaw: [] for flaw in promises.ANSWERS_FLAWS},
    },
    "memory": {
        "rounds": 200,
        "projects": 4,
        "tasks": 60,
        **{p: {"tenths": [900.0] * 10, "mb_a_round": 0.01} for p in ("worker", "web")},
    },
    "crowd": {
        "people": CROWD,
        "people without a backend": CROWD | {"twice": 150},
        "projects": {
            "count": 20, "tasks": 60, "first_queue_median": 9.0, "first_queue_last": 20.0,
            "round_last": 2.0,
        },
    },
}  # fmt: skip


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "RESULTS", tmp_path)
    monkeypatch.setattr(page, "PAGE", tmp_path / "reliability.md")
    about = {
        "date": "2026-11-27",
        "commit": "abc1234",
        "machine": {"cores": 2, "processor": "A processor", "memory_gb": 25.0, "cuda": None},
    }

    def write(name, figures):
        (tmp_path / f"{name}.json").write_text(json.dumps(figures | about))

    for name, figures in GOOD.items():
        write(name, figures)
    return write


def test_all_kept(results, capsys):
    assert page.main() == 0
    assert capsys.readouterr().err == ""
    written = page.PAGE.read_text()
    assert "**no**" not in written
    assert written.count("at abc1234") == len(GOOD)


@pytest.mark.parametrize(
    ("soak", "path", "value", "named"),
    [
        ("latency", ["requests", "training", "/health", "p99"], 150.0, "/health"),
        ("latency", ["requests", "training", "/predict", "p99"], 300.0, "/predict"),
        ("latency", ["requests", "training", "/setup", "failures"], 1, "none fails"),
        ("latency", ["requests", "training", "/setup", "requests"], 499, "2,000 requests"),
        ("latency", ["busy"], 0.4, "rounds compute"),
        ("latency", ["submits", "backend idle", "median"], 150.0, "backend idle"),
        ("latency", ["submits", "backend fetching images", "clicks"], 29, "fetching images"),
        ("latency", ["submits", "backend training", "median"], 151.0, "backend training"),
        ("kills", ["lost"], [5], "kills"),
        ("kills", ["rounds"], 9, "kills"),
        ("kills", ["kills"], [], "kills"),
        ("fuzz", ["answers", "/predict 500"], 1, "bad requests"),
        ("fuzz", ["requests"], 9999, "bad requests"),
        ("answers", ["changed"], 999, "changed answers"),
        ("answers", ["labels"], 199, "changed answers"),
        ("answers", ["labels_lost"], [7], "changed answers"),
        ("answers", ["unexpected"], ["Unexpected KeyError"], "changed answers"),
        ("memory", ["worker", "mb_a_round"], 0.3, "worker"),
        ("memory", ["rounds"], 199, "worker"),
        ("crowd", ["people", "twice"], 190, "served twice"),
        ("crowd", ["people", "of_no_queue"], 20, "of a queue"),
        ("crowd", ["people", "dry"], 1, "run dry"),
        ("crowd", ["people", "refused"], {"404": 1}, "run dry"),
        ("crowd", ["projects", "first_queue_last"], 27.0, "the last has its queue"),
    ],
)
def test_each_can_be_broken(results, capsys, soak, path, value, named):
    figures = copy.deepcopy(GOOD[soak])
    *outer, last = path
    place = figures
    for key in outer:
        place = place[key]
    place[last] = value
    results(soak, figures)
    assert page.main() == 1
    assert named in capsys.readouterr().err
    assert "**no**" in page.PAGE.read_text()


def test_a_fault_that_is_skipped_is_not_recovered_from():
    assert [p.kept for p in promises.faults(27, 0)] == [True]
    assert [p.kept for p in promises.faults(27, 1)] == [False]
    assert [p.kept for p in promises.faults(0, 0)] == [False]
