"""Strategies by name, with settings of their own."""

import pytest
import torch

from fishermask_backend.fisher import Shards
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.strategies import STRATEGIES
from fishermask_backend.settings import Settings
from fishermask_backend.simulation import SimulationImpossible, variants
from fishermask_backend.simulation.variants import (
    HEEDED,
    SIMULATED,
    at_random,
    read_variants,
    shown,
)
from tests.conftest import CONFIG
from tests.trained_head import ENVIRONMENT, trained

ONE = parse_label_config(CONFIG)


def test_names_with_and_without_settings():
    text = " fishermask , fishermask:ridge=0.01,mask_inner=0,margin,bait:weighting=uniform, margin"
    found = read_variants(text)
    assert [each.name for each in found] == [
        "fishermask", "fishermask:ridge=0.01,mask_inner=0", "margin", "bait:weighting=uniform",
        "random",
    ]  # fmt: skip
    assert [each.strategy for each in found] == [
        "fishermask",
        "fishermask",
        "margin",
        "bait",
        "random",
    ]
    assert found[1].changes == {"ridge": 0.01, "mask_inner": 0}
    settings = found[1].settings(Settings(mask_inner=7, ridge=3, seed=5))
    assert (settings.mask_inner, settings.ridge, settings.seed) == (0, 0.01, 5)


def test_random_is_always_there_and_once():
    assert [each.name for each in read_variants("random,margin")] == ["random", "margin"]


def test_every_strategy_and_setting_can_be_asked_for():
    assert {*STRATEGIES} < {*SIMULATED}
    values = {
        "fisher_over": "head", "mask_inner": "5", "mask_rule": "per_layer", "weighting": "uniform",
        "pick_weight": "batch", "ridge": "1", "target": "pool", "max_dim": "9",
        "max_dim_rule": "sketch", "top_classes": "2",
        "pool_limit": "3", "start": "random",
    }  # fmt: skip
    for strategy in SIMULATED:
        changes = ",".join(f"{name}={values[name]}" for name in HEEDED[strategy])
        assert read_variants(f"{strategy}:{changes}")[0].changes.keys() == set(HEEDED[strategy])


def test_a_start_is_of_the_course_and_no_setting():
    drawn, other, plain = read_variants("margin:start=random,margin:start=cold,random")
    assert [each.starts_at_random for each in (drawn, other, plain)] == [True, False, False]
    assert drawn.settings(Settings()) == Settings()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "--strategies '': name one or more of fishermask, bait"),
        (
            "margins",
            "'margins' is unknown: use fishermask, bait, .* falcun or random-mask, or one with",
        ),
        ("ridge=1", "'ridge=1' is unknown"),
        ("margin:ridge=1", "margin:ridge=1: 'ridge': margin heeds start"),
        ("bait:mask_inner=3", "'mask_inner': bait heeds weighting, pick_weight, ridge"),
        ("badge:ridge=1", "'ridge': badge heeds pool_limit"),
        ("fishermask:lambda=1", "'lambda': fishermask heeds fisher_over"),
        ("fishermask:ridge=-1", "ridge=-1: Input should be greater than 0"),
        ("fishermask:ridge=much", "ridge=much: Input should be a valid number"),
        ("fishermask:mask_rule=best", "mask_rule=best: Input should be 'global' or 'per_layer'"),
        ("random:start=warm", "start=warm: Input should be 'cold' or 'random'"),
        ("fishermask:ridge", "write ridge=<value>, once"),
        ("fishermask:ridge=1,ridge=2", "write ridge=<value>, once"),
    ],
)
def test_what_can_t_be_meant(text, told):
    with pytest.raises(SimulationImpossible, match=told):
        read_variants(text)


def test_a_strategy_whose_package_is_missing(monkeypatch):
    monkeypatch.setattr("fishermask_backend.allowed_values.find_spec", lambda name: None)
    with pytest.raises(SimulationImpossible, match=r"--strategies badge: .*backend\[strategies\]"):
        read_variants("badge")
    assert read_variants("random-mask")


def test_a_random_mask_has_the_size_of_fishermask_s_and_other_entries(configured):
    settings = configured(**ENVIRONMENT)
    given = trained(settings, ONE)

    def mask(name):
        order = SIMULATED[name].order(given, settings, lambda stage: None)
        return set(order.scorer.mask.tolist())

    fisher, by_chance = mask("fishermask"), mask("random-mask")
    last = set(range(54, 68))  # of 8 · 6 + 6 + 6 · 2 + 2 parameters
    assert last <= fisher & by_chance
    assert len(fisher) == len(by_chance) == len(last) + settings.mask_inner
    assert fisher != by_chance == mask("random-mask")


def test_another_seed_is_another_mask(configured):
    settings = configured(**ENVIRONMENT)
    numbers = at_random(trained(settings, ONE), Shards())
    other = at_random(trained(settings.model_copy(update={"seed": 1}), ONE), Shards())
    assert numbers.shape == other.shape == (68,)
    assert not torch.equal(numbers, other)


def test_reports_write_proper_names():
    names = ["fishermask", "fishermask:ridge=1,mask_inner=0", "margin", "coreset"]
    assert [*shown(names).values()] == [
        "FisherMask", "FisherMask (ridge=1, mask_inner=0)", "margin", "core-set",
    ]  # fmt: skip
    assert {*variants._PROPER} <= {*SIMULATED}
