"""What a simulation is of: everything that decides its points, written down beside them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fishermask_backend import __version__
from fishermask_backend.settings import Settings
from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.simulation.embedding import Rows
from fishermask_backend.simulation.split import Indices, split
from fishermask_backend.simulation.variants import CHANGEABLE, Variant
from fishermask_backend.state import whole_file

FILE = "simulation.json"


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    Attributes:
        variants: The strategies.
        rounds: Of each course.
        seeds: Courses of each strategy.
        labels_per_round: K.
        imbalanced: Half of the classes keep a tenth of their images in the pool.
    """

    variants: Sequence[Variant]
    rounds: int
    seeds: int
    labels_per_round: int
    imbalanced: bool

    @property
    def labels(self) -> int:
        """Labels at the end of a course."""
        return self.rounds * self.labels_per_round

    def courses(self) -> list[tuple[Variant, int]]:
        """Return every course, seed by seed, so that comparisons are whole early."""
        return [(variant, seed) for seed in range(self.seeds) for variant in self.variants]

    def check(self, labels: Indices) -> None:
        """Refuse more labels than the smallest pool has images.

        Args:
            labels: (N,) class indices of the images.

        Raises:
            SimulationImpossible: Naming what to change.
        """
        sizes = [
            len(split(labels, seed, imbalanced=self.imbalanced).pool) for seed in range(self.seeds)
        ]
        if self.labels > min(sizes):
            cut = " once half of the classes are cut to a tenth" if self.imbalanced else ""
            raise SimulationImpossible(
                f"--rounds {self.rounds} of --labels-per-round {self.labels_per_round} are "
                f"{self.labels} labels, and the pool has {min(sizes)} images{cut}: ask for fewer, or "
                "add images."
            )


@dataclass(frozen=True)
class Study:
    """A plan, the images it is about, and the settings; all that a process needs.

    Attributes:
        plan: What is asked for.
        title: What the report calls the images.
        classes: C.
        labels: (N,) class index of each image.
        rows: Theirs.
        settings: Those of live rounds.
    """

    plan: Plan
    title: str
    classes: Sequence[str]
    labels: Sequence[int]
    rows: Rows
    settings: Settings

    def settings_of(self, variant: Variant, seed: int, jobs: int) -> Settings:
        """Return the settings of a course: live rounds' but for the queue, which is the batch alone.

        Args:
            variant: Its strategy, and settings of its own.
            seed: Its seed.
            jobs: Courses that share the memory.
        """
        own = {
            "seed": seed,
            "batch_size": self.plan.labels_per_round,
            "queue_margin": 0,
            "fisher_processes": 1,
            "memory_limit": self.settings.memory_allowed // jobs,
        }
        return variant.settings(self.settings).model_copy(update=own)

    def about(self, backbone: str, images: Sequence[str]) -> dict[str, Any]:
        """Return what decides the points, as JSON: another of them, and points can't be compared.

        Args:
            backbone: Its key.
            images: What each is.
        """
        told = json.dumps([list(images), list(self.classes), list(map(int, self.labels))])
        return {
            "version": __version__,
            "images": f"{len(images)} of digest {hashlib.sha256(told.encode()).hexdigest()[:12]}",
            "backbone": backbone,
            "labels_per_round": self.plan.labels_per_round,
            "imbalanced": self.plan.imbalanced,
            **{name: getattr(self.settings, name) for name in CHANGEABLE},
        }


def note_plan(folder: Path, about: dict[str, Any]) -> None:
    """Write what decides the points into their folder, or compare it with what is there.

    Raises:
        SimulationImpossible: The folder has points of another simulation.
    """
    path = folder / FILE
    if not path.exists():
        if (folder / "points.csv").exists():
            raise SimulationImpossible(
                f"{folder} has points.csv, and no {FILE} that says what they are of: name another "
                "folder by --out."
            )
        with whole_file(path) as draft:
            draft.write_text(
                json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
            )
        return
    try:
        before = dict(json.loads(path.read_text(encoding="utf-8")))
    except ValueError:
        raise SimulationImpossible(f"{path} is damaged: name another folder by --out.") from None
    different = [
        f"{name} is {about.get(name)!r}, and was {before.get(name)!r}"
        for name in {**before, **about}
        if before.get(name) != about.get(name)
    ]
    if different:
        raise SimulationImpossible(
            f"{folder} has points of another simulation ({'; '.join(different)}). Name another folder "
            "by --out; strategies, rounds and seeds may be added here."
        )
