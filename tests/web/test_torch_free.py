"""What the web process does without, and what it has all the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "torch",
    "torchvision",
    "scipy",
    "sklearn",
    "pandas",
    "cleanlab",
    "cv2",
    "label_studio_sdk",
)


def run(script, **more):
    """What a Python of its own prints."""
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys\n{script}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | more,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


@pytest.mark.parametrize(
    "script",
    [
        "import _wsgi; app = _wsgi.app",  # what `gunicorn _wsgi:app` does
        "from fishermask_backend.web.app import create_app; app = create_app()",  # `fishermask serve`
    ],
)
def test_the_web_process_loads_nothing_that_learns(first_release, script):
    answers = (
        "client = app.test_client()\n"
        "tasks = [{'id': i, 'project': 7} for i in range(1, 20)]\n"
        "answer = client.post('/predict', json={'tasks': tasks, 'project': '7.1000'})\n"
        "assert answer.json['results'][0]['result'], answer.json\n"
        "for page in ('/', '/projects/7', '/metrics', '/versions'):\n"
        "    assert client.get(page).status_code == 200\n"
    )
    loaded = run(f"{script}\n{answers}\nprint(*sys.modules)")
    assert not set(HEAVY) & set(loaded)
    assert not {name for name in loaded if name.startswith("fishermask_backend.fisher")}


def test_the_class_is_label_studio_s(settings):
    told = run(
        "from fishermask_backend.web.model import FisherMaskBackend\n"
        "from label_studio_ml.model import LabelStudioMLBase\n"
        "print(issubclass(FisherMaskBackend, LabelStudioMLBase), 'torch' in sys.modules)"
    )
    assert told == ["True", "False"]


@pytest.mark.parametrize("first", ["import torch", "pass"])
def test_torch_can_be_imported_before_and_after(settings, first):
    told = run(
        f"{first}\nfrom fishermask_backend.web.torch_free import label_studio_ml\nlabel_studio_ml()\n"
        "import torch; print(torch.ones(2).sum().item())"
    )
    assert told == ["2.0"]
