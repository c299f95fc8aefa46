"""What the README shows is what works: its labelling config."""

from label_studio_sdk.label_interface import LabelInterface

from fishermask_backend.commands.doctor.project import _questions
from fishermask_backend.labeling import parse_label_config
from tests.readme import good_config


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
