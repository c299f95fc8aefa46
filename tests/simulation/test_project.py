"""A project's own labels. Of a real Label Studio they are read in tests/e2e/test_labels.py."""

import pytest

from fishermask_backend.simulation import SimulationImpossible, project
from fishermask_backend.simulation.project import from_project
from fishermask_backend.studio import PAGE, Page, StudioProject, StudioTask
from tests.conftest import CONFIG

KEY = {"LABEL_STUDIO_API_KEY": "key"}


def task(number, *answers, **more):
    """A task with annotations by people 1, 2, …"""
    annotations = [
        {
            "annotation_id": 10 * number + i,
            "task_id": number,
            "annotator": i,
            "updated_at": f"2026-01-01T00:00:0{i}Z",
            "skipped": answer is None,
            "ground_truth": False,
            "result": []
            if answer is None
            else [
                {
                    "from_name": "label",
                    "to_name": "image",
                    "type": "choices",
                    "value": {"choices": [answer]},
                }
            ],
            **more,
        }
        for i, answer in enumerate(answers, start=1)
    ]
    return StudioTask(
        number, {"image": f"/data/upload/{number}.png"}, 0.0, tuple(annotations), False
    )


class Fake:
    """Label Studio's answers to a simulation: pages of 500 tasks."""

    def __init__(self, tasks, config=CONFIG, gone=()):
        self.tasks, self.config, self.gone = tasks, config, gone
        self.authorization = dict

    def project(self, studio_id):
        return StudioProject(studio_id, 1, "birds", self.config, "", "", "REQUEUE_FOR_OTHERS")

    def extent(self, studio_id, kind):
        assert kind == "annotated"
        ids = [each.task_id for each in self.tasks]
        return len(ids), min(ids, default=0), max(ids, default=2**31 - 1)

    def tasks_between(self, studio_id, kind, first, last):
        left = [t for t in self.tasks if first <= t.task_id <= last and t.task_id not in self.gone]
        return Page(left[:PAGE], len(left))


@pytest.fixture
def read(configured, monkeypatch):
    """Reads a project of the fake, under these settings."""

    def reading(fake, show=lambda done, total: None, **environment):
        monkeypatch.setattr(project, "with_key", lambda settings, key: fake)
        return from_project(7, configured(**KEY, **environment), show)

    return reading


def test_each_task_has_what_its_annotations_say_together(read):
    shown = []
    tasks = [
        task(1, "cat"),
        task(2, "dog", "cat", "dog"),
        task(3, None),
        task(4, "bird"),
        task(5, None, "dog"),
    ]
    images = read(Fake(tasks), lambda *how: shown.append(how))
    assert images.title == "project 7, «birds»"
    found = {n: images.classes[c] for n, c in zip(images.names, images.labels, strict=True)}
    assert found == {"task 1": "cat", "task 2": "dog", "task 5": "dog"}
    assert images.keys[0] == "task 1 /data/upload/1.png"
    assert images.content(0) == "/data/upload/1.png"
    assert shown[-1] == (5, 5)


def test_all_are_read_whatever_is_withdrawn_meanwhile(read):
    tasks = [task(i, "cat" if i % 2 else "dog") for i in range(1, 2 * PAGE + 2)]
    assert len(read(Fake(tasks)).labels) == 2 * PAGE + 1
    assert len(read(Fake(tasks, gone=range(PAGE - 5, PAGE + 5))).labels) == 2 * PAGE + 1 - 10
    assert len(read(Fake(tasks, gone=range(PAGE - 5, 2 * PAGE + 2))).labels) == PAGE - 6


@pytest.mark.parametrize(
    ("tasks", "config", "told"),
    [
        ([], CONFIG, "its labelled tasks are of 0 classes; at least two"),
        ([task(1, "cat"), task(2, "cat")], CONFIG, "of 1 classes; at least two are needed"),
        (
            [],
            CONFIG.replace("toName", 'choice="multiple" toName'),
            "simulations know one class an image",
        ),
        (
            [],
            CONFIG.replace("</View>", '<Rating name="stars" toName="image"/></View>'),
            "it learns several controls .label, stars., and simulations know one. Name it by",
        ),
    ],
)
def test_what_a_simulation_cannot_learn_from(read, tasks, config, told):
    with pytest.raises(SimulationImpossible, match=f"--project 7: .*{told}"):
        read(Fake(tasks, config))


def test_without_a_key_nothing_is_asked(settings):
    with pytest.raises(SimulationImpossible, match="set LABEL_STUDIO_API_KEY to a token"):
        from_project(7, settings)
