"""What the README shows is what works: its labelling config."""

import re
from pathlib import Path

from label_studio_sdk.label_interface import LabelInterface

from fishermask_backend.commands.doctor.project import _questions
from fishermask_backend.labeling import parse_label_config

README = Path(__file__).resolve().parents[1] / "README.md"


def good_config():
    """Return the labelling config of its section on one."""
    section = README.read_text().partition("## A good labelling config")[2].partition("\n## ")[0]
    (config,) = re.findall(r"```xml\n(.*?)```", section, re.DOTALL)
    return config


def test_the_good_config_is_learnt_and_the_doctor_has_nothing_to_say_of_it():
    config = good_config()
    spec = parse_label_config(config)
    assert (spec.classes, spec.likelihood, spec.prelabelled) == (
        ("cat", "dog"),
        "categorical",
        True,
    )
    assert list(_questions(spec, "project 7")) == []
    LabelInterface(config).validate()
