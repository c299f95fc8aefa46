"""A model such as label-studio-ml's own examples are, in label-studio-ml 1.0.9's own server.

    gunicorn tests.soak.sample_server:app

It answers with the first class, and trains a small network when «Start training» is pressed. Events
should come to it one at a time: for each of them, whatever the model does with it, that server starts
a process which imports the model anew. Five events a second filled 23 GB with 260 of them.
"""

import os
import time
from pathlib import Path
from typing import Any

import torch
from label_studio_ml.api import init_app
from label_studio_ml.model import LabelStudioMLBase

TRAINING_SECONDS = 6.0  # about a round's
AT_WORK = Path(os.environ["MODEL_DIR"]) / "at work"  # is there while it trains


class SampleModel(LabelStudioMLBase):  # type: ignore[misc]
    """Needs no image to answer, so that the server alone is measured."""

    TRAIN_EVENTS = ("START_TRAINING",)

    def predict(self, tasks: list[dict[str, Any]], **kwargs: Any) -> list[dict[str, Any]]:
        value = {"choices": ["0"]}
        region = {"from_name": "label", "to_name": "image", "type": "choices", "value": value}
        return [{"result": [region], "score": 0.5} for _ in tasks]

    def fit(self, tasks: Any, workdir: str | None = None, **kwargs: Any) -> dict[str, Any]:
        AT_WORK.touch()
        model = torch.nn.Sequential(
            torch.nn.Linear(1280, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10)
        )
        optimizer = torch.optim.AdamW(model.parameters())
        rows, labels = torch.randn(2048, 1280), torch.randint(10, (2048,))
        end = time.monotonic() + TRAINING_SECONDS
        while time.monotonic() < end:
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(rows), labels).backward()
            optimizer.step()
        AT_WORK.unlink()
        return {"trained": True}


app = init_app(model_class=SampleModel, model_dir=os.environ["MODEL_DIR"])
