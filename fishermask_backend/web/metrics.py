"""Figures for Prometheus: requests as they are answered, all else as the database has it.

What is read from the database is the same whichever web process answers. Requests are counted by
each process; `PROMETHEUS_MULTIPROC_DIR` makes them one sum, and `fishermask serve` sets it.
"""

import os
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from fishermask_backend.machine import lifeline
from fishermask_backend.settings import load_settings
from fishermask_backend.web.status import projects_status

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client's own variable

REQUEST_SECONDS = Histogram(
    "fishermask_request_seconds",
    "Seconds until a request was answered.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.3, 0.6, 1, 3, 10),
    registry=None,
)

PROJECT_GAUGES = {
    "tasks": "Tasks known.",
    "embedded": "Tasks whose image has been read.",
    "failed_images": "Tasks whose image could not be read.",
    "labelled": "Tasks with a label.",
    "pending_labels": "Labels that no round has learnt from yet.",
    "tied_tasks": "Tasks whose annotators disagree with equal votes.",
    "queue_left": "Tasks of the published queue that are still to be labelled.",
    "round": "Number of the latest round.",
    "failures": "Failed steps since the last that went well; 0 if all is well.",
}


def exposition() -> bytes:
    """Return all figures in Prometheus' text format.

    Raises:
        DatabaseUnavailable: It could not be read.
    """
    registry = CollectorRegistry()
    if os.environ.get(SHARED_FOLDER):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REQUEST_SECONDS)
    registry.register(_State())
    return generate_latest(registry)


class _State(Collector):
    """What database and worker say at the moment of asking."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        projects = projects_status()
        for key, text in PROJECT_GAUGES.items():
            yield _gauge(key, text, {(str(p["id"]),): p[key] for p in projects}, ["project"])
        yield _gauge(
            "stage_seconds",
            "Seconds a stage of the latest round took.",
            {(str(p["id"]), stage): s for p in projects for stage, s in p["seconds"].items()},
            ["project", "stage"],
        )
        yield _gauge(
            "accuracy",
            "Part of the last three rounds' later labels that their pre-labels named.",
            {(str(p["id"]),): a for p in projects if (a := p["later_accuracy"]) is not None},
            ["project"],
        )
        sign = lifeline.last_sign(load_settings().model_dir)
        if sign is not None:
            yield _gauge(
                "worker_seen_timestamp_seconds",
                "When a worker last showed that it lives, seconds since 1970.",
                {(): sign.seen_at},
            )
            yield _gauge("gpu_bytes", "Bytes the worker holds on GPUs.", {(): sign.gpu_bytes})


def _gauge(
    name: str, text: str, values: dict[tuple[str, ...], Any], labels: list[str] | None = None
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"fishermask_{name}", text, labels=labels or [])
    for of, value in values.items():
        family.add_metric(list(of), value)
    return family
