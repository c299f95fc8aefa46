"""The recipes of CONTRIBUTING, followed literally: one new class each, and a round is run with it."""

import types
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from fishermask_backend import controls
from fishermask_backend.controls import CONTROLS, Misfit
from fishermask_backend.errors import BackboneUnavailable, UnsupportedLabelConfig
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning import backbones
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.backbones.source import Trunk
from fishermask_backend.learning.classifier import load_classifier, probabilities
from fishermask_backend.settings import load_settings
from fishermask_backend.store import leases, pool, projects, rounds
from fishermask_backend.worker.embedding import open_inputs
from fishermask_backend.worker.round import run_round
from fishermask_backend.worker.work import Work
from tests.conftest import CONFIG

IMAGES, LABELLED, SIZE = 30, 10, 16


class Unpublished:
    """As much of Label Studio as a round asks: which versions a project's predictions have."""

    def model_versions(self, studio_id):
        return []


@pytest.fixture
def work(store, project, monkeypatch):
    """A step's surroundings, under settings that the test may have changed."""

    def open_work(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        ids = range(1, IMAGES + 1)
        with store.begin() as session:
            row = projects.get(session, project.id)
            images = [(i, f"/{i}.png") for i in ids]
            pool.put_tasks(session, row, images, np.random.default_rng(0))
            lease = leases.claim(session, load_settings().label_studio_url, "worker")
        return Work(load_settings(), store, Unpublished(), lease)

    return open_work


def bright(i):
    return i % 2 == 0


def pixels():
    """Bright images of even tasks, dark ones of odd tasks."""
    noise = np.random.default_rng(0).integers(0, 40, (IMAGES, 3, SIZE, SIZE), dtype=np.uint8)
    light = [150 if bright(i) else 0 for i in range(1, IMAGES + 1)]
    return noise + np.array(light, dtype=np.uint8).reshape(-1, 1, 1, 1)


def run(work, spec, backbone, annotations):
    """Embed the images, store the annotations, and run a round: it, and what it thinks of each task."""
    with open_inputs(work, backbone) as inputs:
        rows = inputs.append(0, backbone.rows(pixels()))
        with work.begin() as session:
            project = projects.get(session, work.project_id)
            project.next_row = IMAGES
            for i, task in pool.tasks_by_id(session, project.id, range(1, IMAGES + 1)).items():
                task.row = rows[i - 1]
            pool.put_annotations(session, project, spec, annotations)
        made = run_round(work, spec, backbone, inputs)
    with work.store.read() as session:
        scores = rounds.scores_of(session, made.id, range(1, IMAGES + 1))
    return made, {i: rounds.class_probabilities(made, score) for i, score in scores.items()}


def annotation(i, region):
    region |= {"from_name": "label", "to_name": "image"}
    fields = {"result": [region], "skipped": False, "ground_truth": False, "annotator": 1}
    return [{"annotation_id": i, "task_id": i, "updated_at": "2026-01-01T00:00:00Z"} | fields]


# A new control


@dataclass(frozen=True)
class Pick:
    """`<Pick><Option>dark</Option><Option>bright</Option></Pick>`; results hold `{"pick": "dark"}`."""

    tag: ClassVar[str] = "Pick"
    type: ClassVar[str] = "pick"

    classes: tuple[str, ...]
    several: bool = False
    singly: ClassVar[bool] = False

    @classmethod
    def of(cls, element):
        options = tuple(option.text for option in element.iter("Option"))
        if len(options) < 2:
            raise Misfit("needs two <Option> tags")
        return cls(options)

    def read(self, value):
        return [value["pick"]] if "pick" in value else []

    def write(self, classes):
        (only,) = classes
        return {"pick": only}


PICK = (
    '<View><Image name="image" value="$image"/><Pick name="label" toName="image">'
    "<Option>dark</Option><Option>bright</Option></Pick></View>"
)


def test_a_new_control(work, monkeypatch):
    monkeypatch.setattr(controls, "CONTROLS", (*CONTROLS, Pick))
    step = work(BACKBONE="small_cnn", IMAGE_SIZE=str(SIZE), QUEUE_MARGIN="2", BATCH_SIZE="3")
    spec = parse_label_config(PICK)
    assert (spec.classes, spec.likelihood) == (("dark", "bright"), "categorical")
    annotations = {
        i: annotation(i, {"type": "pick", "value": {"pick": "bright" if bright(i) else "dark"}})
        for i in range(1, LABELLED + 1)
    }
    backbone = Backbone.of(step.settings, torch.device("cpu"))
    made, known = run(step, spec, backbone, annotations)
    assert (made.acquisition, made.label_count, made.classes) == (
        "fishermask",
        10,
        ["dark", "bright"],
    )
    for i in range(1, IMAGES + 1):
        (region,) = spec.prelabel(known[i])
        assert region["value"] == {"pick": "bright" if bright(i) else "dark"}
        assert (region["type"], region["from_name"]) == ("pick", "label")


def test_all_controls_are_offered_where_a_config_has_neither(monkeypatch):
    monkeypatch.setattr(controls, "CONTROLS", (*CONTROLS, Pick))
    with pytest.raises(
        UnsupportedLabelConfig, match="there is no <Choices>, <Taxonomy>, <Rating> or <Pick> tag"
    ):
        parse_label_config("<View/>")
    with pytest.raises(UnsupportedLabelConfig, match="<Pick name='label'> needs two <Option> tags"):
        parse_label_config(PICK.replace("<Option>dark</Option>", ""))


# A new source of backbones


def averages():
    """A module `averages.py`: a network that sees an image's mean colour, which needs no weights."""
    source = types.ModuleType("averages")
    source.NAMES = "colours/mean"
    source.knows = lambda name: name == source.NAMES

    def trunk(name, size, weights):
        def build():
            return nn.Sequential(nn.AvgPool2d(size), nn.Flatten())

        return Trunk(build, scale=((127.0,) * 3, (128.0,) * 3), origin="0123456789ab")

    source.image_size = lambda name: SIZE
    source.trunk = trunk
    return source


def test_a_new_source_of_backbones(work, monkeypatch):
    monkeypatch.setattr(backbones, "SOURCES", (averages(), *backbones.SOURCES))
    step = work(BACKBONE="colours/mean", IMAGE_SIZE="0", QUEUE_MARGIN="2", BATCH_SIZE="3")
    backbone = Backbone.of(step.settings, torch.device("cpu"))
    assert backbone.key == f"colours.2fmean-head-0123456789ab-{SIZE}"
    annotations = {
        i: annotation(i, {"type": "choices", "value": {"choices": ["cat" if bright(i) else "dog"]}})
        for i in range(1, LABELLED + 1)
    }
    made, known = run(step, parse_label_config(CONFIG), backbone, annotations)
    assert (made.acquisition, made.inputs_key) == ("fishermask", backbone.key)
    right = sum(max(p, key=p.get) == ("cat" if bright(i) else "dog") for i, p in known.items())
    assert right == IMAGES
    again = Backbone.of(step.settings, torch.device("cpu"))  # as the worker does when started again
    with open_inputs(step, again) as inputs:
        assert [path.name for path in step.folder.glob("inputs-*")] == [
            f"inputs-{backbone.key}.rows"
        ]
        rows = torch.from_numpy(inputs.read(range(IMAGES)))
    model = load_classifier(step.settings.model_dir / made.weights, again)
    expected = [known[i]["cat"] for i in range(1, IMAGES + 1)]
    assert probabilities(model, rows, "categorical")[:, 0].tolist() == pytest.approx(
        expected, abs=1e-5
    )


def test_an_unknown_name_is_told_what_every_source_knows(monkeypatch):
    monkeypatch.setattr(backbones, "SOURCES", (averages(), *backbones.SOURCES))
    with pytest.raises(BackboneUnavailable) as raised:
        backbones.load_backbone(
            "resnet19", train="head", image_size=SIZE, weights="", device=torch.device("cpu")
        )
    assert str(raised.value) == (
        "BACKBONE=resnet19 is not known: use colours/mean, efficientnet_lite0, efficientnet_lite1, "
        "efficientnet_lite2, small_cnn, a model of timm, such as "
        "timm/vit_small_patch14_dinov2.lvd142m or a classification model of torchvision, such as "
        "resnet18."
    )
