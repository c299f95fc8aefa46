"""Labelled images of a user's own: folders and tables, and what is said of bad ones."""

import os

import numpy as np
import pytest

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images.decoding import Square, decode
from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.simulation.data import check_sizes, from_path
from tests.simulation.pictures import folders, picture

RED = (200, 0, 0)


def by_class(images):
    return {
        name: [images.names[i] for i in np.flatnonzero(images.labels == c)]
        for c, name in enumerate(images.classes)
    }


def table(path, *lines, encoding="utf-8"):
    path.write_text("".join(f"{line}\n" for line in lines), encoding=encoding)
    return path


def test_a_folder_a_class(tmp_path, settings):
    images = from_path(folders(tmp_path / "mine", 3), 1, settings)
    assert images.classes == ["blue", "green", "red"]
    assert by_class(images)["green"] == ["green/00.png", "green/01.png", "green/02.png"]
    assert images.title == "the images in mine"
    expected = decode(
        (tmp_path / "mine" / "red" / "01.png").read_bytes(), 16, max_pixels=1e6
    ).pixels
    assert np.array_equal(images.pixels(images.names.index("red/01.png"), Square(16)), expected)


def test_images_lie_as_deep_as_they_like(tmp_path, settings):
    for name in ("a/1.png", "a/deep/er/2.JPG", "b/x/3.png", "b/y/4.png", "b/.thumbs/5.png"):
        picture(tmp_path / name, RED, 0)
    (tmp_path / "a" / "notes.txt").write_text("no image")
    assert by_class(from_path(tmp_path, 1, settings)) == {
        "a": ["a/1.png", "a/deep/er/2.JPG"],
        "b": ["b/x/3.png", "b/y/4.png"],
    }
    assert from_path(tmp_path, 2, settings).classes == ["a", "a/deep", "b/x", "b/y"]
    assert from_path(tmp_path, 0, settings).classes == ["a", "a/deep/er", "b/x", "b/y"]


def test_train_and_test_are_no_classes(tmp_path, settings):
    for name in ("train/a/1.png", "train/b/1.png", "test/a/1.png"):
        picture(tmp_path / name, RED, 0)
    found = by_class(from_path(tmp_path, 1, settings))
    assert found == {"a": ["test/a/1.png", "train/a/1.png"], "b": ["train/b/1.png"]}
    picture(tmp_path / "other" / "1.png", RED, 0)  # now they are names like any other
    assert from_path(tmp_path, 1, settings).classes == ["other", "test", "train"]


def test_images_beside_the_folders_are_told(tmp_path, settings):
    folders(tmp_path, 2)
    picture(tmp_path / "stray.png", RED, 0)
    assert from_path(tmp_path, 1, settings).notes == ["1 images in no class's folder are left out."]


def test_an_image_that_has_changed_has_another_key(tmp_path, settings):
    folders(tmp_path, 2)
    before = from_path(tmp_path, 1, settings)
    before_is = [before.content(i) for i in range(len(before.names))]
    os.utime(picture(tmp_path / "red" / "00.png", RED, 9), (1, 1))
    after = from_path(tmp_path, 1, settings)
    assert after.names == before.names
    changed = [after.names[i] for i, key in enumerate(before.keys) if key != after.keys[i]]
    assert changed == ["red/00.png"]
    changed = [name for i, name in enumerate(after.names) if before_is[i] != after.content(i)]
    assert changed == ["red/00.png"]


@pytest.mark.parametrize(
    ("header", "encoding"),
    [("path,label", "utf-8"), ("Label;x,ignored,FILE", "utf-8"), ("choice,image", "utf-8-sig")],
)
def test_a_table_of_paths_and_labels(tmp_path, settings, header, encoding):
    folders(tmp_path, 2, ("a", "b"))
    columns = header.replace("Label;x", "label").split(",")
    place = {"path": 0, "file": 0, "image": 0, "label": 1, "choice": 1}
    lines = [
        ",".join(row[place[c.lower()]] if c.lower() in place else "" for c in columns)
        for row in (("a/00.png", "Äpfel"), ("b/01.png", '"pears, sweet"'), ("a/00.png", "Äpfel"))
    ]
    file = table(tmp_path / "labels.csv", ",".join(columns), *lines, encoding=encoding)
    assert by_class(from_path(file, 1, settings)) == {
        "pears, sweet": ["b/01.png"],
        "Äpfel": ["a/00.png"],
    }


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "its first line is '', without a column 'path'"),
        (["image,klass", "a.png,x"], "its first line is 'image,klass', without a column 'label'"),
        (["path,label", "a.png,"], "line 2: the label is empty"),
        (["path,label", ",x"], "line 2: the path is empty"),
        (["path,label", "a.png,x", "a.png,y"], "line 3: a.png is y here and x further up"),
        (["path,label", "a.png,x", "no.png,y"], r"of 2 files 1 are not there, .*no\.png for one"),
        (["path,label", "a.png,x"], "its images are of one class, 'x'; at least two"),
        (["path,label"], "its images are of no class"),
    ],
)
def test_a_table_that_can_t_be_meant(tmp_path, settings, lines, told):
    picture(tmp_path / "a.png", RED, 0)
    with pytest.raises(SimulationImpossible, match=told) as refused:
        from_path(table(tmp_path / "labels.csv", *lines), 1, settings)
    assert "--data" in str(refused.value)


def test_a_table_in_another_encoding(tmp_path, settings):
    (tmp_path / "labels.csv").write_bytes(b"path,label\n\xff.png,x\n")
    with pytest.raises(SimulationImpossible, match="it is no CSV in UTF-8"):
        from_path(tmp_path / "labels.csv", 1, settings)


def test_what_is_not_there(tmp_path, settings):
    with pytest.raises(
        SimulationImpossible, match=r"there is no such folder or file\. Name a folder"
    ):
        from_path(tmp_path / "nowhere", 1, settings)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ((), "of no class; at least two"),
        (("a/1.png", "a/2.png"), "of one class, 'a'; at least two .* --level says which"),
        (("1.png", "2.png"), "of no class"),
    ],
)
def test_a_folder_of_fewer_than_two_classes(tmp_path, settings, names, told):
    for name in names:
        picture(tmp_path / name, RED, 0)
    with pytest.raises(SimulationImpossible, match=told):
        from_path(tmp_path, 1, settings)


def test_classes_of_one_image_each_are_too_few(tmp_path, settings):
    with pytest.raises(SimulationImpossible, match="3 images of 3 classes are too few"):
        check_sizes(from_path(folders(tmp_path, 1), 1, settings))
    picture(tmp_path / "red" / "more.png", RED, 0)
    picture(tmp_path / "blue" / "more.png", RED, 0)
    check_sizes(from_path(tmp_path, 1, settings))


def test_what_cannot_be_decoded_names_its_file(tmp_path, configured):
    settings = configured(MAX_IMAGE_BYTES="4000")
    folders(tmp_path, 2)
    (tmp_path / "red" / "00.png").write_bytes(b"no image")
    (tmp_path / "red" / "01.png").write_bytes(bytes(5000))
    images = from_path(tmp_path, 1, settings)
    with pytest.raises(ImageUnavailable, match=r"red/00\.png: .*no image, or a damaged one"):
        images.pixels(images.names.index("red/00.png"), Square(16))
    with pytest.raises(ImageUnavailable, match=r"red/01\.png: .*MAX_IMAGE_BYTES=4000"):
        images.pixels(images.names.index("red/01.png"), Square(16))
    (tmp_path / "blue" / "00.png").unlink()
    with pytest.raises(ImageUnavailable, match=r"blue/00\.png: it cannot be read"):
        images.pixels(images.names.index("blue/00.png"), Square(16))
