"""The points of a simulation: a CSV that only grows, a point a line, each written whole."""

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.state import whole_lines

BETWEEN = " "  # images picked
NOTES_BETWEEN = "\n"


@dataclass(frozen=True)
class Point:
    """A round of a course: what was labelled, and how good the classifier then is.

    Attributes:
        strategy: The variant's name.
        seed: Of the course.
        round: 1 for the first.
        labels: Images labelled so far.
        classes_found: Classes among them.
        balanced_accuracy: On the held-out images, every class counted the same.
        accuracy: Every image counted the same.
        order_seconds: What it took to choose this round's images.
        train_seconds: What it took to learn from them.
        cpu_seconds: Of the processor, both together.
        picked: The images labelled in this round, by number, in order.
        notes: What was approximated in choosing them, as sentences.
    """

    strategy: str
    seed: int
    round: int
    labels: int
    classes_found: int
    balanced_accuracy: float
    accuracy: float
    order_seconds: float
    train_seconds: float
    cpu_seconds: float
    picked: tuple[int, ...]
    notes: tuple[str, ...] = ()


HEADER = [field.name for field in fields(Point)]


class Points:
    """The file. Any number of processes may append at a time; a point that comes twice counts once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        """Make the file, or take off its end what a killed process left unfinished.

        Raises:
            SimulationImpossible: It holds something else.
        """
        if not self.path.exists():
            self._append(HEADER)
            return
        if not whole_lines(self.path):
            self._append(HEADER)
        self.read()

    def append(self, point: Point) -> None:
        """Write one point to the disk."""
        *values, picked, notes = astuple(point)
        cells = [_exact(value) if isinstance(value, float) else value for value in values]
        self._append([*cells, BETWEEN.join(map(str, picked)), NOTES_BETWEEN.join(notes)])

    def read(self) -> dict[tuple[str, int], list[Point]]:
        """Return the points of each course (strategy, seed), the first rounds without a gap.

        Raises:
            SimulationImpossible: A line is not a point's.
        """
        found: dict[tuple[str, int], dict[int, Point]] = {}
        with self.path.open(newline="", encoding="utf-8") as file:
            rows = csv.reader(file)
            try:
                self._check(next(rows, None) == HEADER, 1)
                for row in rows:
                    point = _point(row)
                    found.setdefault((point.strategy, point.seed), {}).setdefault(
                        point.round, point
                    )
            except (ValueError, TypeError, csv.Error):
                self._check(False, rows.line_num)
        return {course: _without_gap(points) for course, points in found.items()}

    def _check(self, well: bool, line: int) -> None:
        if not well:
            raise SimulationImpossible(
                f"{self.path}, line {line}, is not a point of a simulation. Name another folder by "
                "--out, or remove the line."
            )

    def _append(self, cells: Iterable[object]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(cells)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            os.write(descriptor, text.getvalue().encode())  # at once: lines of others stay apart
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exact(value: float) -> str:
    return f"{value:.6f}"


def _point(row: list[str]) -> Point:
    strategy, *numbers, picked, notes = row
    seed, number, labels, classes = map(int, numbers[:4])
    balanced, accuracy, order, train, cpu = map(float, numbers[4:])
    return Point(
        strategy, seed, number, labels, classes, balanced, accuracy, order, train, cpu,
        tuple(map(int, picked.split(BETWEEN))), tuple(filter(None, notes.split(NOTES_BETWEEN))),
    )  # fmt: skip


def _without_gap(points: dict[int, Point]) -> list[Point]:
    found: list[Point] = []
    while len(found) + 1 in points:
        found.append(points[len(found) + 1])
    return found
