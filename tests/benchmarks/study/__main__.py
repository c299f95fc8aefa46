"""All sets × both cuts × K × strategies, by `fishermask simulate`'s own code; writes docs/study.md.

`python -m tests.benchmarks.study cifar10=FOLDER grocery=FOLDER:2` takes folders beside the sets that
are always there (`:2`: the second level of folders is the class). Points are kept in `docs/study`, a
folder a setting, in the repository: a run that was cut off goes on, on any machine, more may be asked
for, and the page is of all that is there. Whoever changes what decides a course (the head, a
strategy) removes its points first.
"""

import argparse
import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.settings import load_settings
from fishermask_backend.simulation.simulate import Asked, simulate
from fishermask_backend.simulation.study import Plan
from fishermask_backend.simulation.variants import read_variants
from tests.benchmarks.study.learners import DEFAULT, LEARNERS, Comparison, Studied
from tests.benchmarks.study.others import read_others
from tests.benchmarks.study.page import COURSES, write
from tests.benchmarks.study.results import folder_of, read

ALWAYS = ("digits", "fashion-mnist")
EARLY = (1, 3)  # seeds after which every setting has had its turn: a page can be had early


@dataclass(frozen=True)
class Images:
    """A set: its name on the page, what `--data` would say, and which level of folders is the class."""

    name: str
    data: str
    level: int = 1


def main() -> int:
    """Make the points that are missing, and the page."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("sets", nargs="*", type=_images, metavar="NAME=FOLDER[:LEVEL]")
    parser.add_argument("--seeds", type=int, default=10, help="courses of each strategy")
    parser.add_argument("--per-round", type=_numbers, default=[20, 50], metavar="20,50")
    parser.add_argument("--strategies", help="instead of a classifier's own")
    parser.add_argument("--pool", type=int, default=1500, help="images to label from, at most")
    parser.add_argument("--rounds", type=int, default=6, help="of each course")
    parser.add_argument("--jobs", type=int, default=0, help="courses at a time; one a core")
    parser.add_argument("--learners", nargs="+", choices=LEARNERS, default=[*LEARNERS])
    parser.add_argument("--out", type=Path, default=COURSES, help="folder of points")
    parser.add_argument("--page-only", action="store_true", help="of the points that are there")
    given = parser.parse_args()
    failed = []
    if not given.page_only:
        failed = [sentence for learner in given.learners for sentence in _run(given, learner)]
    write(read(given.out, given.rounds), read_others(given.out, given.rounds))
    for sentence in failed:
        print(sentence, file=sys.stderr)
    return 1 if failed else 0


def _run(given: argparse.Namespace, name: str) -> Iterator[str]:
    """Make the points of a learner; yield what could not be made, as sentences."""
    compared = LEARNERS[name].compared(given.seeds, given.per_round)
    if given.strategies:
        compared = [Comparison(given.strategies, given.seeds, given.per_round)]
    for comparison in compared:
        yield from _compare(given, name, comparison)


def _compare(given: argparse.Namespace, name: str, asked: Comparison) -> Iterator[str]:
    learner, out = LEARNERS[name], given.out if name == DEFAULT else given.out / name
    settings = load_settings().model_copy(update=dict(learner.settings))
    sets = [*(Images(each, each) for each in ALWAYS), *given.sets]
    variants = [Studied(**vars(each), learner=name) for each in read_variants(asked.strategies)]
    for seeds, per_round, images, imbalanced in itertools.product(
        [*(seeds for seeds in EARLY if seeds < asked.seeds), asked.seeds],
        asked.per_round,
        [each for each in sets if not learner.sets or each.name in learner.sets],
        learner.cuts,
    ):
        plan = Plan(variants, given.rounds, seeds, per_round, imbalanced)
        folder = out / folder_of(images.name, imbalanced, per_round)
        print(f"{name}: {folder.name}, {seeds} seeds", flush=True)
        pool = min(given.pool, learner.pool or given.pool)
        what = Asked(images.data, None, images.level, plan, pool, folder, given.jobs)
        try:
            failed = simulate(what, settings).failed
        except FisherMaskError as error:
            failed = [str(error)]
        if seeds == asked.seeds:
            yield from (f"{folder.name}: {sentence}" for sentence in failed)


def _images(text: str) -> Images:
    found = re.fullmatch(r"([\w-]+)=(.+?)(?::(\d+))?", text)
    if not found or not Path(found[2]).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}: write NAME=FOLDER, or NAME=FOLDER:2")
    return Images(found[1], found[2], int(found[3] or 1))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
