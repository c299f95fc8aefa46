"""`fishermask simulate`, top to bottom: images, embeddings, courses, report."""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from fishermask_backend import __version__
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.machine.device import choose_device
from fishermask_backend.machine.locks import locked
from fishermask_backend.settings import Settings
from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.simulation.data import Images, check_sizes, from_path
from fishermask_backend.simulation.embedding import embed
from fishermask_backend.simulation.findings import find
from fishermask_backend.simulation.points import Points
from fishermask_backend.simulation.project import from_project
from fishermask_backend.simulation.report import About, write_report
from fishermask_backend.simulation.running import run
from fishermask_backend.simulation.sets import SETS, from_set
from fishermask_backend.simulation.showing import bar
from fishermask_backend.simulation.split import draw, split
from fishermask_backend.simulation.study import Plan, Study, note_plan
from fishermask_backend.simulation.variants import shown
from fishermask_backend.state import whole_file

FAILED_NAMED = 20  # unreadable images in the report; all are in unreadable.txt
POINTS, IMAGES, UNREADABLE = "points.csv", "images.csv", "unreadable.txt"


@dataclass(frozen=True)
class Asked:
    """What the command line says.

    Attributes:
        data: A folder, a CSV or a set's name; empty: the project's labels.
        project: The id of a project in Label Studio.
        level: Which level of folders is the class.
        plan: Strategies, rounds, seeds and so on.
        pool: Images to label from, at most.
        out: Where to write; None: a folder named for the data.
        jobs: Courses at a time; 0: one a core.
    """

    data: str
    project: int | None
    level: int
    plan: Plan
    pool: int
    out: Path | None
    jobs: int


@dataclass(frozen=True)
class Outcome:
    """What a simulation left: the report, its verdict, and what failed, as sentences."""

    folder: Path
    verdict: Sequence[str]
    failed: Sequence[str] = field(default_factory=list)


def simulate(asked: Asked, settings: Settings) -> Outcome:
    """Make the points that are missing, and the report.

    Raises:
        FisherMaskError: Something asked for can't be meant or had; what was computed before is kept.
    """
    images = _images(asked, settings)
    check_sizes(images)
    wanted = draw(len(images.labels), asked.pool).tolist()
    asked.plan.check(images.labels[wanted])
    try:
        with _folder(asked) as folder:
            return _in_folder(folder, asked, images, wanted, settings)
    except OSError as error:
        raise SimulationImpossible(
            f"{error.filename or 'A file'} cannot be written or read ({error.strerror}). What is "
            "computed is kept: once that is mended, the same command goes on."
        ) from error


def _in_folder(
    folder: Path, asked: Asked, images: Images, wanted: Sequence[int], settings: Settings
) -> Outcome:
    backbone = Backbone.of(settings, choose_device(settings.device))
    settings = settings.model_copy(update={"image_size": backbone.image_size})  # 0: its own
    with bar(f"Embedding {len(wanted):,} images by {settings.backbone}") as show:
        embedded = embed(images, wanted, backbone, settings, show)
    if not embedded.readable:
        raise SimulationImpossible(f"None of the images can be read: {embedded.failed[0]}")
    used = _only(images, embedded.readable)
    check_sizes(used)
    asked.plan.check(used.labels)
    study = Study(
        asked.plan, used.title, used.classes, used.labels.tolist(), embedded.rows, settings
    )
    note_plan(folder, study.about(backbone.key, [images.content(i) for i in embedded.readable]))
    _write_images(folder, used, embedded.failed)
    points = Points(folder / POINTS)
    points.open()
    with bar(f"Simulating {_told(asked.plan)}") as show:
        failed = run(study, points, asked.jobs or _cores(settings), show)
    return _report(folder, study, points, [*used.notes, *_unreadable(embedded.failed)], failed)


def _images(asked: Asked, settings: Settings) -> Images:
    if asked.project is not None:
        with bar(f"Reading the labels of project {asked.project}") as show:
            return from_project(asked.project, settings, show)
    if asked.data in SETS and not Path(asked.data).exists():
        return from_set(asked.data, settings)
    return from_path(Path(asked.data), asked.level, settings)


def _only(images: Images, numbers: Sequence[int]) -> Images:
    """Return some images; classes that none of them has are none of theirs."""
    labels = images.labels[list(numbers)]
    present, labels = np.unique(labels, return_inverse=True)
    return replace(
        images,
        classes=[images.classes[i] for i in present],
        labels=labels.astype(np.int64),
        names=[images.names[i] for i in numbers],
        keys=[images.keys[i] for i in numbers],
    )


@contextmanager
def _folder(asked: Asked) -> Iterator[Path]:
    """Hold the folder that is written to: one simulation at a time."""
    cut = "-imbalanced" if asked.plan.imbalanced else ""
    called = Path(asked.data).resolve().stem if asked.data else f"project-{asked.project}"
    called = re.sub(r"\W+", "-", called).strip("-")
    folder = asked.out or Path(f"simulation-{called}{cut}")
    if folder.exists() and not folder.is_dir():
        raise SimulationImpossible(f"--out {folder} is a file: name a folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder, wait=False):
            yield folder
    except BlockingIOError:
        raise SimulationImpossible(
            f"Another simulation writes to {folder} just now: wait for it, or name another by --out."
        ) from None


def _cores(settings: Settings) -> int:
    """Return how many courses go at a time: one a core, on a GPU one."""
    if choose_device(settings.device).type != "cpu":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _write_images(folder: Path, images: Images, failed: Sequence[str]) -> None:
    with (
        whole_file(folder / IMAGES) as draft,
        draft.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["number", "image", "class"])
        for number, (name, label) in enumerate(zip(images.names, images.labels, strict=True)):
            writer.writerow([number, name, images.classes[label]])
    with whole_file(folder / UNREADABLE) as draft:
        draft.write_text("".join(f"{each}\n" for each in failed), encoding="utf-8")


def _unreadable(failed: Sequence[str]) -> list[str]:
    if not failed:
        return []
    more = "" if len(failed) <= FAILED_NAMED else f"; all stand in {UNREADABLE}"
    return [f"{len(failed)} images can't be read: {' '.join(failed[:FAILED_NAMED])}{more}"]


def _told(plan: Plan) -> str:
    return (
        f"{len(plan.variants)} strategies, {plan.seeds} seeds, {plan.rounds} rounds of "
        f"{plan.labels_per_round}"
    )


def _report(
    folder: Path, study: Study, points: Points, notes: Sequence[str], failed: Sequence[str]
) -> Outcome:
    plan = study.plan
    names = [variant.name for variant in plan.variants]
    found = find(points.read(), names, plan.rounds, plan.seeds)
    if found is None:
        raise SimulationImpossible(f"No seed is whole for every strategy: {' '.join(failed)}")
    about = About(study.title, _facts(study), [*notes, *failed])
    return Outcome(folder, write_report(folder, found, about), failed)


def _facts(study: Study) -> dict[str, str]:
    plan, settings = study.plan, study.settings
    cut = split(np.array(study.labels), 0, imbalanced=plan.imbalanced)
    counts = np.bincount(np.array(study.labels)[cut.pool], minlength=len(study.classes))
    rare = " (half of the classes keep a tenth)" if plan.imbalanced else ""
    return {
        "images": f"{study.title}: {len(study.labels):,} of {len(study.classes)} classes",
        "pool": f"{len(cut.pool):,} images{rare}, {counts.min()} to {counts.max()} of a class; "
        f"{len(cut.test):,} held out (those of the first seed)",
        "strategies": ", ".join(shown([variant.name for variant in plan.variants]).values()),
        "course": f"{plan.rounds} rounds of {plan.labels_per_round} labels, {plan.seeds} seeds",
        "classifier": f"BACKBONE={settings.backbone}, TRAIN={settings.train}, "
        f"IMAGE_SIZE={settings.image_size}",
        "FisherMask": f"FISHER_OVER={settings.fisher_over}, MASK_INNER={settings.mask_inner}, "
        f"MASK_RULE={settings.mask_rule}, "
        f"WEIGHTING={settings.weighting}, PICK_WEIGHT={settings.pick_weight}, RIDGE={settings.ridge}, "
        f"TARGET={settings.target}",
        "made by": f"FisherMask Backend {__version__}, torch {torch.__version__}, "
        f"{datetime.now(UTC):%Y-%m-%d}",
    }
