"""`fishermask export`: a project's classifier, labels and scores as files that outlive the backend."""

import shutil
from pathlib import Path
from typing import Any

import torch

from fishermask_backend import __version__
from fishermask_backend.commands.export.tables import write_json, write_labels, write_scores
from fishermask_backend.controls.heads import read_head
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import load_classifier
from fishermask_backend.learning.tensors import TensorsUnusable
from fishermask_backend.project_settings import settings_of
from fishermask_backend.settings import Settings
from fishermask_backend.store import Store, by_control, pool, projects, rounds
from fishermask_backend.store.schema import Project, Round

EXAMPLE = Path(__file__).with_name("predict.py")


class ExportImpossible(FisherMaskError):
    """Something that an export needs is not there; the text names it."""


def export(settings: Settings, store: Store, studio_id: int, folder: Path) -> list[str]:
    """Write a project's labels, and its serving round's scores and classifier.

    Args:
        settings: Those the round was trained under, as far as the backbone is concerned.
        store: The database; web and worker may run meanwhile.
        studio_id: The project's id in Label Studio.
        folder: Where to write; made if need be, else empty.

    Returns:
        What could not be written, a sentence each; empty if all was.

    Raises:
        ExportImpossible: No such project, or the folder holds files.
    """
    with store.read() as session:
        project = projects.find(session, settings.label_studio_url, studio_id)
        if project is None:
            raise ExportImpossible(
                f"Project {studio_id} of {settings.label_studio_url} is not known here: "
                "`fishermask status` lists those that are."
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ExportImpossible(f"{folder} is not an empty folder: name another by --output.")
        folder.mkdir(parents=True, exist_ok=True)
        heads = [read_head(head) for head in project.heads or ()]
        write_labels(folder, pool.annotated(session, project.id), heads)
        serving = rounds.active(session, project.id)
        if serving is None:
            return ["No scores and no classifier: no round of the project serves yet."]
        write_scores(folder, serving, rounds.every_score(session, serving.id))
    try:
        own = settings_of(settings, project.params)
        _write_classifier(own, project, serving, folder)
    except (ExportImpossible, TensorsUnusable) as error:
        return [f"No classifier: {error}"]
    return []


def _write_classifier(settings: Settings, project: Project, serving: Round, folder: Path) -> None:
    if serving.weights is None:
        reason = "; ".join(map(str, serving.notes)) or "it came before two classes were labelled"
        raise ExportImpossible(f"round {serving.number} has none ({reason}).")
    backbone = Backbone.of(settings, torch.device("cpu"))
    source = settings.model_dir / serving.weights
    load_classifier(source, backbone)  # says what is wrong, while it can still be told
    shutil.copyfile(source, folder / "classifier.safetensors")
    weights = _copied_weights(settings.backbone_weights, folder)
    about: dict[str, Any] = {
        "project": project.studio_id,
        "title": project.title,
        "round": serving.number,
        "labels": serving.label_count,
        "classes": serving.classes,
        "likelihood": serving.likelihood,
        "backbone": settings.backbone,
        "backbone_weights": weights,
        "train": settings.train,
        "image_size": backbone.image_size,
        "fishermask_backend": __version__,
    }
    if serving.heads is not None:
        about["heads"] = [head.stored() for head in by_control.learnt(serving)]
    write_json(folder / "classifier.json", about)
    shutil.copyfile(EXAMPLE, folder / EXAMPLE.name)


def _copied_weights(setting: str, folder: Path) -> str:
    """Copy the backbone's weights where they are a file of the user's."""
    if setting in ("", "none"):
        return setting
    name = f"backbone{Path(setting).suffix}"
    shutil.copyfile(setting, folder / name)
    return name
