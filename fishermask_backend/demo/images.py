"""The demo's images: chosen, written out as PNG files, and their true labels kept beside them."""

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from PIL import Image, ImageOps

from fishermask_backend.demo import DemoError

HELD_OUT = 1000
LONGEST_SIDE = 1024


@dataclass(frozen=True)
class Source:
    """Labelled pictures from somewhere.

    Attributes:
        name: Short, for the project's title.
        title: What the demo says it uses.
        classes: Their names.
        labels: The class index of each picture.
        picture: Picture number i; raises OSError where it can't be read.
    """

    name: str
    title: str
    classes: Sequence[str]
    labels: Sequence[int]
    picture: Callable[[int], Image.Image]


@dataclass(frozen=True)
class DemoImages:
    """PNG files in `folder`: `tasks` for the project, `held_out` kept from it. Name → class."""

    folder: Path
    name: str
    title: str
    classes: list[str]
    tasks: dict[str, str]
    held_out: dict[str, str]
    unreadable: int = 0

    def files(self, names: Iterable[str]) -> list[Path]:
        """Where these images are."""
        return [self.folder / name for name in names]


def choose(labels: Sequence[int], tasks: int, seed: int = 0) -> tuple[list[int], list[int]]:
    """Chooses pictures at random, the same number of each class as far as there are enough.

    Args:
        labels: Class index of each picture.
        tasks: How many are wanted for the project.
        seed: Of the choice.

    Returns:
        Indices for the project, in random order, and indices held out: up to `HELD_OUT`, and never
        more than a fifth of a class.
    """
    dice = random.Random(seed)
    by_class: dict[int, list[int]] = defaultdict(list)
    for index, label in enumerate(labels):
        by_class[label].append(index)
    quota = max(1, HELD_OUT // len(by_class))
    held_out, rest = [], []
    for members in by_class.values():
        dice.shuffle(members)
        kept = min(quota, len(members) // 5)
        held_out += members[:kept]
        rest.append(members[kept:])
    chosen = list(_take_turns(rest))[:tasks]
    dice.shuffle(chosen)
    return chosen, held_out


def _take_turns(piles: Sequence[Sequence[int]]) -> Iterator[int]:
    for turn in range(max(map(len, piles))):
        yield from (pile[turn] for pile in piles if turn < len(pile))


def write_images(
    source: Source,
    folder: Path,
    tasks: int,
    progress: Callable[[str], None] = lambda state: None,
) -> DemoImages:
    """Write the chosen pictures and `images.json`, which comes last and so says that all is there.

    Pictures larger than `LONGEST_SIDE` pixels are made smaller, those that can't be read left out.

    Raises:
        DemoError: None of them can be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    names: dict[str, dict[str, str]] = {"image": {}, "held-out": {}}
    chosen, held_out = choose(source.labels, tasks)
    plan = [("image", index) for index in chosen] + [("held-out", index) for index in held_out]
    unreadable = 0
    for number, (kind, index) in enumerate(plan):
        progress(f"{number} of {len(plan)}")
        name = f"{kind}-{number + 1:05}.png"
        try:
            _tidy(source.picture(index)).save(folder / name)
        except (OSError, ValueError, Image.DecompressionBombError):
            unreadable += 1
            continue
        names[kind][name] = source.classes[source.labels[index]]
    if not names["image"]:
        raise DemoError(f"None of the {len(chosen)} images chosen from {source.title} can be read.")
    images = DemoImages(
        folder,
        source.name,
        source.title,
        list(source.classes),
        names["image"],
        names["held-out"],
        unreadable,
    )
    content = asdict(images) | {"folder": ""}
    (folder / "images.json").write_text(json.dumps(content, indent=1) + "\n")
    return images


def read_images(folder: Path) -> DemoImages | None:
    """Return what `write_images` has left in `folder`; None if it never came to its end."""
    try:
        content = json.loads((folder / "images.json").read_text())
        return DemoImages(**content | {"folder": folder})
    except (FileNotFoundError, ValueError, TypeError):  # cut off, or of another version
        return None


def _tidy(picture: Image.Image) -> Image.Image:
    picture = ImageOps.exif_transpose(picture)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return picture if picture.mode in {"L", "RGB"} else picture.convert("RGB")
