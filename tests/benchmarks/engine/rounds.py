"""A whole round, stage by stage, with the backend's own functions and default settings."""

import json
import sys
import time
from typing import Any

import torch
from torch import Tensor

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.labeling import LabelSpec, parse_label_config
from fishermask_backend.learning.backbones import Backbone, load_backbone
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.learning.strategies.fishermask import FISHERMASK
from fishermask_backend.settings import Settings

from .measure import in_process, peak_memory
from .pools import clustered_features

CLASSES = 10


def run(*, quick: bool) -> dict[str, Any]:
    sizes = [300] if quick else [300, 3000, 30_000, 100_000]
    return {"rows": [in_process("rounds", n, 1 if quick or n > 10_000 else 3) for n in sizes]}


def child(N: int, repeats: int, device: str = "cpu", over: str = "features") -> dict[str, Any]:
    """Seconds of each stage (the last of several rounds: the first one warms up)."""
    settings = Settings.model_validate(
        {"label_studio_url": "http://127.0.0.1:8080", "fisher_over": over}
    )
    backbone = load_backbone(
        settings.backbone, train="head", image_size=settings.image_size, weights=None,
        device=torch.device(device),
    )  # fmt: skip
    spec = label_spec()
    rows, labels = clustered_features(N, CLASSES)
    known = torch.randperm(N, generator=torch.Generator().manual_seed(1))[: min(120, N // 2)]
    for _ in range(repeats):
        stages, notes, d = one_round(settings, backbone, spec, rows, labels, known)
    return {
        "N": N,
        "L": len(known),
        "d": d,
        "queue": settings.queue_size,
        "stages": stages,
        "seconds": sum(stages.values()),
        "peak_gb": peak_memory(),
        "notes": notes,
    }


def one_round(
    settings: Settings,
    backbone: Backbone,
    spec: LabelSpec,
    rows: Tensor,
    labels: Tensor,
    known: Tensor,
) -> tuple[dict[str, float], list[str], int]:
    stages: dict[str, float] = {}
    last = time.perf_counter()

    def lap(stage: str) -> None:
        nonlocal last
        now = time.perf_counter()
        stages[stage], last = now - last, now

    answers: list[str | None] = [None] * len(rows)
    for place in known.tolist():
        answers[place] = answer_text([str(int(labels[place]))])
    servable = torch.tensor([answer is None for answer in answers])
    trained = Lesson(rows, answers, servable).learn(spec.heads, backbone, settings)
    lap("train")
    order = FISHERMASK.order(trained, settings, lap)
    return stages, [*order.notes], len(order.scorer.mask)


def label_spec() -> LabelSpec:
    choices = "".join(f'<Choice value="{c}"/>' for c in range(CLASSES))
    return parse_label_config(
        f'<View><Image name="image" value="$image"/>'
        f'<Choices name="choice" toName="image">{choices}</Choices></View>'
    )


if __name__ == "__main__":
    print(json.dumps(child(*map(int, sys.argv[1:]))))
