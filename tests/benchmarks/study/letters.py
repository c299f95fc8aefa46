"""Sets that no default was chosen by: letters in this machine's fonts, plain or over photographs.

    python -m tests.benchmarks.study.letters letters
    python -m tests.benchmarks.study.letters letters-over --over PHOTOS

What tells the classes is a shape; what fills the image is a colour, or a photograph, which a backbone
knows far better. Fonts differ from machine to machine (Debian's packages `fonts-*` have hundreds),
and other fonts make other images: the points in `docs/study` are of 41 families, and are not gone on
with where others are drawn.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

LETTERS = "ACEGHKMRSZ"  # none is another one turned
EACH = 200
SIZE = 160
TURNED = 45.0  # degrees, at most
TALL = 0.45, 0.98  # part of the image
FONTS = "/usr/share/fonts"
NO_LETTERS = ("Math", "Symbol", "Dingbat", "Initial", "Orna", "Keyb", "Emoji", "Barcode")


def main() -> None:
    """Write a folder a letter."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--over", type=Path, help="folder of photographs, instead of one colour")
    parser.add_argument("--fonts", type=Path, default=Path(FONTS), help=f"default: {FONTS}")
    given = parser.parse_args()
    families = families_of(given.fonts)
    photos = photos_in(given.over) if given.over else []
    chance = random.Random(0)
    for letter in LETTERS:
        folder = given.out / letter
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(EACH):
            picture = drawn(letter, families, background(photos, chance), chance)
            picture.save(folder / f"{number:03d}.png")
    print(f"{len(LETTERS) * EACH} letters in {len(families)} families of fonts: {given.out}")


def photos_in(folder: Path) -> list[Path]:
    """Return the photographs of a folder, however deep."""
    found = sorted(path for path in folder.rglob("*") if path.suffix in (".jpg", ".png"))
    if not found:
        raise SystemExit(f"--over {folder}: no .jpg or .png photograph is there.")
    return found


def families_of(folder: Path) -> list[list[Path]]:
    """Return the files of each family of fonts that has letters, so that none counts for its many."""
    found: dict[str, list[Path]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".ttf", ".otf")):
        if not any(word in path.stem for word in NO_LETTERS):
            found.setdefault(str(ImageFont.truetype(path).getname()[0]), []).append(path)
    if not found:
        raise SystemExit(f"--fonts {folder}: no .ttf or .otf font with letters is there.")
    return [*found.values()]


def background(photos: Sequence[Path], chance: random.Random) -> Image.Image:
    """Return a photograph, or one colour where there is none."""
    if not photos:
        return Image.new("RGB", (SIZE, SIZE), colour(chance))
    return Image.open(chance.choice(photos)).convert("RGB").resize((SIZE, SIZE))


def colour(chance: random.Random) -> tuple[int, int, int]:
    """Return any colour."""
    return chance.randrange(256), chance.randrange(256), chance.randrange(256)


def drawn(
    letter: str, families: Sequence[Sequence[Path]], ground: Image.Image, chance: random.Random
) -> Image.Image:
    """Draw a letter somewhere on a background, in any font and colour, turned a little."""
    font = ImageFont.truetype(chance.choice(chance.choice(families)), 200)
    mask = Image.new("L", (400, 400))
    ImageDraw.Draw(mask).text((200, 200), letter, fill=255, font=font, anchor="mm")
    mask = mask.rotate(chance.uniform(-TURNED, TURNED), Image.Resampling.BICUBIC)
    mask = mask.crop(mask.getbbox())
    scale = chance.uniform(*TALL) * SIZE / max(mask.size)
    mask = mask.resize((max(1, int(mask.width * scale)), max(1, int(mask.height * scale))))
    place = chance.randint(0, SIZE - mask.width), chance.randint(0, SIZE - mask.height)
    ground.paste(colour(chance), (*place, place[0] + mask.width, place[1] + mask.height), mask)
    return ground


if __name__ == "__main__":
    main()
