"""Which packaged network, at which size, is the offline default; the table of `docs/training.md`.

    python -m tests.benchmarks.study_backbones cifar10=FOLDER grocery=FOLDER:2

Each FOLDER has `train` and `test`, in them a folder a class; with `:2` the classes are folders in
folders. Accuracy (every class counted the same) after 60 and 120 random labels of `train`, on all of
`test`; every network is given the same labels, ± is the standard error of the paired difference.
Features are kept in `--cache`. Speed: CPU time of one thread, the networks by turns; those of timm's
examples with random weights (`--timm`, the table of `docs/backbones.md`).
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from timm.models import get_pretrained_cfg
from torch import Tensor

from fishermask_backend.images.decoding import decode
from fishermask_backend.learning.backbones import Backbone, load_backbone, timm_models
from tests.benchmarks.study_data import CPU
from tests.benchmarks.study_training import accuracy_of, table

NETWORKS = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
SIZES = (160, 224)
LABELS = (60, 120)
TIMM = {  # examples: a size that its users would take on a CPU, or its own
    "timm/resnet18.a1_in1k": 224,
    "timm/mobilenetv4_conv_small.e2400_r224_in1k": 224,
    "timm/convnext_nano.in12k_ft_in1k": 224,
    "timm/convnext_tiny.in12k_ft_in1k": 224,
    "timm/vit_small_patch14_dinov2.lvd142m": 224,
    "timm/vit_base_patch14_dinov2.lvd142m": 224,
    "timm/vit_base_patch16_siglip_224.webli": 224,
}
AT_ONCE = 64  # images decoded and embedded at a time


def files_of(folder: Path, part: str, depth: int, most: int) -> list[tuple[Path, str]]:
    """At most so many images of a part in a fixed random order, each with its class."""
    root = folder / part
    found = sorted(p for p in root.rglob("*") if p.suffix.lower() in {".jpg", ".jpeg", ".png"})
    order = np.random.default_rng(0).permutation(len(found))[:most]
    chosen = [found[i] for i in order]
    return [(p, "/".join(p.relative_to(root).parts[:depth])) for p in chosen]


def rows_of(files: list[tuple[Path, str]], backbone: Backbone, cache: Path) -> Tensor:
    """Features of these images, computed once."""
    if not cache.exists():
        parts = []
        for start in range(0, len(files), AT_ONCE):
            bodies = [path.read_bytes() for path, _ in files[start : start + AT_ONCE]]
            pixels = [decode(b, backbone.image_size, max_pixels=np.inf) for b in bodies]
            parts.append(backbone.rows(np.stack(pixels)))
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, np.concatenate(parts))
    return torch.from_numpy(np.load(cache))


def speed(backbones: dict[str, Backbone], repeats: int = 9) -> None:
    """Print images embedded a second of CPU time."""
    taken: dict[str, list[float]] = {name: [] for name in backbones}
    for _ in range(repeats):
        for name, backbone in backbones.items():
            size = backbone.image_size
            pixels = np.random.default_rng(0).integers(0, 256, (32, 3, size, size), np.uint8)
            start = time.process_time()
            backbone.rows(pixels)
            taken[name].append(time.process_time() - start)
    print(
        "\n| network, IMAGE_SIZE | images per second of CPU time, one thread, median |\n|---|---|"
    )
    for name, seconds in taken.items():
        print(f"| {name} | {32 / float(np.median(seconds)):.0f} |")


def timm_table(repeats: int = 5) -> None:
    """Print what timm says of its examples, and what they cost."""
    print("| `BACKBONE` | licence | weights | F | own size | images/s and core at 224 |")
    print("|---|---|---|---|---|---|")
    for name, size in TIMM.items():
        about = get_pretrained_cfg(name.removeprefix("timm/"))
        network = timm_models.trunk(name, size, "none").build().eval()
        megabytes = sum(p.numel() for p in network.parameters()) * 4 / 1e6
        seconds = []
        with torch.inference_mode():
            for _ in range(repeats):
                start = time.process_time()
                width = network(torch.zeros(8, 3, size, size)).shape[1]
                seconds.append(time.process_time() - start)
        print(
            f"| `{name}` | {about.license} | {megabytes:.0f} MB | {width} | "
            f"{timm_models.image_size(name)} | {8 / float(np.median(seconds)):.1f} |"
        )


def study(name: str, folder: Path, depth: int, options: argparse.Namespace) -> None:
    """Print a table for each number of labels."""
    pool = files_of(folder, "train", depth, options.images)
    test = files_of(folder, "test", depth, options.images)
    classes = sorted({label for _, label in pool})
    test = [each for each in test if each[1] in classes]
    labels = torch.tensor([classes.index(label) for _, label in pool + test])
    backbones = made()
    rows = {
        key: rows_of(pool + test, backbone, options.cache / f"{name}-{backbone.key}.npy")
        for key, backbone in backbones.items()
    }
    tested = torch.arange(len(pool), len(labels))
    for count in LABELS:
        results: dict[str, list[float]] = {}
        for seed in range(options.seeds):
            generator = torch.Generator().manual_seed(seed)
            order = torch.randperm(len(pool), generator=generator)
            for key, backbone in backbones.items():
                got = accuracy_of(backbone, rows[key], labels, order, order[:count], tested)
                results.setdefault(key, []).append(got)
        title = f"{name}, {len(classes)} classes, {count} random labels"
        table(title, results, f"{NETWORKS[0]}, {SIZES[0]}")


def made() -> dict[str, Backbone]:
    """Every network at every size."""
    return {
        f"{name}, {size}": load_backbone(
            name, train="head", image_size=size, weights=None, device=CPU
        )
        for name in NETWORKS
        for size in SIZES
    }


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", metavar="NAME=FOLDER[:DEPTH]")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--images", type=int, default=2500, help="most of a pool, and of a test")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "study")
    parser.add_argument("--timm", action="store_true", help="the table of timm's examples alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.timm:
        timm_table()
        return
    speed(made())
    for text in options.data:
        name, _, rest = text.partition("=")
        folder, _, depth = rest.partition(":")
        study(name, Path(folder), int(depth or 1), options)


if __name__ == "__main__":
    main()
