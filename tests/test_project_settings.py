"""Settings of one project: what extra params may say."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given

from fishermask_backend.errors import BadRequest
from fishermask_backend.project_settings import NAMES, read_params, settings_of
from fishermask_backend.settings import Settings

from .controls.json_values import ANY, UNHURRIED

README = Path(__file__).resolve().parents[1] / "README.md"


def test_all_are_settings():
    assert set(NAMES) <= Settings.model_fields.keys()


@pytest.mark.parametrize(
    ("given_", "params"),
    [
        (None, {}),
        ("", {}),
        ({}, {}),
        ("{}", {}),
        ("null", {}),
        ({"control_name": "species"}, {"control_name": "species"}),
        (
            '{"BATCH_SIZE": "30", "prelabels": false, "taxonomy_level": 2}',
            {"batch_size": 30, "prelabels": False, "taxonomy_level": 2},
        ),
        (
            {"train_every": 7, "queue_margin": 0, "quiet_seconds": 1.5, "strategy": "margin"},
            {"train_every": 7, "queue_margin": 0, "quiet_seconds": 1.5, "strategy": "margin"},
        ),
    ],
)
def test_params_are_checked_like_settings(given_, params):
    assert read_params(given_) == params
    assert read_params(read_params(given_)) == params


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ("species", "Extra params 'species': a JSON object is expected, like {\"control_name\""),
        ("[1]", r"Extra params '\[1\]': a JSON object"),
        (7, "Extra params 7: a JSON object"),
        ({"batchsize": 3}, "'batchsize' is no setting of a project, as are auto_order, "),
        (
            {"model_dir": "/"},
            "model_dir is a setting of the whole backend: set MODEL_DIR where it is",
        ),
        ({"batch_size": 0}, "batch_size=0: Input should be greater than or equal to 1"),
        ({"batch_size": 501}, "batch_size=501: Input should be less than or equal to 500"),
        ({"ridge": "inf"}, "ridge='inf': Input should be a finite number"),
        ('{"quiet_seconds": Infinity}', "quiet_seconds=inf: Input should be a finite number"),
        ({"seed": 2**63}, "seed=9223372036854775808: Input should be less than"),
        ({"strategy": "best"}, "strategy='best': Input should be 'fishermask', 'bait'"),
        ({"prelabels": "maybe"}, "prelabels='maybe': Input should be a valid boolean"),
        ({"control_name": ["a"]}, r"control_name=\['a'\]: Input should be a valid string"),
        ({"batch_size": True}, "batch_size=true: Input should be a number"),
        ('{"train_every": false}', "train_every=false: Input should be a number"),
        ('{"SEED": 1, "seed": 2, "ridge": 1}', "'seed' is there twice, in two letter cases"),
        ({"control_name": "\ud800"}, "'.ud800'}: half a character is in them"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(given_, says):
    with pytest.raises(BadRequest, match=says):
        read_params(given_)


@given(ANY)
@UNHURRIED
def test_any_json_is_taken_or_refused(value):
    try:
        read = read_params(value)
        assert isinstance(read, dict)
        json.dumps(read, allow_nan=False)
    except BadRequest as error:
        assert len(str(error)) < 5000


@pytest.mark.parametrize("name", sorted(Settings.model_fields.keys() - set(NAMES)))
def test_what_concerns_all_projects_is_refused(name):
    with pytest.raises(
        BadRequest, match=f"set {name.upper()} where it is started. A project can have"
    ):
        read_params({name: Settings.model_fields[name].default})


@pytest.mark.parametrize("name", NAMES)
def test_each_of_a_project_s_own_is_taken_by_its_default(name):
    default = Settings.model_fields[name].default
    assert read_params({name.upper(): default}) == {name: default}


def test_the_readme_lists_them():
    told = README.read_text().partition("Allowed are ")[2].partition(";")[0]
    assert tuple(re.findall("`([a-z_]+)`", told)) == NAMES


def test_a_file_of_weights_is_of_the_network_it_is_set_with(configured, tmp_path):
    settings = configured(BACKBONE="resnet18", BACKBONE_WEIGHTS="/weights.pt")
    own = settings_of(settings, {"backbone": "resnet50", "seed": 2})
    assert (own.backbone, own.backbone_weights) == ("resnet50", "")
    same = settings_of(settings, {"backbone": "resnet18", "seed": 2})
    assert same.backbone_weights == "/weights.pt"


def test_other_settings_are_the_backend_s(settings):
    own = settings_of(settings, {"batch_size": 3})
    assert (own.batch_size, own.labels_per_round, own.queue_size) == (3, 3, 43)
    assert own.model_copy(update={"batch_size": settings.batch_size}) == settings
    assert settings_of(settings, None) is settings_of(settings, {}) is settings
    with pytest.raises(BadRequest):
        settings_of(settings, {"of_another_version": 1})
