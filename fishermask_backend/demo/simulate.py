"""`make demo SIMULATE=120`: the simulated annotator at the demo's project, and the table."""

import sys
import time
from typing import Any

import httpx

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.annotator import Annotator, round_of
from fishermask_backend.demo.images import DemoImages
from fishermask_backend.demo.progress import Progress
from fishermask_backend.demo.project import start_training
from fishermask_backend.demo.report import complaints, table
from fishermask_backend.demo.running import Running

FIRST_QUEUE_SECONDS = 180.0
LAST_ROUND_SECONDS = 180.0


def simulate(
    client: httpx.Client,
    project: int,
    images: DemoImages,
    running: Running,
    labels: int,
    pace: float,
) -> int:
    """Labels, waits for the last round and prints the table.

    Returns:
        The exit code: 1 if a task was served out of the published order or fewer than three rounds
        were made.

    Raises:
        DemoError: A process ended by itself, or there was no first queue in time.
    """
    annotator = Annotator(client, project, images.tasks, pace)
    with Progress("Waiting for the first queue") as progress:
        wait_for_first_queue(annotator, running, progress)
    with Progress(f"Labelling {labels} tasks, {pace:g} s each") as progress:

        def after_each(count: int) -> None:
            running.check()
            progress(f"{count} labelled")

        annotator.label(labels, after_each)
    with Progress("Waiting for the last round") as progress:
        start_training(client, project)  # the last labels may be fewer than a round waits for
        rounds = wait_for_last_round(annotator, running, progress)
    with Progress("Measuring the held-out accuracy"):
        from fishermask_backend.demo.accuracy import held_out_accuracies  # loads torch, seconds

        accuracies = held_out_accuracies(running.backend.data, rounds, images)
    places = annotator.places()
    print(f"\n{table(rounds, accuracies, places)}\n")
    print(f"How it did, as the page shows it: {running.backend.report(project).as_uri()}\n")
    found = complaints(rounds, places)
    for complaint in found:
        print(complaint, file=sys.stderr)
    return 1 if found else 0


def wait_for_first_queue(annotator: Annotator, running: Running, progress: Progress) -> None:
    """Comes back when the project's version is a queue's.

    Raises:
        DemoError: That took too long.
    """
    deadline = time.monotonic() + FIRST_QUEUE_SECONDS
    while round_of(annotator.queues.current()) is None:
        running.check()
        if time.monotonic() > deadline:
            raise DemoError(
                f"There is no queue {FIRST_QUEUE_SECONDS:.0f} s after connecting the backend; "
                f"its log says why: {running.backend.worker.log_file}"
            )
        progress("the backend reads and embeds the images")
        time.sleep(0.5)


def wait_for_last_round(
    annotator: Annotator, running: Running, progress: Progress
) -> list[dict[str, Any]]:
    """Return the finished rounds, once one has learnt every label (or none comes that does)."""
    deadline = time.monotonic() + LAST_ROUND_SECONDS
    labels = len(annotator.queues.done)
    while True:
        running.check()
        rounds = running.backend.finished_rounds(annotator.project)
        if time.monotonic() > deadline or any(each["labels"] >= labels for each in rounds):
            return rounds
        progress(f"{len(rounds)} finished")
        time.sleep(0.5)
