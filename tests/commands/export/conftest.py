"""What the command `export` writes, and reading it."""

import csv

import pytest

from tests.command_line import fishermask


@pytest.fixture
def exported(first_release, tmp_path):
    """The folder that the command writes for a round of the first release."""
    folder = tmp_path / "out"
    ended = fishermask("export", "--project", 7, "--output", folder)
    assert ended.exit_code == 0
    assert "classifier.safetensors" in ended.stdout
    return folder


def lines(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
