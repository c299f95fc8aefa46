"""What the points of all settings say: areas, paired differences, labels saved."""

import csv
import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fishermask_backend.simulation.points import Point, Points
from fishermask_backend.simulation.simulate import IMAGES, POINTS
from fishermask_backend.simulation.split import split
from fishermask_backend.simulation.statistics import (
    Curves,
    Difference,
    Estimate,
    area,
    difference,
    holm,
    labels_to_baseline,
)
from fishermask_backend.simulation.study import FILE
from fishermask_backend.simulation.variants import BASELINE

OWN, RIVAL = "fishermask", "margin"
CUT = "-imbalanced"


def folder_of(name: str, imbalanced: bool, per_round: int) -> str:
    """Return what the folder of a setting's points is called."""
    return f"{name}{CUT if imbalanced else ''}-{per_round}"


@dataclass(frozen=True)
class Setting:
    """A set of images, a cut and a K, with every whole course.

    Attributes:
        name: The set's.
        imbalanced: Half of the classes keep a tenth of their images in the pool.
        per_round: K.
        about: What decides the points, as `fishermask simulate` notes it.
        sizes: Images in the first seed's pool, and held out; classes.
        courses: By strategy and seed, R points each.
    """

    name: str
    imbalanced: bool
    per_round: int
    about: Mapping[str, Any]
    sizes: tuple[int, int, int]
    courses: Mapping[str, Mapping[int, Sequence[Point]]]

    @property
    def seeds(self) -> int:
        """Seeds of the default and its rival, which every comparison on the page starts from."""
        return len(self.common(OWN, RIVAL))

    @property
    def labels(self) -> list[int]:
        """Labels after each round."""
        return [point.labels for point in next(iter(self.courses[RIVAL].values()))]

    def common(self, *names: str) -> list[int]:
        """Return the seeds whose courses are whole for all of these strategies."""
        seeds = [set(self.courses.get(name, {})) for name in names]
        return sorted(set.intersection(*seeds))

    def points(self, name: str) -> Iterator[Point]:
        """Yield every point of a strategy."""
        for course in self.courses[name].values():
            yield from course

    def curves(self, name: str, seeds: Sequence[int]) -> Curves:
        """Return the balanced accuracies (S, R) of a strategy."""
        courses = [self.courses[name][seed] for seed in seeds]
        return np.array([[point.balanced_accuracy for point in course] for course in courses])

    def area(self, name: str) -> float:
        """Return the mean balanced accuracy over the course, and over the strategy's seeds."""
        return float(area(self.curves(name, self.common(name))).mean())

    def gap(self, name: str, other: str = RIVAL) -> Difference | None:
        """Return how much more area a strategy has than another; None without a common seed."""
        seeds = self.common(name, other)
        return difference(self.curves(name, seeds), self.curves(other, seeds)) if seeds else None

    def reaches(self, name: str) -> Estimate | None:
        """Return after how many labels a strategy is where random labels end."""
        seeds = self.common(name, BASELINE)
        if not seeds:
            return None
        return labels_to_baseline(
            self.curves(name, seeds), self.curves(BASELINE, seeds), self.labels
        )


def key_of(setting: Setting) -> str:
    """Return what a setting is called by its name, cut and K."""
    return folder_of(setting.name, setting.imbalanced, setting.per_round)


def read(out: Path, rounds: int, of: Sequence[str] = (OWN, RIVAL)) -> list[Setting]:
    """Return every setting that has courses of `rounds` rounds by some strategies.

    Args:
        out: A folder a setting.
        rounds: Shorter courses are left out; of longer ones the first rounds are taken.
        of: Those without which a setting is left out.
    """
    found = []
    for folder in sorted(out.iterdir()):
        called = re.fullmatch(rf"(.+?)({CUT})?-(\d+)", folder.name)
        if called and (folder / FILE).exists() and (folder / POINTS).exists():
            setting = _setting(folder, called, rounds)
            if setting.common(*of):
                found.append(setting)
    return sorted(found, key=lambda each: (each.per_round, each.imbalanced, each.name))


def _setting(folder: Path, called: re.Match[str], rounds: int) -> Setting:
    courses: dict[str, dict[int, Sequence[Point]]] = {}
    for (name, seed), points in Points(folder / POINTS).read().items():
        if len(points) >= rounds:
            courses.setdefault(name, {})[seed] = points[:rounds]
    with (folder / IMAGES).open(newline="", encoding="utf-8") as file:
        classes = [row["class"] for row in csv.DictReader(file)]
    labels = np.unique(classes, return_inverse=True)[1]
    cut = split(labels, 0, imbalanced=bool(called[2]))
    sizes = len(cut.pool), len(cut.test), len(set(classes))
    about = json.loads((folder / FILE).read_text(encoding="utf-8"))
    return Setting(called[1], bool(called[2]), int(called[3]), about, sizes, courses)


def strategies(settings: Sequence[Setting]) -> list[str]:
    """Return every strategy, the most complete first, of these the best over all settings."""
    names = {name for setting in settings for name in setting.courses}

    def rank(name: str) -> tuple[int, float]:
        gaps = gaps_to(settings, name)
        courses = sum(len(each.common(name, RIVAL)) for each in settings)
        return -courses, -mean(gaps)[0] if gaps else 0.0

    return sorted(names, key=rank)


def whole(settings: Sequence[Setting]) -> list[str]:
    """Return the strategies that have as many seeds as the default in every setting, the best first."""
    return [
        name
        for name in strategies(settings)
        if all(len(each.common(name, OWN, RIVAL)) == each.seeds for each in settings)
    ]


def of_cut(settings: Sequence[Setting], imbalanced: bool) -> list[Setting]:
    """Return the settings where half of the classes are rare, or the others."""
    return [each for each in settings if each.imbalanced == imbalanced]


def grouped(
    settings: Sequence[Setting], key: Callable[[Setting], Hashable]
) -> dict[Any, list[Setting]]:
    """Return the settings by something that is the same for several of them, in their order."""
    found: dict[Any, list[Setting]] = {}
    for each in settings:
        found.setdefault(key(each), []).append(each)
    return found


def gaps_to(settings: Sequence[Setting], name: str, other: str = RIVAL) -> list[Difference]:
    """Return a strategy's differences to another, of the settings that have both."""
    gaps = [setting.gap(name, other) for setting in settings]
    return [gap for gap in gaps if gap is not None]


def mean(gaps: Sequence[Difference]) -> tuple[float, float]:
    """Return the mean of independent differences and its standard error; NaN of one seed."""
    means, errors = ([gap.mean for gap in gaps], [gap.error for gap in gaps])
    return float(np.mean(means)), float(np.sqrt(np.sum(np.square(errors))) / len(gaps))


def clearly(gap: Difference) -> int:
    """Return 1 where a difference is more than a standard error above zero, −1 where below, else 0.

    Of one seed, which has no standard error, 0.
    """
    return int(gap.mean > gap.error) - int(-gap.mean > gap.error)


def corrected(settings: Sequence[Setting]) -> dict[tuple[str, str], float]:
    """Return p of each whole strategy against margin in each setting, corrected for all (Holm).

    Keys are the setting's folder and the strategy. Others of few seeds, which only the largest
    differences could tell from chance, would but raise the bar for all.
    """
    names = [name for name in whole(settings) if name != RIVAL]
    found = {
        (key_of(each), name): gap.p
        for each in settings
        for name in names
        if (gap := each.gap(name)) is not None
    }
    return dict(zip(found, holm([*found.values()]), strict=True))


def share_of_labels(settings: Sequence[Setting], name: str) -> float | None:
    """Return the median part of random's labels that a strategy needs for random's final accuracy."""
    found = [(setting.reaches(name), setting.labels[-1]) for setting in settings]
    shares = [reaches.value / last for reaches, last in found if reaches is not None]
    return float(np.median(shares)) if shares else None
