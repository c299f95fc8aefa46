"""One of the processes of `test_shards.py`, which torchrun starts: writes what it picked."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from fishermask_backend.fisher import HeadFactors, Known, Shards, select_batch, select_jointly

from .heads import trained

POOL, CLASSES, DIM = 45, 3, 12
OPTIONS: list[dict[str, Any]] = [
    {},
    {"pick_weight": "sample", "ridge": 0.01},
    {"backward_steps": 1.0},
    {"pool_limit": 11, "seed": 4},
    {"ridge": 1e-9},  # everything computed afresh at every pick
    {"target": torch.linspace(0, 1, 45).square()},
]


HEAD_OPTIONS: list[dict[str, Any]] = [{"ridge": 0.1}, {"ridge": 0.1, "pool_limit": 11, "seed": 4}]
JOINT_OPTIONS: list[dict[str, Any]] = [{"ridge": 0.1, "backward_steps": 0.5}, {"pool_limit": 11}]


def make_pool() -> tuple[Tensor, Tensor]:
    """Factors and labels, with copies of an image in several parts of the pool."""
    V = torch.randn((POOL, CLASSES, DIM), generator=torch.Generator().manual_seed(0))
    V[[3, 20, 40]] = 2 * V[7]
    labelled = torch.zeros(POOL, dtype=torch.bool)
    labelled[[1, 17, 30, 44]] = True
    return V, labelled


def head_pool() -> tuple[HeadFactors, Tensor]:
    """Factors of a head, by its structure."""
    case = trained(POOL)
    return case.structured(), case.labelled


def joint_pool() -> tuple[list[HeadFactors | Tensor], list[Tensor]]:
    """Factors of two heads over the same images, and for which of them each is labelled."""
    (V, labelled), (head, own) = make_pool(), head_pool()
    return [V, head], [labelled, own & ~labelled]


def known_of_joint() -> list[Known]:
    """What is known of each image for these two heads, beside its factors."""
    numbers = torch.linspace(0.1, 2, POOL)
    return [Known(numbers, numbers.flip(0)), Known(numbers.square(), torch.ones(POOL), apart=True)]


def cut(rank: int, processes: int) -> slice:
    """Parts of very different sizes, one of them empty."""
    edges = {2: [0, 10, POOL], 3: [0, 30, 30, POOL]}[processes]
    return slice(edges[rank], edges[rank + 1])


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    V, labelled = make_pool()
    own = cut(dist.get_rank(), dist.get_world_size())
    shards = Shards(dist.group.WORLD)
    found = []
    for options in OPTIONS:
        each = {name: v[own] if name == "target" else v for name, v in options.items()}
        made = select_batch(V[own], labelled[own], 6, shards=shards, **each)
        found.append([made.indices.tolist(), made.gains.tolist(), made.remaining.tolist()])
    head, labelled = head_pool()
    part = head[torch.arange(POOL)[own]]
    for options in HEAD_OPTIONS:
        made = select_batch(part, labelled[own], 6, shards=shards, **options)
        found.append([made.indices.tolist(), made.gains.tolist(), made.remaining.tolist()])
    heads, known = joint_pool()
    heads = [each[torch.arange(POOL)[own]] for each in heads]
    for options in JOINT_OPTIONS:
        about = [Known(u[own], r[own], apart) for u, r, apart in known_of_joint()]
        both = select_jointly(
            heads, [each[own] for each in known], 6, shards=shards, known=about, **options
        )
        parts = [each.tolist() for each in both.parts]
        found.append([both.indices.tolist(), both.gains.tolist(), both.remaining.tolist(), *parts])
    (folder / f"{dist.get_rank()}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
