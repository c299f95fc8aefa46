"""Courses in processes of their own: one thread each, so that the same seeds make the same curves."""

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.cold_start import first_order
from fishermask_backend.machine.device import choose_device
from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.simulation.course import Course, Problem, drawn_order, spec_of
from fishermask_backend.simulation.points import Point, Points
from fishermask_backend.simulation.split import split
from fishermask_backend.simulation.study import Study
from fishermask_backend.simulation.variants import SIMULATED, Variant
from fishermask_backend.worker.shortages import shortage

Task = tuple[Variant, int, list[Point]]  # a course, and its points so far

LOOK_SECONDS = 0.5
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run(study: Study, points: Points, jobs: int, show: Callable[[int, int], None]) -> list[str]:
    """Make the points that are missing.

    Args:
        study: What it is about.
        points: The file, opened.
        jobs: Courses at a time.
        show: Told how many points there are, and will be.

    Returns:
        What kept courses from ending, a sentence each.

    Raises:
        SimulationImpossible: A process was ended by force; the points are kept.
    """
    known, plan = points.read(), study.plan
    tasks = [
        (variant, seed, known.get((variant.name, seed), [])) for variant, seed in plan.courses()
    ]
    done = sum(min(len(points), plan.rounds) for _, _, points in tasks)
    total = len(tasks) * plan.rounds
    tasks = [task for task in tasks if len(task[2]) < plan.rounds]
    show(done, total)
    if not tasks:
        return []
    context = multiprocessing.get_context("spawn")
    given, found = context.Queue(), context.Queue()
    for task in tasks:
        given.put(task)
    jobs = min(jobs, len(tasks))
    for _ in range(jobs):
        given.put(None)
    processes = [
        context.Process(
            target=_work, args=(os.getpid(), study, points, jobs, given, found), daemon=True
        )
        for _ in range(jobs)
    ]
    failed: list[str] = []
    try:
        with _one_thread():
            for process in processes:
                process.start()
        for answer in _answers(found, processes):
            if isinstance(answer, str):
                failed.append(answer)
            else:
                done += 1
                show(done, total)
    finally:
        for process in processes:
            process.kill()
            process.join()
    return failed


def _answers(found: Any, processes: Sequence[BaseProcess]) -> Iterator[str | int]:
    """Yield what the processes tell until the last has ended."""
    ended = 0
    while ended < len(processes):
        try:
            answer = found.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            killed = [process for process in processes if process.exitcode]
            if killed:
                raise SimulationImpossible(_ended(int(killed[0].exitcode or 0))) from None
            continue
        if answer is None:
            ended += 1
        else:
            yield answer


def _ended(code: int) -> str:
    kept = "What is computed is kept: start it again, and it goes on."
    if code < 0:  # by a signal
        return (
            f"A process of the simulation was ended by force (exit code {code}); often that is the "
            f"system's memory: --jobs 1 needs the least. {kept}"
        )
    return f"A process of the simulation failed; its last words stand above. {kept}"


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Let processes that are started here compute with one thread each."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _work(parent: int, study: Study, points: Points, jobs: int, given: Any, found: Any) -> None:
    """Be one of the processes: a course after the other, until there is none left."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C is for the one that started us, and ends us
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    courses = Courses(study, jobs)
    while (task := given.get()) is not None:
        variant, seed, known = task
        try:
            for point in courses.of(variant, seed).points(study.plan.rounds, known):
                points.append(point)
                found.put(1)
        except Exception as error:
            told = shortage(error, study.settings)
            if not told and not isinstance(error, FisherMaskError | OSError):
                raise
            found.put(f"{variant.name}, seed {seed}: {told or error}")
    found.put(None)


class Courses:
    """What all courses of a process share: rows and backbone.

    Args:
        study: What they are about.
        jobs: Processes that share the memory.
    """

    def __init__(self, study: Study, jobs: int) -> None:
        self._study, self._jobs = study, jobs
        self._rows = torch.from_numpy(study.rows.read())
        self._labels = np.array(study.labels, dtype=np.int64)
        self._backbone = Backbone.of(study.settings, choose_device(study.settings.device))

    def of(self, variant: Variant, seed: int) -> Course:
        """Return a course from its start."""
        study = self._study
        cut = split(self._labels, seed, imbalanced=study.plan.imbalanced)
        spec = spec_of(len(study.classes))
        problem = Problem(self._rows, self._labels, cut, spec, self._backbone)
        settings = study.settings_of(variant, seed, self._jobs)
        first = drawn_order if variant.starts_at_random else first_order
        return Course(problem, variant.name, SIMULATED[variant.strategy], settings, first)


def _end_with(parent: int) -> None:
    """End this process with the one that started it, however that ends."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)
