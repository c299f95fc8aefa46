"""Labels and scores as CSV, for spreadsheets, and as JSON, exact."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.controls.heads import Head
from fishermask_backend.store.rounds import class_probabilities
from fishermask_backend.store.schema import Annotation, Round, Score, Task

BETWEEN_CLASSES = "|"


def write_labels(
    folder: Path, tasks: Iterable[tuple[Task, Sequence[Annotation]]], heads: Sequence[Head] = ()
) -> None:
    """Write `labels.csv` and `labels.json`: what each annotated task was resolved to, and from what.

    Args:
        folder: Where.
        tasks: With their annotations.
        heads: Of several controls each: their labels have a column each.
    """
    rows = [_label(task, annotations, heads) for task, annotations in tasks]
    write_json(folder / "labels.json", rows)
    if not heads:
        lines = ([r["task_id"], r["image"], _joined(r["labels"]), r["tied"]] for r in rows)
        _write_csv(folder / "labels.csv", ["task_id", "image", "labels", "tied"], lines)
        return
    header = ["task_id", "image", *(f"labels:{head.control}" for head in heads), "tied"]
    lines = (
        [
            r["task_id"],
            r["image"],
            *(_joined(own["labels"]) for own in r["controls"]),
            BETWEEN_CLASSES.join(own["control"] for own in r["controls"] if own["tied"]),
        ]
        for r in rows
    )
    _write_csv(folder / "labels.csv", header, lines)


def _joined(labels: Sequence[str] | None) -> str:
    return BETWEEN_CLASSES.join(labels or [])


def _of_control(task: Task, head: Head) -> dict[str, Any]:
    """Return what a task says of one of several controls."""
    unasked = [] if task.answer is None else unasked_of(task.answer)
    answered = task.answer is not None and head.asked(unasked)
    return {
        "control": head.control,
        "labels": head.own(classes_of(task.answer)) if answered and task.answer else None,
        "unasked": head.own(unasked) if answered else [],
        "tied": head.control in (task.tied_in or ()),
    }


def _label(task: Task, annotations: Sequence[Annotation], heads: Sequence[Head]) -> dict[str, Any]:
    controls = {"controls": [_of_control(task, head) for head in heads]} if heads else {}
    return {
        "task_id": task.task_id,
        "image": task.image,
        "labels": None if task.answer is None else classes_of(task.answer),
        "unasked": [] if task.answer is None else unasked_of(task.answer),
        "tied": task.tied,
        **controls,
        "annotations": [
            {
                "id": a.annotation_id,
                "annotator": a.annotator,
                "skipped": a.skipped,
                "ground_truth": a.ground_truth,
                "updated_at": a.updated_at,
                "result": a.result,
            }
            for a in annotations
        ],
    }


def write_scores(folder: Path, source: Round, scores: Sequence[Score]) -> None:
    """Write `scores.csv` and `scores.json`: every task of a round, the one to label next first."""
    found = [(score, class_probabilities(source, score)) for score in scores]
    rows = [
        {"task_id": s.task_id, "score": s.score, "gain": s.gain, "probabilities": known}
        for s, known in found
    ]
    about = {"round": source.number, "acquisition": source.acquisition, "classes": source.classes}
    write_json(folder / "scores.json", {**about, "scores": rows})
    header = ["task_id", "score", "gain", *(f"probability:{name}" for name in source.classes)]
    lines = ([s.task_id, s.score, s.gain, *known.values()] for s, known in found)
    _write_csv(folder / "scores.csv", header, lines)


def write_json(path: Path, content: Any) -> None:
    """Write one JSON file, for people to read."""
    text = json.dumps(content, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def _write_csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(lines)
