"""The arithmetic of docs/study.md, and that a page is made of whatever is there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fishermask_backend.simulation.points import Points
from tests.benchmarks.study import page
from tests.benchmarks.study.learners import FORMER
from tests.benchmarks.study.others import (
    above_former,
    cold_start,
    read_others,
    share_without_cold_start,
)
from tests.benchmarks.study.results import (
    clearly,
    corrected,
    folder_of,
    gaps_to,
    mean,
    read,
    share_of_labels,
    strategies,
)
from tests.benchmarks.study.targets import better, targets
from tests.benchmarks.study.verdict import choice
from tests.benchmarks.study.wording import extent
from tests.simulation.made_points import courses

CURVES = {  # two seeds each, 10 labels a round
    "fishermask": [[0.5, 0.8, 0.9], [0.5, 0.7, 0.9]],
    "margin": [[0.5, 0.6, 0.8], [0.5, 0.6, 0.9]],
    "random": [[0.4, 0.5, 0.7], [0.4, 0.5, 0.7]],
}


def setting(out: Path, curves: Mapping[str, Sequence[Sequence[float]]], *cut: bool) -> None:
    """Lay down the folder of a simulation's points, as `fishermask simulate` does."""
    folder = out / folder_of("cats", any(cut), 10)
    folder.mkdir(parents=True)
    points = Points(folder / "points.csv")
    points.open()
    for course in courses(curves).values():
        for each in course:
            points.append(each)
    lines = [f"{number},{number}.png,{'ab'[number % 2]}\n" for number in range(60)]
    (folder / "images.csv").write_text("number,image,class\n" + "".join(lines))
    (folder / "simulation.json").write_text(
        json.dumps({"version": "0.1.0", "images": "60", "backbone": "small", "ridge": 0.01})
    )


def test_differences_are_paired_and_their_mean_is_over_the_settings(tmp_path):
    setting(tmp_path, CURVES)
    setting(tmp_path, CURVES | {"fishermask": CURVES["margin"]}, True)
    plain, cut = read(tmp_path, 3)
    gap = plain.gap("fishermask")
    assert gap and gap.mean == pytest.approx((0.1 + 0.1 / 3) / 2)
    assert gap.error == pytest.approx(np.std([0.1, 0.1 / 3], ddof=1) / 2**0.5)
    assert clearly(gap) == 1
    assert cut.gap("fishermask").mean == 0
    value, error = mean(gaps_to([plain, cut], "fishermask"))
    assert value == pytest.approx(gap.mean / 2)
    assert error == pytest.approx(gap.error / 2)
    assert (plain.sizes, cut.sizes) == ((48, 12, 2), (26, 12, 2))


def test_a_course_that_is_not_whole_is_not_counted(tmp_path):
    badge = [[0.5, 0.7, 0.9], [0.5, 0.7]]
    setting(tmp_path, CURVES | {"badge": badge})
    (found,) = read(tmp_path, 3)
    assert found.common("badge", "margin") == [0]
    assert not clearly(found.gap("badge"))  # one seed has no standard error
    assert set(corrected([found])) == {("cats-10", n) for n in ("fishermask", "random")}
    (shorter,) = read(tmp_path, 2)
    assert shorter.common("badge", "margin") == [0, 1]
    assert read(tmp_path, 4) == []


def test_labels_saved_and_who_is_above(tmp_path):
    best = [[0.6, 0.9, 0.9], [0.6, 0.8, 0.95]]
    setting(tmp_path, CURVES | {"bait": best})
    found = read(tmp_path, 3)
    assert strategies(found)[:2] == ["bait", "fishermask"]
    # 0.5 after 10 labels, 0.75 after 20: random's 0.7 after 18 of its 30
    assert share_of_labels(found, "fishermask") == pytest.approx(18 / 30)
    (above,) = better(found)
    assert above.startswith("BAIT on cats, K = 10: ")
    assert extent(found, "bait") == ""


def test_fewer_seeds_than_others_have_are_told(tmp_path):
    more = {name: [*of, of[0]] for name, of in CURVES.items()}
    setting(tmp_path, more | {"badge": [[0.6, 0.9, 0.9], [0.6, 0.8, 0.95]]})
    setting(tmp_path, CURVES, True)
    found = read(tmp_path, 3)
    (above,) = better(found)
    assert above.endswith(" (2 seeds)")
    assert extent(found, "badge") == " (of 1 settings, 2 seeds)"
    assert extent(found, "fishermask") == ""


def test_sets_that_nothing_was_chosen_by_are_told_apart(tmp_path):
    setting(tmp_path, CURVES)
    plain = read(tmp_path, 3)
    letters = [replace(each, name="letters") for each in plain]
    told = choice([*plain, *letters], corrected([*plain, *letters]))
    assert "chosen by** (letters) it has +6.7 ± 3.3 points more than margin." in told
    assert "chosen by" not in choice(plain, corrected(plain))


def test_every_place_of_the_page_is_filled(tmp_path, monkeypatch):
    setting(tmp_path, CURVES | {"badge": [[0.5, 0.7, 0.9]]})
    setting(tmp_path, {name: of[:1] for name, of in CURVES.items()}, True)
    monkeypatch.setattr(page, "PAGE", tmp_path / "study.md")
    monkeypatch.setattr(page, "PICTURE", tmp_path / "study.png")
    setting(tmp_path / "former", {FORMER: CURVES["random"], "margin": CURVES["margin"]})
    slow = [[0.2, 0.3, 0.6], [0.2, 0.3, 0.6]]
    best = [[0.6, 0.9, 0.9], [0.6, 0.8, 0.95]]
    setting(tmp_path / "drawn", CURVES | {"random": slow, "bait": best})
    others = read_others(tmp_path, 3)
    # 0.5 after 10 labels, 0.75 after 20: 0.6 after 14 of 30
    assert share_without_cold_start(read(tmp_path, 3), others) == pytest.approx(14 / 30)
    told = cold_start(read(tmp_path, 3), others)
    assert "worth +16.7 ± 0.0 points of area" in told  # 0.4, 0.5, 0.7 over 0.2, 0.3, 0.6
    assert "+35.0 ± 1.7 points over labels drawn from the first on (of 1 settings)" in told
    (gap,) = above_former(read(tmp_path, 3), others)
    assert gap.mean == pytest.approx((0.2 + 0.5 / 3) / 2)
    assert "of one seed it can't be told" in targets(read(tmp_path, 3), {})
    page.write(read(tmp_path, 3), others)
    text = (tmp_path / "study.md").read_text()
    assert "{{" not in text
    assert "nan" not in text
    assert "after a first queue drawn at random: BAIT on cats, K = 10: 7.5 ± 0.8" in text
    assert "| BADGE (of 1 settings, 1 seeds) | " in text
    assert "above head and settings before this study, mean | +18.33" in text
    assert "### The head before this study" in text
    assert "### The default head, from a first queue drawn at random" in text
    assert (tmp_path / "study.png").read_bytes().startswith(b"\x89PNG")


def test_the_committed_page_is_of_the_committed_points():
    settings = read(page.COURSES, 6)
    text = page.PAGE.read_text(encoding="utf-8")
    assert choice(settings, corrected(settings)) in text
    for each in settings:
        assert f"{100 * each.area('fishermask'):.1f}" in text
