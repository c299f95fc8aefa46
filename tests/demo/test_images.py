import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.images import (
    HELD_OUT,
    LONGEST_SIDE,
    Source,
    choose,
    read_images,
    write_images,
)


def coloured(index: int) -> Image.Image:
    return Image.new("RGB", (8, 8), (index, 0, 0))


def source(per_class: dict[str, int], picture=coloured) -> Source:
    labels = [number for number, count in enumerate(per_class.values()) for _ in range(count)]
    return Source("shapes", "shapes for tests", list(per_class), labels, picture)


def test_the_choice_has_as_many_of_each_class_and_keeps_others_out():
    labels = [index % 10 for index in range(3000)]
    tasks, held_out = choose(labels, 300)
    assert set(Counter(labels[index] for index in tasks).values()) == {30}
    assert set(Counter(labels[index] for index in held_out).values()) == {60}
    assert not set(tasks) & set(held_out)


def test_large_data_hold_out_a_fixed_number():
    _, held_out = choose([index % 10 for index in range(20_000)], 300)
    assert len(held_out) == HELD_OUT


def test_a_small_class_gives_all_it_has_and_the_others_fill_up():
    labels = [0] * 100 + [1] * 6
    tasks, held_out = choose(labels, 60)
    assert Counter(labels[index] for index in tasks) == {0: 55, 1: 5}
    assert Counter(labels[index] for index in held_out) == {0: 20, 1: 1}


def test_tasks_come_in_random_order_and_the_same_each_time():
    labels = [index // 100 for index in range(1000)]
    tasks, _ = choose(labels, 300)
    assert len({labels[index] for index in tasks[:20]}) > 5
    assert choose(labels, 300)[0] == tasks


def test_what_is_written_is_read_again(tmp_path: Path):
    written = write_images(source({"cat": 20, "dog": 20}), tmp_path, 10)
    assert read_images(tmp_path) == written
    assert len(written.tasks) == 10
    assert len(written.held_out) == 8
    assert all(file.exists() for file in written.files([*written.tasks, *written.held_out]))


def test_names_do_not_give_the_class_away(tmp_path: Path):
    written = write_images(source({"cat": 20, "dog": 20}), tmp_path, 10)
    assert not any("cat" in name or "dog" in name for name in written.tasks)


def test_each_file_shows_what_its_label_says(tmp_path: Path):
    written = write_images(source({"cat": 20, "dog": 20}), tmp_path, 10)
    for name, label in (written.tasks | written.held_out).items():
        red, _, _ = Image.open(tmp_path / name).getpixel((0, 0))
        assert label == ("cat" if red < 20 else "dog")


@pytest.mark.parametrize("content", [None, "{", json.dumps({"title": "of an older version"})])
def test_a_writing_that_was_cut_off_counts_as_none(tmp_path: Path, content: str | None):
    if content is not None:
        (tmp_path / "images.json").write_text(content)
    assert read_images(tmp_path) is None


def test_large_photos_are_made_smaller_and_turned_upright(tmp_path: Path):
    photo = Image.new("RGB", (3000, 1500))
    exif = photo.getexif()
    exif[0x0112] = 6  # the camera was held upright
    photo.save(tmp_path / "photo.jpg", exif=exif)
    shapes = source({"cat": 2, "dog": 2}, lambda index: Image.open(tmp_path / "photo.jpg"))
    written = write_images(shapes, tmp_path / "out", 1)
    assert Image.open(written.files(written.tasks)[0]).size == (LONGEST_SIDE // 2, LONGEST_SIDE)


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "CMYK", "I;16", "F"])
def test_every_kind_of_pixels_becomes_a_png(tmp_path: Path, mode: str):
    shapes = source({"cat": 2, "dog": 2}, lambda index: Image.new(mode, (9, 9)))
    written = write_images(shapes, tmp_path, 4)
    assert {Image.open(file).mode for file in written.files(written.tasks)} <= {"L", "RGB"}


def test_files_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path):
    def picture(index: int) -> Image.Image:
        if index % 2:
            raise OSError("cut off")
        return coloured(index)

    written = write_images(source({"cat": 50, "dog": 50}, picture), tmp_path, 1000)
    assert written.unreadable == 50
    assert len(written.tasks) + len(written.held_out) == 50


def test_nothing_readable_is_an_error_that_names_the_source(tmp_path: Path):
    def picture(index: int) -> Image.Image:
        raise OSError("cut off")

    with pytest.raises(DemoError, match="None of the 10 images chosen from shapes for tests"):
        write_images(source({"cat": 50, "dog": 50}, picture), tmp_path, 10)
    assert read_images(tmp_path) is None
