"""What the demo leaves of a simulation: the project's page as a file."""

import shutil
from types import SimpleNamespace

import pytest

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.backend import Backend


def test_the_page_of_a_simulation_is_left_as_a_file(settings, store, served, tmp_path):
    studio = SimpleNamespace(url=settings.label_studio_url, token="0123456789abcdef")
    backend = Backend(tmp_path / "demo", 9, studio)
    store.close()
    shutil.copytree(settings.model_dir, backend.data, dirs_exist_ok=True)
    path = backend.report(7)
    assert path.parent == tmp_path / "demo"
    assert "<h1>Animals" in path.read_text()
    with pytest.raises(DemoError, match="Project 8 is not connected"):
        backend.report(8)
