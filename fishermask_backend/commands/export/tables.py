"""Labels and scores as CSV, for spreadsheets, and as JSON, exact."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.store.rounds import class_probabilities
from fishermask_backend.store.schema import Annotation, Round, Score, Task

BETWEEN_CLASSES = "|"


def write_labels(folder: Path, tasks: Iterable[tuple[Task, Sequence[Annotation]]]) -> None:
    """Write `labels.csv` and `labels.json`: what each annotated task was resolved to, and from what."""
    rows = [_label(task, annotations) for task, annotations in tasks]
    write_json(folder / "labels.json", rows)
    lines = (
        [r["task_id"], r["image"], BETWEEN_CLASSES.join(r["labels"] or []), r["tied"]] for r in rows
    )
    _write_csv(folder / "labels.csv", ["task_id", "image", "labels", "tied"], lines)


def _label(task: Task, annotations: Sequence[Annotation]) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "image": task.image,
        "labels": None if task.answer is None else classes_of(task.answer),
        "unasked": [] if task.answer is None else unasked_of(task.answer),
        "tied": task.tied,
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
