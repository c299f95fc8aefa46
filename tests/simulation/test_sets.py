"""Data sets by name."""

import numpy as np
import pytest

from fishermask_backend.images.decoding import Square
from fishermask_backend.simulation import SimulationImpossible, sets
from fishermask_backend.simulation.sets import from_set

TINY = Square(16)


def test_digits(settings):
    images = from_set("digits", settings)
    assert images.classes == [str(i) for i in range(10)]
    assert len(images.labels) == len(images.names) == 1797
    assert (images.pixels(0, TINY).shape, images.pixels(0, TINY).dtype) == ((3, 16, 16), np.uint8)


def test_fashion_mnist_of_the_debian_package(settings):
    if not sets.has_fashion_mnist(sets.DEBIAN):
        pytest.skip("needs Debian's package dataset-fashion-mnist")
    images = from_set("fashion-mnist", settings)
    assert (len(images.labels), len(images.classes)) == (60_000, 10)
    assert images.pixels(59_999, TINY).any()


def test_without_internet_it_is_said_what_to_do(settings, monkeypatch, tmp_path):
    monkeypatch.setattr(sets, "DOWNLOAD_SECONDS", 0.01)  # no network answers so quickly
    with pytest.raises(
        SimulationImpossible, match="--data cifar10: torchvision could not fetch it"
    ):
        from_set("cifar10", settings)
    monkeypatch.setattr(sets, "DEBIAN", tmp_path)
    monkeypatch.setattr(sets, "download_fashion_mnist", lambda folder: False)
    with pytest.raises(
        SimulationImpossible, match="install Debian's package dataset-fashion-mnist"
    ):
        from_set("fashion-mnist", settings)


def test_cifar10_once_it_is_there(settings, monkeypatch):
    folder = settings.model_dir / sets.DOWNLOADS
    data = np.arange(5 * 3072, dtype=np.uint8).reshape(5, 3072)
    calls = []

    class CIFAR10:
        def __init__(self, root):
            calls.append(root)
            self.classes, self.targets = ["plane", "car"], [0, 1, 1, 0, 1]
            self.data = data.reshape(5, 3, 32, 32).transpose(0, 2, 3, 1)

    monkeypatch.setattr("torchvision.datasets.CIFAR10", CIFAR10)
    monkeypatch.setattr(sets.subprocess, "run", lambda *_, **__: None)
    images = from_set("cifar10", settings)
    assert images.labels.tolist() == [0, 1, 1, 0, 1]
    assert np.array_equal(images.pixels(2, Square(32)), data[2].reshape(3, 32, 32))
    assert calls == [folder]
