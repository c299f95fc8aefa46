"""`fishermask simulate` as its users run it: to its end, again, killed, and asked in vain."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fishermask_backend import simulation
from fishermask_backend.machine.locks import locked
from fishermask_backend.settings import load_settings
from tests.command_line import fishermask
from tests.simulation.pictures import COLOURS, folders, picture
from tests.this_machine import ROOT

SMALL = {"IMAGE_SIZE": "32", "MASK_INNER": "10", "BATCH_SIZE": "4"}
TIMES = ("order_seconds", "train_seconds", "cpu_seconds")
ASKED = ("--strategies", "margin,fishermask", "--rounds", "3", "--seeds", "2")
POINTS = 3 * 2 * 3


@pytest.fixture
def mine(tmp_path, configured):
    """A folder of thirty pictures in three classes, and settings for small ones."""
    configured(**SMALL)
    return folders(tmp_path / "mine", 10)


def points(folder):
    """Every point, without its seconds, in the order of courses."""
    with (folder / "points.csv").open(newline="", encoding="utf-8") as file:
        rows = [{k: v for k, v in row.items() if k not in TIMES} for row in csv.DictReader(file)]
    return sorted(rows, key=lambda row: (row["strategy"], int(row["seed"]), int(row["round"])))


def started(*arguments):
    """The command as a program of its own, in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "fishermask_backend.cli", "simulate", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip


def in_session(leader):
    """The processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(session) == leader and state != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_for(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_from_a_folder_to_a_report_and_on_from_there(mine, tmp_path):
    (mine / "red" / "03.png").write_bytes(b"no image")
    out = tmp_path / "out"
    ended = fishermask("simulate", "--data", mine, "--out", out, *ASKED)
    assert ended.exit_code == 0, ended.output
    assert "On the images in mine, " in ended.stdout
    first = points(out)
    assert len(first) == POINTS
    assert {row["strategy"] for row in first} == {"margin", "fishermask", "random"}
    assert {row["labels"] for row in first} == {"4", "8", "12"}
    report = (out / "report.html").read_text(encoding="utf-8")
    assert "1 images can&#39;t be read: red/03.png: " in report
    assert (out / "unreadable.txt").read_text().startswith("red/03.png: ")
    listed = (out / "images.csv").read_text().splitlines()
    assert (listed[0], len(listed)) == ("number,image,class", 30)
    # Each seed's first labels are the same for all; nothing is picked twice.
    for seed in "01":
        begins = {row["picked"] for row in first if (row["seed"], row["round"]) == (seed, "1")}
        assert len(begins) == 1
        for strategy in ("margin", "fishermask", "random"):
            course = [row for row in first if (row["seed"], row["strategy"]) == (seed, strategy)]
            assert len({image for row in course for image in row["picked"].split()}) == 12

    before = (out / "points.csv").read_bytes()
    ended = fishermask("simulate", "--data", mine, "--out", out, *ASKED)
    assert ended.exit_code == 0
    assert (out / "points.csv").read_bytes() == before  # all was there
    more = ("--strategies", "bait:ridge=1", "--rounds", "4", "--seeds", "1", "--jobs", "1")
    assert fishermask("simulate", "--data", mine, "--out", out, *more).exit_code == 0
    assert (out / "points.csv").read_bytes().startswith(before)
    assert len(points(out)) == POINTS + 4 + 1  # a course, and random's fourth round
    ended = fishermask("simulate", "--data", mine, "--out", out, "--imbalanced", "--rounds", "1")
    assert ended.exit_code == 2
    assert "imbalanced is True, and was False" in ended.stderr
    picture(mine / "red" / "00.png", COLOURS["red"], 99)  # another by the same name
    ended = fishermask("simulate", "--data", mine, "--out", out, *ASKED)
    assert ended.exit_code == 2
    assert "images is '29 of digest " in ended.stderr
    assert (out / "points.csv").read_bytes().startswith(before)


def test_killed_at_any_moment_it_goes_on_and_the_same_seeds_make_the_same_points(mine, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    ended = fishermask("simulate", "--data", mine, "--out", whole, *ASKED, "--jobs", 1)
    assert ended.exit_code == 0, ended.output
    file = killed / "points.csv"
    process = started("--data", mine, "--out", killed, *ASKED, "--jobs", 2)
    wait_for(lambda: file.exists() and len(file.read_bytes().splitlines()) > 6)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    wait_for(lambda: not in_session(process.pid))  # its processes end with it
    text = file.read_bytes()
    kept = text[: text.rfind(b"\n") + 1]
    file.write_bytes(kept + b"margin,1,2,8,0.5")  # as if killed within a line
    ended = fishermask("simulate", "--data", mine, "--out", killed, *ASKED)
    assert ended.exit_code == 0, ended.output
    assert file.read_bytes().startswith(kept)
    assert points(killed) == points(whole)


def test_a_process_that_is_ended_by_force_is_told_and_the_points_stay(mine, tmp_path):
    out = tmp_path / "out"
    process = started("--data", mine, "--out", out, *ASKED, "--jobs", 2)
    wait_for(lambda: (out / "points.csv").exists() and len((out / "points.csv").read_bytes()) > 400)
    child = max(in_session(process.pid))
    os.kill(child, signal.SIGKILL)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "A process of the simulation was ended by force (exit code -9)" in said
    assert "it goes on." in said
    wait_for(
        lambda: not in_session(process.pid)
    )  # the tracker of shared memory ends a little later
    assert points(out)


def test_a_strategy_that_fails_costs_the_others_nothing(mine, tmp_path, monkeypatch):
    """TypiClust where all images are the same: it finds no clusters."""
    for path in mine.rglob("*.png"):
        picture(path, (9, 9, 9), 0)
    out = tmp_path / "out"
    asked = ("--strategies", "typiclust,margin", "--rounds", "3", "--seeds", "1", "--jobs", "1")
    ended = fishermask("simulate", "--data", mine, "--out", out, *asked)
    done = {(row["strategy"], row["round"]) for row in points(out)}
    assert {("margin", "3"), ("random", "3")} <= done
    assert (ended.exit_code == 0) == (("typiclust", "3") in done)
    if ended.exit_code:
        assert "typiclust, seed 0: STRATEGY=typiclust: TypiClust of scikit-activeml" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name the images by --data, or a project by --project"),
        (
            ("--data", "mine", "--project", 3),
            "name the images by --data, or a project by --project",
        ),
        (("--data", "nowhere"), "--data nowhere: there is no such folder or file"),
        (("--data", "mine", "--strategies", "magic"), "'magic' is unknown"),
        (("--data", "mine", "--rounds", 7), "are 28 labels, and the pool has 24 images"),
        (
            ("--data", "mine", "--rounds", 5, "--imbalanced"),
            "has 17 images once half of the classes",
        ),
        (("--data", "mine", "--rounds", 0), "0 is not in the range x>=1"),
        (("--project", 3), "set LABEL_STUDIO_API_KEY"),
        (("--data", "one"), "its images are of one class, 'red'"),
        (("--data", "few"), "3 images of 3 classes are too few"),
        (
            ("--data", "mine", "--rounds", 1, "--out", "/proc/there"),
            "/proc/there cannot be written or read (",
        ),
        (("--data", "broken", "--rounds", 1), "None of the images can be read: "),
        (
            ("--data", "mine", "--rounds", 1, "--out", "one/red/00.png"),
            "00.png is a file: name a folder",
        ),
    ],
)
def test_what_can_t_be_meant_is_a_sentence(mine, tmp_path, arguments, told):
    folders(tmp_path / "one", 3, ("red",))
    folders(tmp_path / "few", 1)
    for name in "ab":
        for number in range(3):
            path = tmp_path / "broken" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"nothing")
    ended = fishermask("simulate", *arguments)  # in tmp_path
    assert ended.exit_code == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.output


def test_stopped_by_ctrl_c_it_says_how_to_go_on(mine, monkeypatch):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("fishermask_backend.simulation.simulate.embed", stopped)
    ended = fishermask("simulate", "--data", mine, "--rounds", 1)
    assert ended.exit_code == 130
    assert (
        ended.stderr == "fishermask: stopped. What is computed is kept: the same command goes on.\n"
    )


def test_two_into_one_folder_are_told(mine, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    with locked(out, wait=False):
        ended = fishermask("simulate", "--data", mine, "--out", out, "--rounds", 1)
    assert ended.exit_code == 2
    assert "Another simulation writes to" in ended.stderr


def test_without_the_extra_it_says_what_to_install(mine, monkeypatch):
    monkeypatch.setattr(
        simulation, "find_spec", lambda name: None if name == "matplotlib" else name
    )
    ended = fishermask("simulate", "--data", mine)
    assert ended.exit_code == 2
    assert (
        "The report needs matplotlib: pip install 'fishermask-backend[simulate]'." in ended.stderr
    )
    assert load_settings().image_size == 32
