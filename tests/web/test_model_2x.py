"""The class in the server of label-studio-ml 2.x, which is on GitHub but not on PyPI.

    git clone --depth 1 https://github.com/HumanSignal/label-studio-ml-backend
    .venv/bin/pip install "semver~=3.0.2"
    LABEL_STUDIO_ML_SOURCE=label-studio-ml-backend .venv/bin/python -m pytest tests/web/test_model_2x.py

Its package has the name of 1.0.9's, so it runs in a process of its own.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store, projects
from tests.conftest import CONFIG

ROOT = Path(__file__).resolve().parents[2]
CALLS = """
import json, sys
from label_studio_ml import api
from fishermask_backend.web.model import FisherMaskBackend
client = api.init_app(FisherMaskBackend).test_client()
answers = [client.open(path, method=method, json=body) for method, path, body in json.load(sys.stdin)]
print(json.dumps([[a.status_code, a.json] for a in answers]))
"""


@pytest.fixture
def call_2x(store: Store, served: Any) -> Any:
    """Makes calls of the real 2.x server over the state of the test."""
    source = os.environ.get("LABEL_STUDIO_ML_SOURCE")
    if not source:
        pytest.skip("needs label-studio-ml 2.x: set LABEL_STUDIO_ML_SOURCE to a clone of it")

    def call(*calls: tuple[str, str, Any]) -> list[Any]:
        done = subprocess.run(
            [sys.executable, "-c", CALLS],
            env={**os.environ, "PYTHONPATH": f"{Path(source).resolve()}{os.pathsep}{ROOT}"},
            input=json.dumps(calls),
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return list(json.loads(done.stdout.splitlines()[-1]))

    return call


def test_server_of_2x(store, call_2x):
    task = {"id": 2, "project": 7, "data": {"image": "/2.png"}}
    event = {"action": "START_TRAINING", "project": {"id": 7, "label_config": CONFIG}}
    health, setup, predict, webhook = call_2x(
        ("GET", "/health", None),
        ("POST", "/setup", {"project": "7.1000", "schema": CONFIG, "extra_params": None}),
        ("POST", "/predict", {"project": "7.1000", "tasks": [task], "label_config": CONFIG}),
        ("POST", "/webhook", event),
    )
    assert health == [200, {"status": "UP", "model_class": "FisherMaskBackend"}]
    assert setup == [200, {"model_version": "fishermask-1"}]
    assert predict[0] == 200
    (answer,) = predict[1]["results"]
    assert (answer["score"], answer["model_version"]) == (0.0, "fishermask-1")
    assert answer["result"][0]["value"]["choices"]
    assert webhook[0] == 201
    with store.read() as session:
        project = projects.find(session, load_settings().label_studio_url, 7)
    assert project is not None
    assert project.train_asked_at
