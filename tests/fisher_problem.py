"""What a round has when its network is trained: what a strategy is given."""

from pathlib import Path

import torch

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import fit_classifier, probabilities
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings
from tests.conftest import CONFIG

CPU = torch.device("cpu")
SPEC = parse_label_config(CONFIG)
TWO = parse_label_config(
    '<View><Image name="image" value="$image"/>'
    '<Choices name="species" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<Choices name="seen" toName="image" choice="multiple"><Choice value="cat"/><Choice value="eye"/>'
    '<Choice value="ear"/></Choices></View>'
)
ENVIRONMENT = {
    "BACKBONE": "small_cnn",
    "TRAIN": "all",
    "IMAGE_SIZE": "16",
    "BATCH_SIZE": "4",
    "QUEUE_MARGIN": "3",
    "DEVICE": "cpu",
}
HEAD = {"BACKBONE": "efficientnet_lite0", "TRAIN": "head", "IMAGE_SIZE": "32"}


def small_problem(settings: Settings, size: int) -> tuple[Trained, Backbone]:
    """Random rows, one in five labelled, for settings that have ENVIRONMENT in them, or HEAD too.

    A round forms the factors of ENVIRONMENT's network, whose mask reaches into its convolutions; those
    of HEAD's have a structure.
    """
    backbone = Backbone.of(settings, CPU)
    generator = torch.Generator().manual_seed(0)
    if backbone.frozen:
        rows = torch.randn((size, *backbone.row_shape), generator=generator)
    else:
        rows = torch.randint(256, (size, *backbone.row_shape), generator=generator).to(torch.uint8)
    labelled = torch.arange(size) % 5 == 0
    few = labelled & (torch.arange(size) < 50)
    model = fit_classifier(
        backbone, rows[few], torch.arange(int(few.sum())) % 2, num_classes=2,
        likelihood="categorical", pool_rows=rows, seed=0,
    )  # fmt: skip
    probs = probabilities(model, rows, "categorical")
    recipe = FactorRecipe.of(settings, SPEC)
    return Trained(model, backbone.key, rows, probs, labelled, ~labelled, recipe), backbone


def two_heads(settings: Settings, size: int) -> Trained:
    """Two controls over such rows, one of which is answered of fewer images, for the same settings."""
    backbone = Backbone.of(settings, CPU)
    generator = torch.Generator().manual_seed(0)
    shape = (size, *backbone.row_shape)
    rows = (
        torch.randn(shape, generator=generator)
        if backbone.frozen
        else torch.randint(256, shape, generator=generator).to(torch.uint8)
    )
    answers = [
        None
        if i % 5
        else answer_text(
            [TWO.heads[0].names[i // 5 % 2], *TWO.heads[1].names[: i // 10 % 3]][
                : 2 if i % 3 else 1
            ],
            () if i % 3 else TWO.heads[1].names,
        )
        for i in range(size)
    ]
    servable = torch.tensor([answer is None for answer in answers])
    return Lesson(rows, answers, servable).learn(TWO.heads, backbone, settings)


def ranks(state: Path) -> list[int]:
    """The running processes of a round's computation, torchrun itself not among them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        job = any(str(state).encode() in argument for argument in arguments)
        if (
            job
            and b"fishermask_backend.learning.fisher_job" in arguments
            and b"torch.distributed.run" not in arguments
        ):
            found.append(int(path.parent.name))
    return found
