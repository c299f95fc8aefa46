"""What a project leaves with: its files, read as somebody without the backend's database would."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from fishermask_backend.commands.export import ExportImpossible, export
from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.controls.heads import stored_heads
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store, pool, projects, rounds
from fishermask_backend.worker.round import run_round
from tests.command_line import fishermask
from tests.commands.export.conftest import lines
from tests.conftest import FIRST, publish_round
from tests.round_problem import begun, embedded, lite0
from tests.store.stored import annotation

ROOT = Path(__file__).parents[3]
TWO = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="species" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<Choices name="seen" toName="image" choice="multiple"><Choice value="eye"/><Choice value="ear"/>'
    "</Choices></View>"
)


def test_labels_are_those_of_label_studio_and_their_annotations(exported):
    labels = json.loads((exported / "labels.json").read_text())
    assert {r["task_id"]: r["labels"] for r in labels} == {
        i: ["cat" if i % 2 else "dog"] for i in range(1, 9)
    }
    (annotation,) = labels[0]["annotations"]
    assert annotation["result"][0]["value"] == {"choices": ["cat"]}
    assert (annotation["annotator"], annotation["skipped"]) == (1, False)
    first = lines(exported / "labels.csv")[0]
    assert first == {"task_id": "1", "image": "/data/1.png", "labels": "cat", "tied": "False"}


def test_scores_are_what_predict_answers(exported):
    answers = json.loads((FIRST / "predictions.json").read_text())
    scores = json.loads((exported / "scores.json").read_text())
    assert (scores["round"], scores["classes"]) == (1, ["cat", "dog"])
    assert [s["score"] for s in scores["scores"]] == sorted(s["score"] for s in scores["scores"])
    by_task = {s["task_id"]: s for s in scores["scores"]}
    assert sorted(by_task) == list(range(1, 20))
    for task_id, answer in enumerate(answers, start=1):
        found = by_task[task_id]
        assert found["score"] == pytest.approx(answer["score"], abs=1e-6)
        likely = max(found["probabilities"], key=found["probabilities"].get)
        assert answer["result"][0]["value"]["choices"] == [likely]
    table = lines(exported / "scores.csv")
    assert [int(line["task_id"]) for line in table] == [s["task_id"] for s in scores["scores"]]
    assert float(table[0]["probability:dog"]) == scores["scores"][0]["probabilities"]["dog"]
    assert float(table[0]["gain"]) == scores["scores"][0]["gain"]


def test_unknown_project_and_full_folder_are_named(first_release, tmp_path):
    store = Store(first_release.database)
    with pytest.raises(ExportImpossible, match=r"Project 8 of http://localhost:8080 is not known"):
        export(first_release, store, 8, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ExportImpossible, match="not an empty folder"):
        export(first_release, store, 7, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]
    store.close()


def test_before_a_round_there_are_labels_alone(store, project, settings, tmp_path):
    (missing,) = export(settings, store, 7, tmp_path / "out")
    assert "no round of the project serves yet" in missing
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["labels.csv", "labels.json"]


def test_round_without_a_classifier_says_why(store, project, settings, tmp_path):
    publish_round(store, project, [2, 1], weights=None)
    (missing,) = export(settings, store, 7, tmp_path / "out")
    assert missing == (
        "No classifier: round 1 has none (it came before two classes were labelled)."
    )
    assert (tmp_path / "out" / "scores.json").exists()


def test_a_project_s_own_backbone_is_the_one_that_is_exported(first_release, tmp_path, monkeypatch):
    monkeypatch.setenv("BACKBONE", "efficientnet_lite0")
    load_settings.cache_clear()
    store = Store(first_release.database)
    with store.begin() as session:
        mine = projects.find(session, first_release.label_studio_url, 7)
        mine.params = {"backbone": "small_cnn", "image_size": 16}
    assert export(load_settings(), store, 7, tmp_path / "out") == []
    store.close()
    about = json.loads((tmp_path / "out" / "classifier.json").read_text())
    assert (about["backbone"], about["image_size"]) == ("small_cnn", 16)


@pytest.mark.parametrize("wrong", ["backbone", "file"])
def test_classifier_that_cannot_be_loaded_is_named(first_release, tmp_path, monkeypatch, wrong):
    if wrong == "backbone":
        monkeypatch.setenv("IMAGE_SIZE", "32")
        load_settings.cache_clear()
        named = "belongs to backbone small_cnn-16, the settings ask for small_cnn-32"
    else:
        (first_release.model_dir / "projects/1/round-1.safetensors").unlink()
        named = "round-1.safetensors cannot be read"
    ended = fishermask("export", "--project", 7, "--output", tmp_path / "out")
    assert ended.exit_code == 1
    assert named in ended.stderr
    assert "; without a classifier" in ended.stdout
    assert not (tmp_path / "out" / "classifier.safetensors").exists()


def test_several_labels_and_none_are_told_apart(store, project, settings, tmp_path):
    with store.begin() as session:
        for i, answer in ((1, '["cat", "dog"]'), (2, "[]"), (3, None)):
            task = pool.tasks_by_id(session, project.id, [i])[i]
            task.answer, task.annotated = answer, True
            session.add(annotation(project.id, i, skipped=answer is None))
    export(settings, store, 7, tmp_path / "out")
    labels = json.loads((tmp_path / "out" / "labels.json").read_text())
    assert [r["labels"] for r in labels] == [["cat", "dog"], [], None]
    assert [line["labels"] for line in lines(tmp_path / "out" / "labels.csv")] == [
        "cat|dog",
        "",
        "",
    ]


def loaded(folder):
    """The folder's `predict.py`, as a module."""
    spec = importlib.util.spec_from_file_location("exported_predict", folder / "predict.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_several_controls_have_columns_of_their_own(store, project, configured, tmp_path, capsys,
                                                    monkeypatch):  # fmt: skip
    of_lite0 = {"BACKBONE": "efficientnet_lite0", "IMAGE_SIZE": "64"}
    settings = configured(BATCH_SIZE="3", QUEUE_MARGIN="2", **of_lite0)
    work, spec, backbone = begun(store, project), parse_label_config(TWO), lite0()
    species, seen = spec.heads
    says = {
        1: answer_text(["species: cat", "seen: eye"]),
        2: answer_text(["species: dog"]),
        3: answer_text(["species: dog"], seen.names),
        4: answer_text(["seen: eye", "seen: ear"], species.names),
    }
    with store.begin() as session:
        projects.get(session, project.id).heads = stored_heads(spec.heads)
        for i, task in pool.tasks_by_id(session, project.id, list(says)).items():
            task.answer, task.annotated = says[i], True
            task.tied, task.tied_in = i == 2, ["species"] if i == 2 else None
            session.add(annotation(project.id, i))
    with embedded(work, backbone) as inputs:
        made = run_round(work, spec, backbone, inputs)
    with store.begin() as session:
        rounds.activate(session, made.id)
    folder = tmp_path / "out"
    assert export(settings, store, 7, folder) == []
    table = lines(folder / "labels.csv")
    assert [(r["labels:species"], r["labels:seen"], r["tied"]) for r in table] == [
        ("cat", "eye", ""), ("dog", "", "species"), ("dog", "", ""), ("", "eye|ear", ""),
    ]  # fmt: skip
    first, _, third, fourth = json.loads((folder / "labels.json").read_text())
    assert first["controls"][1]["labels"] == ["eye"]
    assert (third["controls"][1]["labels"], fourth["controls"][0]["labels"]) == (None, None)
    assert "probability:seen: ear" in lines(folder / "scores.csv")[0]
    about = json.loads((folder / "classifier.json").read_text())
    assert [head["control"] for head in about["heads"]] == ["species", "seen"]
    image = tmp_path / "a.png"
    Image.new("RGB", (20, 30), "red").save(image)
    program = loaded(folder)
    monkeypatch.setattr(sys, "argv", ["predict.py", str(image)])
    assert program.main() == 0
    found = json.loads(capsys.readouterr().out)["probabilities"]
    assert {control: [*own] for control, own in found.items()} == {
        "species": ["cat", "dog"], "seen": ["eye", "ear"],
    }  # fmt: skip
    assert sum(found["species"].values()) == pytest.approx(1, abs=1e-5)
    monkeypatch.setattr(sys, "argv", ["predict.py", "--csv", str(tmp_path / "t.csv"), str(image)])
    assert program.main() == 0
    (row,) = lines(tmp_path / "t.csv")
    assert row["most probable:species"] == max(found["species"], key=found["species"].get)
    assert float(row["probability:seen:ear"]) == pytest.approx(found["seen"]["ear"], abs=1e-5)
