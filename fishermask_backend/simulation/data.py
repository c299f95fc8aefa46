"""Images whose labels are known: a folder a class, or a CSV of paths and labels."""

import csv
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fishermask_backend.demo.sources import SUFFIXES
from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images.decoding import Square, decode
from fishermask_backend.settings import Settings
from fishermask_backend.simulation import SimulationImpossible

Pixels = Callable[[int, Square], NDArray[np.uint8]]  # image number → (3, S, S); ImageUnavailable

# Folders that are parts of a data set and no classes: they are taken together.
PARTS = {"train", "training", "test", "testing", "val", "valid", "validation"}
PATHS = ("path", "image", "file", "filename")  # what the columns of a CSV may be called
LABELS = ("label", "class", "choice")


@dataclass(frozen=True)
class Images:
    """N labelled images.

    Attributes:
        title: What the report calls them.
        place: Where they are, the same every time; embeddings are kept under it.
        classes: C.
        labels: (N,) the class index of each.
        names: N, what each is called.
        keys: N, the same with what tells that an image has changed, on this machine.
        pixels: Decodes one.
        content: Tells what one is, the same on any machine and whatever it is called.
        notes: What was left out, as sentences.
    """

    title: str
    place: str
    classes: Sequence[str]
    labels: NDArray[np.int64]
    names: Sequence[str]
    keys: Sequence[str]
    pixels: Pixels = field(repr=False)
    content: Callable[[int], str] = field(repr=False)
    notes: Sequence[str] = ()

    @classmethod
    def of_files(
        cls, title: str, place: Path, files: Sequence[tuple[Path, str]], settings: Settings
    ) -> "Images":
        """Return files with the class of each; the classes in alphabetical order."""
        classes = sorted({name for _, name in files})
        number = {name: i for i, name in enumerate(classes)}
        paths = [path for path, _ in files]
        return cls(
            title,
            str(place.resolve()),
            classes,
            np.array([number[name] for _, name in files], dtype=np.int64),
            [_name(path, place) for path in paths],
            [_key(path, place) for path in paths],
            lambda index, square: _decoded(paths[index], square, settings),
            lambda index: hashlib.sha256(paths[index].read_bytes()).hexdigest(),
        )


def from_path(path: Path, level: int, settings: Settings) -> Images:
    """Return the images of a folder, or of a CSV.

    Args:
        path: What --data names.
        level: Which level of folders is the class, 1 for the first; 0: the innermost.
        settings: How large images may be.

    Raises:
        SimulationImpossible: It isn't there, or holds no images of two classes.
    """
    if path.is_dir():
        return from_folder(path, level, settings)
    if path.is_file():
        return from_csv(path, settings)
    raise SimulationImpossible(
        f"--data {path}: there is no such folder or file. Name a folder with a folder a class, a CSV "
        "with the columns path and label, or one of the sets digits, fashion-mnist and cifar10."
    )


def from_folder(folder: Path, level: int, settings: Settings) -> Images:
    """Return the images of a folder that has a folder a class, however deep they lie.

    Folders called train, test or val on top are taken together.

    Raises:
        SimulationImpossible: It has not at least two folders with images.
    """
    tops = {p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")}
    in_parts = bool(tops) and tops <= PARTS
    files, beside = [], 0
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        hidden = any(part.startswith(".") for part in inside)
        if hidden or path.suffix.lower() not in SUFFIXES or not path.is_file():
            continue
        folders = inside[in_parts:-1]
        if folders:
            files.append((path, "/".join(folders[: level or None])))
        else:
            beside += 1
    classes = sorted({name for _, name in files})
    if len(classes) < 2:
        deeper = " --level says which level of folders is the class." if files else ""
        raise SimulationImpossible(
            f"--data {folder}: its images are of {_counted(classes)}; at least two are needed, a "
            f"folder each, such as {folder}/cat/1.jpg and {folder}/dog/1.jpg.{deeper} Images end in "
            f"{', '.join(sorted(SUFFIXES))}."
        )
    made = Images.of_files(f"the images in {folder.resolve().name}", folder, files, settings)
    note = f"{beside} images in no class's folder are left out."
    return replace(made, notes=[note]) if beside else made


def from_csv(file: Path, settings: Settings) -> Images:
    """Return the images that a CSV names, one a line, by paths as seen from its folder.

    Raises:
        SimulationImpossible: A column, a label or a file is missing, or an image has two labels.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            reader = csv.DictReader(opened)
            named = [str(column) for column in reader.fieldnames or []]
            paths, labels = (_column(file, named, columns) for columns in (PATHS, LABELS))
            rows = [
                (reader.line_num, (row[paths] or "").strip(), (row[labels] or "").strip())
                for row in reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise SimulationImpossible(f"--data {file}: it is no CSV in UTF-8 ({error}).") from None
    known: dict[Path, str] = {}
    for line, name, label in rows:
        path = file.parent / name
        if not name or not label:
            raise SimulationImpossible(
                f"--data {file}, line {line}: the {'label' if name else 'path'} is empty. Complete the "
                "line, or remove it."
            )
        if known.setdefault(path, label) != label:
            raise SimulationImpossible(
                f"--data {file}, line {line}: {name} is {label} here and {known[path]} further up. An "
                "image has one label."
            )
    missing = [path for path in known if not path.is_file()]
    if missing:
        raise SimulationImpossible(
            f"--data {file}: of {len(known)} files {len(missing)} are not there, {missing[0]} for one. "
            f"Paths are as seen from {file.parent}."
        )
    if len(set(known.values())) < 2:
        classes = sorted(set(known.values()))
        raise SimulationImpossible(
            f"--data {file}: its images are of {_counted(classes)}; at least two are needed."
        )
    return Images.of_files(f"the images of {file.name}", file, [*known.items()], settings)


def squared(body: bytes, square: Square, settings: Settings) -> NDArray[np.uint8]:
    """Decode an image file as rounds do.

    Raises:
        ImageUnavailable: It is none, or broken or too large.
    """
    return decode(
        body,
        square.side,
        max_pixels=settings.max_image_pixels,
        interpolation=square.interpolation,
    ).pixels


def check_sizes(images: Images) -> None:
    """Refuse classes none of which can be both labelled and tested on.

    Raises:
        SimulationImpossible: Fewer than two classes have two images.
    """
    counts = Counter(images.labels.tolist())
    if sum(count > 1 for count in counts.values()) < 2:
        raise SimulationImpossible(
            f"{len(images.labels)} images of {len(counts)} classes are too few: at least two classes "
            "need two images each, one to label and one to test on. Add images."
        )


def _column(file: Path, given: Sequence[str], names: Sequence[str]) -> str:
    for column in given:
        if column.strip().lower() in names:
            return column
    raise SimulationImpossible(
        f"--data {file}: its first line is {','.join(given)!r}, without a column {names[0]!r} (or "
        f"{', '.join(names[1:])}). It must be path,label."
    )


def _counted(classes: Sequence[str]) -> str:
    return f"one class, {classes[0]!r}" if classes else "no class"


def _name(path: Path, place: Path) -> str:
    folder = place if place.is_dir() else place.parent
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()


def _key(path: Path, place: Path) -> str:
    about = path.stat()
    return f"{_name(path, place)} {about.st_size} {about.st_mtime_ns}"


def _decoded(path: Path, square: Square, settings: Settings) -> NDArray[np.uint8]:
    try:
        if path.stat().st_size > settings.max_image_bytes:
            raise ImageUnavailable(
                f"{path}: it has more than MAX_IMAGE_BYTES={settings.max_image_bytes} bytes"
            )
        body = path.read_bytes()
    except OSError as error:
        raise ImageUnavailable(f"{path}: it cannot be read ({error.strerror})") from None
    try:
        return squared(body, square, settings)
    except ImageUnavailable as error:
        raise ImageUnavailable(f"{path}: {error}") from None
