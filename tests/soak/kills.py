"""Processes killed (-9) at random moments while somebody labels: what is lost, doubled, left behind.

    .venv/bin/python -m tests.soak.kills --seed 1 --rounds 10 --kills 36
                                                         # .benchmarks/reliability/kills.json

The moments come from the seed: at which stage of the work, how long into it, and whom it hits. In
between Label Studio is restarted once, and its webhook is away for a while once.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text

from fishermask_backend.demo.server import LabelStudioServer, wait_for_health
from tests.e2e.backends import Backend
from tests.e2e.people import Person
from tests.e2e.projects import Project, digits, label_config

from .aftermath import aftermath, at_rest
from .labelling import Labelling
from .scene import LABEL_STUDIO, keep, scene

STAGES = ("sync", "embedding", "training", "selecting", "importing", "activating")
VICTIMS = ("worker", "worker", "web", "both")  # a worker has more to lose
BY_PROGRESS = {  # what the project's progress says: the stage
    "embedding images": "embedding",
    "first queue": "training",
    "training": "training",
    "Fisher information": "selecting",
    "publishing": "importing",
}
MEAN_DELAY = 0.15  # seconds into a stage; now and then far more
LONGEST_WAIT = 25.0  # for a stage to come; then the kill hits what there is
QUIET = 240.0
MARGIN = "25"  # the annotator goes on while a worker starts: some 24 s at their pace
WORKING = "SELECT lease_owner, CAST(progress AS TEXT) FROM projects"


@dataclass
class Moment:
    """When to kill whom: so many seconds into a stage."""

    stage: str
    delay: float
    victim: str
    reached: str = ""  # the stage it did hit


def moments(seed: int, kills: int) -> list[Moment]:
    """The moments that a seed stands for: every stage as often as the others, in random order."""
    rng = random.Random(seed)
    stages = [STAGES[i % len(STAGES)] for i in range(kills)]
    rng.shuffle(stages)
    return [Moment(stage, rng.expovariate(1 / MEAN_DELAY), rng.choice(VICTIMS)) for stage in stages]


class Watch:
    """Looks into the backend's database, without its help."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.engine = create_engine(backend.database)

    def stage(self) -> str:
        """What the living worker is at; empty if it rests."""
        ((owner, progress),) = self.ask(WORKING) or [("", "")]
        if not (owner or "").startswith(f"{self.backend.worker.pid}-"):
            return ""
        shown = json.loads(progress or "null") or {}
        stage = BY_PROGRESS.get(shown.get("stage"), "sync")
        if stage == "importing":
            ((state,),) = self.ask("SELECT state FROM queues ORDER BY id DESC LIMIT 1") or [("",)]
            return "activating" if state == "imported" else "importing"
        return stage

    def rounds(self) -> int:
        return int(self.ask("SELECT count(*) FROM rounds")[0][0])

    def ask(self, query: str) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.execute(text(query)).all()

    def close(self) -> None:
        self.engine.dispose()


class Soak:
    """One project, somebody who labels it without pause, and a backend that is killed.

    Args:
        studio: A running Label Studio.
        owner: Who makes the project and labels it.
        folder: For the backend's state and logs.
        seed: Of the moments and of what the annotator does.
        settings: More of the backend's.
    """

    def __init__(
        self, studio: LabelStudioServer, owner: Person, folder: Path, seed: int, **settings: str
    ) -> None:
        self.studio, self.seed = studio, seed
        own = {"QUIET_SECONDS": "3", "RECONCILE_MINUTES": "1", "QUEUE_MARGIN": MARGIN}
        self.backend = Backend(studio, folder, **own | settings)
        self.watch = Watch(self.backend)
        self.images = cycle(digits())
        self.project = Project(owner, f"kills {seed}", label_config())
        self.annotator = Labelling(studio, self.project, seed)
        self.tracebacks: list[str] = []

    def run(self, kills: int, rounds: int, *, outages: bool) -> dict[str, Any]:
        """Label and kill until so many kills and rounds are reached, then rest, then look."""
        start = time.monotonic()
        self.upload(80)
        self.backend.start()
        try:
            self.project.connect(self.backend.url)
            self.backend.queue(self.project)
            with self.annotator:
                done = self.kill_all(moments(self.seed, kills), outages)
                self.until(lambda: self.watch.rounds() >= rounds, 600)
            self.until(lambda: at_rest(self.backend, self.project), QUIET, every=1.0)
            found = aftermath(self.backend, self.project)
        finally:
            self.look_for_tracebacks()
            self.backend.stop()
            self.watch.close()
        return {
            "seed": self.seed,
            "kills": [asdict(each) for each in done],
            "labels": self.annotator.submitted,
            "refused": self.annotator.refused,
            "tracebacks": self.tracebacks,
            "seconds": round(time.monotonic() - start),
            **found,
        }

    def kill_all(self, plan: list[Moment], outages: bool) -> list[Moment]:
        """Kill at every moment, and start again what was hit."""
        webhook_away, restart = (len(plan) // 3, len(plan) // 2) if outages else (-1, -1)
        for number, moment in enumerate(plan):
            if number == restart:
                self.restart_studio()
            if number == webhook_away:
                with self.without_webhook():
                    self.kill(moment)
                    time.sleep(20)
            else:
                self.kill(moment)
        return plan

    def kill(self, moment: Moment) -> None:
        if moment.stage == "embedding" or len(self.annotator.left()) < 60:
            self.upload(15)
        self.until(lambda: self.watch.stage() == moment.stage, LONGEST_WAIT, patient=False)
        time.sleep(moment.delay)
        moment.reached = self.watch.stage() or "at rest"
        named = {"worker": self.backend.worker, "web": self.backend.web}
        victims = list(named.values()) if moment.victim == "both" else [named[moment.victim]]
        self.look_for_tracebacks()
        self.backend.kill(*victims)
        for process in victims:
            process.start()
        if self.backend.web in victims:
            wait_for_health(self.backend.web, self.backend.url, lambda _: None, "starting", 60)

    def restart_studio(self) -> None:
        with self.annotator.away():
            self.studio.stop()
            self.studio.start()
            self.studio.wait()

    @contextmanager
    def without_webhook(self) -> Iterator[None]:
        """Delete Label Studio's webhook; made again behind the block."""
        owner, query = self.project.owner, {"project": self.project.id}
        hooks = owner.call("GET", "/api/webhooks/", params=query)
        assert hooks, "Label Studio has no webhook to the backend"
        for hook in hooks:
            owner.call("DELETE", f"/api/webhooks/{hook['id']}/")
        yield
        for hook in hooks:
            kept = {name: hook[name] for name in ("url", "project", "send_payload", "headers")}
            owner.call("POST", "/api/webhooks/", json={**kept, "send_for_all_actions": True})

    def upload(self, count: int) -> None:
        self.project.upload([next(self.images) for _ in range(count)])

    def look_for_tracebacks(self) -> None:
        """Keep what went wrong that nobody meant; a start begins a log anew."""
        for process in (self.backend.web, self.backend.worker):
            said = process.log_file.read_text() if process.log_file.exists() else ""
            _, found, trace = said.partition("Traceback (most recent call last)")
            if found:
                self.tracebacks.append(f"{process.name}: {trace[-2000:]}")

    @staticmethod
    def until(
        true: Callable[[], bool], seconds: float, *, patient: bool = True, every: float = 0.005
    ) -> None:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                assert not patient, f"not within {seconds:g} s"
                return
            time.sleep(every)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--kills", type=int, default=36)
    parser.add_argument("--label-studio", type=Path, default=LABEL_STUDIO)
    options = parser.parse_args()
    with scene(options.label_studio) as here:
        soak = Soak(here.studio, Person(here.client), here.folder / "soak", options.seed)
        keep("kills", soak.run(options.kills, options.rounds, outages=True))


if __name__ == "__main__":
    main()
