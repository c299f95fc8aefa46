"""Training and storing a classifier."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fishermask_backend.learning import classifier
from fishermask_backend.learning.backbones import Backbone, load_backbone
from fishermask_backend.learning.classifier import (
    Schedule,
    fit_classifier,
    load_classifier,
    probabilities,
    save_classifier,
)
from fishermask_backend.learning.tensors import TensorsUnusable

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def features() -> Backbone:
    """The default backbone, whose rows the tests make up."""
    return load_backbone(
        "efficientnet_lite0", train="head", image_size=64, weights=None, device=CPU
    )


@pytest.fixture(scope="module")
def small_cnn() -> Backbone:
    return load_backbone("small_cnn", train="all", image_size=16, weights=None, device=CPU)


def groups(count: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Feature rows (count, 1280) of overlapping classes, and their classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    centres = torch.randn(classes, 1280, generator=torch.Generator().manual_seed(99))
    return centres[labels] + 3 * torch.randn(count, 1280, generator=generator), labels


def stripes(count: int, size: int = 16) -> tuple[Tensor, Tensor]:
    """Images whose class is the direction of their stripes, and their classes."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 2
    bars = (torch.arange(size) // 2 % 2 * 120).expand(size, size)
    images = torch.stack([bars if label else bars.T for label in labels])[:, None].expand(
        -1, 3, -1, -1
    )
    noise = torch.randint(0, 120, (count, 3, size, size), generator=generator)
    return (images + noise).to(torch.uint8), labels


def fit(backbone: Backbone, rows: Tensor, targets: Tensor, **changes: object) -> nn.Module:
    arguments = {
        "num_classes": 4,
        "likelihood": "categorical",
        "pool_rows": rows,
        "seed": 0,
    }
    return fit_classifier(backbone, rows, targets, **(arguments | changes))


def weights(model: nn.Module) -> Tensor:
    return torch.cat([tensor.flatten().double() for tensor in model.state_dict().values()])


# Training


def test_a_head_learns_classes_it_has_not_seen_all_images_of(features: Backbone) -> None:
    rows, labels = groups(400, 4)
    model = fit(features, rows[:40], labels[:40], pool_rows=rows)
    found = probabilities(model, rows[40:], "categorical").argmax(1)
    assert (found == labels[40:]).float().mean() > 0.9


def test_a_small_cnn_learns_from_pixels(small_cnn: Backbone) -> None:
    rows, labels = stripes(120)
    model = fit(small_cnn, rows[:20], labels[:20], num_classes=2, pool_rows=rows)
    found = probabilities(model, rows[20:], "categorical").argmax(1)
    assert (found == labels[20:]).float().mean() > 0.9


def test_fine_tuning_changes_weights_but_no_batch_norm_statistics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(classifier, "FINE_TUNING", Schedule(steps=3, batch=8, learning_rate=1e-4))
    backbone = load_backbone(
        "efficientnet_lite0", train="all", image_size=32, weights=None, device=CPU
    )
    rows = torch.randint(0, 256, (12, 3, 32, 32), dtype=torch.uint8)
    before = backbone.network(4, rows).state_dict()
    after = fit(backbone, rows, torch.arange(12) % 4).state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any("_conv_stem" in name for name in moved)
    assert not [name for name in moved if "running" in name or "mean" in name]


def test_several_labels_an_image_are_learnt_independently(features: Backbone) -> None:
    rows, labels = groups(400, 4)
    targets = torch.stack([labels == 0, labels < 2, labels == 9], dim=1).float()
    model = fit(
        features, rows[:60], targets[:60], num_classes=3, likelihood="bernoulli", pool_rows=rows
    )
    found = probabilities(model, rows[60:], "bernoulli")
    assert ((found[:, :2] > 0.5) == targets[60:, :2].bool()).float().mean() > 0.9
    assert found[:, 2].max() < 0.5  # none of the images has this label


def test_a_class_added_later_is_learnt_from_labels_that_were_asked(features: Backbone) -> None:
    rows, labels = groups(400, 2)
    truth = torch.stack([labels == 0, labels == 1], dim=1).float()
    targets = truth[:80].clone()
    targets[:72, 1] = torch.nan  # the second class was added after 72 labels
    options = {"num_classes": 2, "likelihood": "bernoulli", "pool_rows": rows}
    found = probabilities(fit(features, rows[:80], targets, **options), rows[80:], "bernoulli")
    as_no = fit(features, rows[:80], targets.nan_to_num(), **options)
    before = probabilities(as_no, rows[80:], "bernoulli")
    right = ((found > 0.5) == truth[80:].bool()).float().mean(0)
    assert right[0] > 0.9
    assert right[1] > ((before > 0.5) == truth[80:].bool()).float().mean(0)[1] + 0.2


@pytest.mark.parametrize("known", [[1.0], [0.0], []])
def test_a_class_without_a_known_yes_and_a_known_no_is_not_seen_everywhere(
    features: Backbone, known: list[float]
) -> None:
    rows, labels = groups(60, 2)
    targets = torch.stack([(labels == 0).float(), torch.full((60,), torch.nan)], dim=1)
    targets[: len(known), 1] = torch.tensor(known)
    model = fit(features, rows, targets, num_classes=2, likelihood="bernoulli", pool_rows=rows)
    found = probabilities(model, rows, "bernoulli")
    assert found.isfinite().all()
    assert (found[len(known) :, 1] > 0.5).float().mean() < 0.1


def test_the_same_arguments_give_the_same_weights(features: Backbone, small_cnn: Backbone) -> None:
    for backbone, (rows, labels) in ((features, groups(60, 4)), (small_cnn, stripes(100))):
        torch.manual_seed(1)
        first = weights(fit(backbone, rows, labels))
        torch.manual_seed(2)
        assert torch.equal(weights(fit(backbone, rows, labels)), first)
        assert not torch.equal(weights(fit(backbone, rows, labels, seed=1)), first)


def test_training_leaves_torchs_generator_alone(features: Backbone) -> None:
    rows, labels = groups(20, 4)
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(features, rows, labels)
    assert torch.equal(torch.rand(3), expected)


def test_the_trained_network_is_in_eval_mode(features: Backbone) -> None:
    rows, labels = groups(20, 4)
    model = fit(features, rows, labels)
    assert not any(module.training for module in model.modules())
    assert torch.equal(model(rows), model(rows))


def test_a_rare_class_is_not_forgotten(features: Backbone) -> None:
    rows, labels = groups(4000, 4)
    common = (labels < 2).nonzero().flatten()[:200]
    rare = (labels >= 2).nonzero().flatten()[:6]
    chosen = torch.cat([common, rare])
    model = fit(features, rows[chosen], labels[chosen], pool_rows=rows)
    found = probabilities(model, rows[2000:], "categorical").argmax(1)
    assert ((found == labels[2000:])[labels[2000:] >= 2]).float().mean() > 0.6


@pytest.mark.parametrize("labelled", [1, 2, 3])
def test_very_few_labels_are_enough_to_go_on(features: Backbone, labelled: int) -> None:
    rows, labels = groups(30, 4)
    model = fit(features, rows[:labelled], labels[:labelled], pool_rows=rows)
    assert probabilities(model, rows, "categorical").isfinite().all()


def test_progress_counts_up_to_the_end(features: Backbone) -> None:
    rows, labels = groups(20, 4)
    seen: list[tuple[int, int]] = []
    fit(features, rows, labels, on_progress=lambda done, total: seen.append((done, total)))
    total = seen[0][1]
    assert seen == [(step, total) for step in range(1, total + 1)]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_on_a_gpu_is_repeatable() -> None:
    cuda = torch.device("cuda")
    rows, labels = stripes(100)
    backbone = load_backbone("small_cnn", train="all", image_size=16, weights=None, device=cuda)
    first = weights(fit(backbone, rows, labels))
    assert torch.equal(weights(fit(backbone, rows, labels)), first)


# Probabilities


def test_probabilities_do_not_depend_on_the_batch(features: Backbone) -> None:
    rows, labels = groups(50, 4)
    model = fit(features, rows, labels)
    whole = probabilities(model, rows, "categorical")
    torch.testing.assert_close(probabilities(model, rows, "categorical", batch_size=7), whole)
    torch.testing.assert_close(whole.sum(1), torch.ones(50))
    assert probabilities(model, rows[:0], "categorical").shape == (0, 4)


# Files


@pytest.fixture
def saved(features: Backbone, tmp_path: Path) -> Path:
    rows, labels = groups(20, 4)
    path = tmp_path / "projects" / "round-1.safetensors"
    metadata = {"backbone": features.key, "num_classes": "4", "classes": '["a", "b", "c", "Ü"]'}
    save_classifier(path, fit(features, rows, labels), metadata)
    return path


def test_a_stored_classifier_answers_as_before(features: Backbone, tmp_path: Path) -> None:
    rows, labels = groups(20, 4)
    model = fit(features, rows, labels)
    path = tmp_path / "c.safetensors"
    save_classifier(path, model, {"backbone": features.key, "num_classes": "4"})
    loaded = load_classifier(path, features)
    assert torch.equal(loaded(rows), model(rows))
    assert not loaded.training


def test_saving_leaves_one_file(saved: Path) -> None:
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_metadata_needed_for_loading_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lacks num_classes"):
        save_classifier(tmp_path / "c.safetensors", nn.Linear(1, 1), {"backbone": "x"})


def test_another_backbones_classifier_is_refused(saved: Path, small_cnn: Backbone) -> None:
    with pytest.raises(TensorsUnusable, match=f"settings ask for {small_cnn.key}"):
        load_classifier(saved, small_cnn)


@pytest.mark.parametrize("kept", [0, 7, 100, 5000])
def test_a_truncated_file_is_refused(saved: Path, features: Backbone, kept: int) -> None:
    os.truncate(saved, kept)
    with pytest.raises(TensorsUnusable, match="cannot be read"):
        load_classifier(saved, features)


def test_a_missing_file_is_refused(tmp_path: Path, features: Backbone) -> None:
    with pytest.raises(TensorsUnusable, match="cannot be read"):
        load_classifier(tmp_path / "none.safetensors", features)


@pytest.mark.parametrize("classes", ["3", "many", "-1", None])
def test_weights_that_do_not_match_their_metadata_are_refused(
    saved: Path, features: Backbone, classes: str | None
) -> None:
    metadata = {"backbone": features.key}
    if classes is not None:
        metadata["num_classes"] = classes
    save_file(load_file(saved), saved, metadata)
    with pytest.raises(TensorsUnusable, match="does not hold the weights"):
        load_classifier(saved, features)


WRITER = """
import sys
from pathlib import Path
import torch
from torch import nn
from fishermask_backend.learning.classifier import save_classifier

model, number = nn.Linear(500, 500), 0
while True:
    number += 1
    nn.init.constant_(model.weight, number)
    save_classifier(Path(sys.argv[1]), model, {"backbone": str(number), "num_classes": "500"})
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)])
    while not path.exists():
        assert writer.poll() is None
        time.sleep(0.001)
    for _ in range(50):  # whoever reads while it is written, too
        assert load_file(path)["weight"].unique().numel() == 1
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert load_file(path)["weight"].unique().numel() == 1
