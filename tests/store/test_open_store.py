"""The process's store: opened once, and without what it does not need."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fishermask_backend.store import open_store

LOADED = """
import importlib, sys
importlib.import_module("fishermask_backend." + sys.argv[1])
print(*sorted({"label_studio_ml", "torch"} & set(sys.modules)))
"""


def test_a_process_has_one_store(store):
    assert open_store() is store


@pytest.mark.parametrize("module", ["store", "web.status", "web.metrics", "state"])
def test_the_state_is_told_without_label_studio_s_library_and_torch(module):
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", LOADED, module]
    said = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
