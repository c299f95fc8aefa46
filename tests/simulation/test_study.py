"""What decides a simulation's points, and what may be added to them."""

import json

import numpy as np
import pytest

from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.simulation.embedding import Rows
from fishermask_backend.simulation.study import FILE, Plan, Study, note_plan
from fishermask_backend.simulation.variants import read_variants


def study(settings, tmp_path, **changes):
    asked = {"rounds": 3, "seeds": 2, "labels_per_round": 4, "imbalanced": False, **changes}
    variants = read_variants(asked.pop("strategies", "margin,fishermask:ridge=0.5"))
    labels = [i % 3 for i in range(30)]
    rows = Rows(tmp_path / "rows", range(30), (4,), "<f4")
    return Study(Plan(variants, **asked), "mine", ["a", "b", "c"], labels, rows, settings)


def test_courses_come_seed_by_seed(settings, tmp_path):
    made = study(settings, tmp_path)
    courses = [(variant.name, seed) for variant, seed in made.plan.courses()]
    names = ["margin", "fishermask:ridge=0.5", "random"]
    assert courses == [(name, seed) for seed in range(2) for name in names]
    assert made.plan.labels == 12


def test_a_course_has_a_round_s_settings_but_for_its_queue(configured, tmp_path):
    settings = configured(
        QUEUE_MARGIN="9", MASK_INNER="7", MEMORY_LIMIT="1000", FISHER_PROCESSES="2"
    )
    made = study(settings, tmp_path)
    found = made.settings_of(made.plan.variants[1], 5, jobs=2)
    assert (found.seed, found.queue_size, found.labels_per_round) == (5, 4, 4)
    assert (found.ridge, found.mask_inner, found.memory_allowed) == (0.5, 7, 500)
    assert found.fisher_processes == 1
    assert made.settings_of(made.plan.variants[0], 0, jobs=1).ridge == settings.ridge


def test_more_labels_than_the_pool_has_are_refused(settings, tmp_path):
    labels = np.arange(30) % 3
    study(settings, tmp_path, rounds=6).plan.check(labels)  # 24 of 30: a fifth is held out
    with pytest.raises(SimulationImpossible) as refused:
        study(settings, tmp_path, rounds=7).plan.check(labels)
    assert str(refused.value) == (
        "--rounds 7 of --labels-per-round 4 are 28 labels, and the pool has 24 images: ask for "
        "fewer, or add images."
    )
    with pytest.raises(SimulationImpossible, match=r"has 17 images once half .* cut to a tenth"):
        study(settings, tmp_path, rounds=5, imbalanced=True).plan.check(labels)


def test_strategies_rounds_and_seeds_may_be_added(settings, tmp_path):
    images = [f"{i}.png" for i in range(30)]
    note_plan(tmp_path, study(settings, tmp_path).about("key", images))
    more = study(settings, tmp_path, strategies="bait", rounds=5, seeds=9)
    note_plan(tmp_path, more.about("key", images))


@pytest.mark.parametrize(
    ("changes", "environment", "told"),
    [
        ({"labels_per_round": 5}, {}, "labels_per_round is 5, and was 4"),
        ({"imbalanced": True}, {}, "imbalanced is True, and was False"),
        ({}, {"RIDGE": "0.3"}, "ridge is 0.3, and was 0.01"),
    ],
)
def test_what_would_make_other_points_is_refused(configured, tmp_path, changes, environment, told):
    images = [f"{i}.png" for i in range(30)]
    note_plan(tmp_path, study(configured(), tmp_path).about("key", images))
    other = study(configured(**environment), tmp_path, **changes)
    with pytest.raises(SimulationImpossible, match=told):
        note_plan(tmp_path, other.about("key", images))


def test_other_images_or_another_backbone_are_other_points(settings, tmp_path):
    made, images = study(settings, tmp_path), [f"{i}.png" for i in range(30)]
    note_plan(tmp_path, made.about("key", images))
    with pytest.raises(SimulationImpossible, match="backbone is 'other', and was 'key'"):
        note_plan(tmp_path, made.about("other", images))
    with pytest.raises(SimulationImpossible, match=r"images is '30 of digest .*, and was '30"):
        note_plan(tmp_path, made.about("key", images[::-1]))


def test_points_of_nobody_knows_what_are_refused(settings, tmp_path):
    about = study(settings, tmp_path).about("key", [])
    (tmp_path / "points.csv").write_text("")
    with pytest.raises(SimulationImpossible, match=f"points.csv, and no {FILE}"):
        note_plan(tmp_path, about)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(SimulationImpossible, match="is damaged"):
        note_plan(tmp_path, about)
    (tmp_path / FILE).write_text(json.dumps(about))
    note_plan(tmp_path, about)
