"""`predict.py`, which an export carries: run where none of our settings are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fishermask_backend.learning.inputs import RowStore
from tests.commands.export.conftest import lines
from tests.conftest import FIRST

ROOT = Path(__file__).parents[3]


def example(exported, *arguments):
    """Run `predict.py` where none of our settings are."""
    environment = {k: v for k, v in os.environ.items() if k not in ("MODEL_DIR", "BACKBONE")}
    return subprocess.run(
        [sys.executable, exported / "predict.py", *arguments],
        env=environment | {"PYTHONPATH": str(ROOT)},
        cwd=exported.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_goes_on_after_what_is_no_image(exported, tmp_path):
    folder = tmp_path / "images" / "deeper"
    folder.mkdir(parents=True)
    for path in (tmp_path / "images" / "a.png", folder / "b.JPG"):
        Image.new("RGB", (20, 30), "red").save(path)
    (folder / "c.png").write_text("no image")
    (folder / "notes.txt").write_text("not meant")
    ran = example(exported, tmp_path / "gone.png", tmp_path / "images")
    assert ran.returncode == 1
    assert [Path(json.loads(row)["image"]).name for row in ran.stdout.splitlines()] == [
        "a.png", "b.JPG",
    ]  # fmt: skip
    assert [row.partition(": ")[0] for row in ran.stderr.splitlines()] == [
        str(tmp_path / "gone.png"), str(folder / "c.png"),
    ]  # fmt: skip
    assert "Traceback" not in ran.stderr
    table = tmp_path / "found.csv"
    ran = example(exported, "--csv", table, tmp_path / "images" / "a.png")
    assert (ran.returncode, ran.stdout) == (0, "")
    (row,) = lines(table)
    cat, dog = float(row["probability:cat"]), float(row["probability:dog"])
    assert row["most probable"] == ("cat" if cat > dog else "dog")
    assert cat + dog == pytest.approx(1, abs=1e-5)
    ran = example(exported, "--help")
    assert (ran.returncode, "IMAGE_OR_FOLDER" in ran.stdout) == (0, True)


def test_the_example_goes_on_after_names_that_are_no_text(exported, tmp_path):
    folder = tmp_path / "images"
    (folder / "a folder.jpg").mkdir(parents=True)
    odd = os.fsdecode(os.fsencode(folder) + b"/gr\xfcn.png")  # as a Latin-1 system wrote it
    for path in (odd, folder / "z.png"):
        Image.new("RGB", (20, 30), "red").save(path)
    ran = example(exported, folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [json.loads(row)["image"] for row in ran.stdout.splitlines()] == [
        odd, str(folder / "z.png"),
    ]  # fmt: skip
    ran = example(exported, "--csv", tmp_path / "found.csv", folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert [Path(row["image"]).name for row in lines(tmp_path / "found.csv")] == [
        r"gr\udcfcn.png", "z.png",
    ]  # fmt: skip


def test_the_example_says_before_all_else_that_its_table_has_no_place(exported, tmp_path):
    ran = example(exported, "--csv", tmp_path / "none" / "found.csv", tmp_path / "gone.png")
    assert ran.returncode == 2
    assert f"--csv {tmp_path}/none/found.csv: No such file or directory" in ran.stderr
    assert "gone.png:" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_example_ends_quietly_where_nobody_reads_on(exported, tmp_path):
    image = tmp_path / "a.png"
    Image.new("RGB", (16, 16)).save(image)
    with subprocess.Popen(
        [sys.executable, exported / "predict.py", image], env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as program:  # fmt: skip
        program.stdout.close()
        assert program.stderr.read() == ""


def test_the_example_predicts_what_the_round_predicted(exported, tmp_path):
    with RowStore(
        FIRST / "projects/1/inputs-small_cnn-16.rows", (3, 16, 16), np.uint8, committed=20
    ) as stored:
        rows = stored.read([0, 8, 9])
    images = [tmp_path / f"{i}.png" for i in (1, 9, 10)]
    for path, row in zip(images, rows, strict=True):
        Image.fromarray(np.moveaxis(row, 0, -1)).save(path)
    ran = example(exported, *images)
    assert (ran.returncode, ran.stderr) == (0, "")
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    scores = json.loads((exported / "scores.json").read_text())["scores"]
    known = {s["task_id"]: s["probabilities"] for s in scores}
    for path, answer, task_id in zip(images, answers, (1, 9, 10), strict=True):
        assert answer["image"] == str(path)
        assert answer["probabilities"] == pytest.approx(known[task_id], abs=1e-4)
