import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.sources import (
    FASHION_CLASSES,
    digits_source,
    download_fashion_mnist,
    find_source,
    folder_source,
)


def photo(path: Path, shade: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (5, 5), shade).save(path)


def fashion_files(folder: Path) -> None:
    """Three images in the format of the real files."""
    folder.mkdir(parents=True)
    labels = np.array([9, 0, 3], np.uint8).tobytes()
    pixels = np.repeat(np.array([10, 20, 30], np.uint8), 28 * 28).tobytes()
    for name, header, content in (("labels-idx1", 8, labels), ("images-idx3", 16, pixels)):
        with gzip.open(folder / f"train-{name}-ubyte.gz", "wb") as file:
            file.write(bytes(header) + content)


def test_a_folder_a_class_with_folders_below_and_other_files_about(tmp_path: Path):
    photo(tmp_path / "cat" / "a.PNG")
    photo(tmp_path / "dog" / "2024" / "b.jpg", 200)
    photo(tmp_path / ".thumbnails" / "c.png")
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.csv").write_text("")
    found = folder_source(tmp_path)
    assert found.classes == ["cat", "dog"]
    assert found.labels == [0, 1]
    assert found.picture(1).getpixel((0, 0)) == pytest.approx(200, abs=3)


def test_a_missing_folder_is_named(tmp_path: Path):
    with pytest.raises(DemoError, match=re.escape(f"There is no folder {tmp_path / 'nowhere'}")):
        folder_source(tmp_path / "nowhere")


def test_one_class_is_not_enough(tmp_path: Path):
    photo(tmp_path / "cat" / "a.png")
    with pytest.raises(DemoError, match="has 1 folders with images; at least two"):
        folder_source(tmp_path)


def test_fashion_mnist_where_debian_puts_it(tmp_path: Path):
    fashion_files(tmp_path / "debian")
    found = find_source(None, tmp_path / "downloads", debian=tmp_path / "debian")
    assert found.name == "Fashion-MNIST"
    assert [FASHION_CLASSES[label] for label in found.labels] == [
        "Ankle boot",
        "T-shirt/top",
        "Dress",
    ]
    assert [found.picture(index).getpixel((5, 5)) for index in range(3)] == [10, 20, 30]


def test_fashion_mnist_that_torchvision_left_is_not_fetched_again(tmp_path: Path):
    fashion_files(tmp_path / "downloads" / "FashionMNIST" / "raw")
    found = find_source(None, tmp_path / "downloads", debian=tmp_path / "nowhere")
    assert found.name == "Fashion-MNIST"


def test_the_users_folder_comes_before_anything_else(tmp_path: Path):
    fashion_files(tmp_path / "debian")
    photo(tmp_path / "mine" / "cat" / "a.png")
    photo(tmp_path / "mine" / "dog" / "b.png")
    found = find_source(tmp_path / "mine", tmp_path, debian=tmp_path / "debian")
    assert found.classes == ["cat", "dog"]
    assert found.name == "mine"


def test_a_download_that_hangs_is_given_up(tmp_path: Path):
    assert not download_fashion_mnist(tmp_path, seconds=0.01)


def test_digits_are_those_of_scikit_learn():
    found, digits = digits_source(), load_digits()
    assert found.classes == [str(name) for name in digits.target_names]
    assert found.labels == digits.target.tolist()
    assert found.picture(0).size == (8, 8)
    for index in (0, 1000, 1796):
        expected = np.round(digits.images[index] * (255 / 16))
        assert np.array_equal(np.asarray(found.picture(index)), expected)
