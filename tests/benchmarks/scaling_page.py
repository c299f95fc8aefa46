"""docs/scaling.md: the cost model of a round, fitted to what was measured, and where it leads."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fishermask_backend.fisher.head import AT_HAND_BYTES
from tests.tables import table
from tests.this_machine import ROOT

PAGE = ROOT / "docs/scaling.md"
TEMPLATE = ROOT / "tests/benchmarks/scaling.template.md"
BYTES = 8  # of the float64 that the arithmetic is in; factors are kept in float32
DIAGONAL_BYTES = 4

# One H100 (SXM), by NVIDIA's data sheet: float64 on tensor cores, memory, NVLink, a 400 Gbit/s network.
GPU = {"multiply_adds": 67e12 / 2, "memory": 3.35e12, "link": 450e9, "network": 50e9}
GPU_SHARE = 0.4  # of the data sheet's rate that is reached: what the CPU reaches of its own
GPU_STEPS = 2e-3  # seconds a pick's small steps take, however small the pool (docs/gpu.md)
GPU_STARTS = 10e-6 * (64 + 10)  # and starting a product for each unit, a chunk of images at a time
GPU_CHUNK = 2**28  # bytes
GPU_MEMORY = 80e9
HIDDEN = 64  # units before the last layer: inputs of it, and groups of masked entries at most
PASSES = 3  # over the pool before the first pick: I_U, P and Q
NODE = 8  # GPUs that NVLink joins
LISTING = 15 / 10_000  # seconds a task of Label Studio's /api/tasks (measured on 1.23.2)


class Problem(NamedTuple):
    """N images of which L are labelled, C classes, d masked of P parameters, K to pick."""

    N: int
    L: int
    C: int
    d: int
    P: int
    K: int


def rows_of_a_pick(p: Problem) -> int:
    """W and U of one: a softmax tells one direction less than it has classes."""
    return 2 * (p.C - 1)


def inner(p: Problem) -> int:
    """Masked entries of the hidden layer."""
    return p.d - p.C * (HIDDEN + 1)


def shared(p: Problem, ranks: int) -> float:
    """Multiply-adds of a rank on its own images, by the head's structure."""
    start = PASSES * p.d**2 / 2
    pick = rows_of_a_pick(p) * (p.C * (HIDDEN + 1) + inner(p) + p.C * HIDDEN + p.C**2)
    return p.N / ranks * (start + p.K * pick)


def repeated(p: Problem) -> float:
    """Multiply-adds that every rank repeats: A⁻¹ and A⁻¹ I_U A⁻¹; of each pick two products of rows.

    Behind these are the products with the rows of all picks before it.
    """
    before = p.K / 2 * rows_of_a_pick(p) / 2
    return 2.5 * p.d**3 + p.K * (2 * p.C * p.d**2 + 4 * p.C * before * p.d)


def image_bytes(p: Problem) -> int:
    """A head's factors of an image, P and Q."""
    return 8 * p.C**2 + 4 * (HIDDEN + 1 + inner(p)) + 16 * p.C**2


def memory(p: Problem, ranks: int) -> float:
    """Bytes of a rank: work of a chunk is small beside them; d×d seven times."""
    return p.N / ranks * image_bytes(p) + 7 * p.d**2 * BYTES


def pick_bytes(p: Problem) -> int:
    """What a pick moves for an image.

    Its numbers are read, made float64 and read again, but for few images, whose are float64 already;
    products of units and of classes are written and read, these once more to be laid side by side; P
    and Q are read and written, and read for the bounds.
    """
    numbers = HIDDEN + 1 + inner(p)
    at_hand = BYTES * p.N * (p.C**2 + numbers) <= AT_HAND_BYTES
    numbers *= BYTES if at_hand else 4 + 8 + 8
    products = BYTES * rows_of_a_pick(p) * (6 * p.C + 2 * HIDDEN)
    return numbers + products + 6 * BYTES * p.C**2


def traffic(p: Problem, ranks: int) -> float:
    """Bytes that a rank sends: rings of the diagonal and I_U, for each pick four numbers and C×d."""
    ring = 2 * (ranks - 1) / ranks
    return ring * (
        p.P * DIAGONAL_BYTES + p.d**2 * BYTES + p.K * (4 * BYTES + p.C * p.d * BYTES) + p.N * BYTES
    )


def fit(rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    """Seconds a shared multiply-add, a repeated one, an image of a rank, a start of two processes.

    Least squares of relative errors, none of the four below 0.
    """
    columns = np.array([columns_of(row) for row in rows])
    seconds = np.array([row["seconds"] for row in rows])
    scaled = columns / seconds[:, None]
    kept = np.ones(4, dtype=bool)
    while True:
        found = np.zeros(4)
        found[kept] = np.linalg.lstsq(scaled[:, kept], np.ones(len(rows)), rcond=None)[0]
        if (found >= 0).all():
            return found
        kept &= found > 0


def columns_of(row: dict[str, Any]) -> tuple[float, float, float, float]:
    p, ranks = problem_of(row), row["processes"]
    return shared(p, ranks), repeated(p), p.N / ranks, float(ranks > 1)


def problem_of(row: dict[str, Any]) -> Problem:
    return Problem(*(row[name] for name in Problem._fields))


def gpu_seconds(p: Problem, ranks: int) -> dict[str, float]:
    """Predicted seconds of each part on so many H100."""
    rate = GPU["multiply_adds"] * GPU_SHARE
    link = GPU["link"] if ranks <= NODE else GPU["network"]
    own = p.N / ranks
    each = pick_bytes(p._replace(N=round(own)))
    chunks = max(1.0, own * each / GPU_CHUNK)
    moved = own * each * (p.K + PASSES) / GPU["memory"]
    return {
        "shared": shared(p, ranks) / rate + moved + p.K * chunks * GPU_STARTS,
        "repeated": repeated(p) / rate + p.K * (2 * p.d**2 * BYTES / GPU["memory"] + GPU_STEPS),
        "traffic": traffic(p, ranks) / link + p.K * 5 * 30e-6,
    }


def write(measured: dict[str, Any]) -> None:
    """Fit and write the page."""
    found = fit(measured["rows"])
    machine = measured["machine"]
    text = TEMPLATE.read_text().format(
        measured=measured_table(measured["rows"], found),
        shared=1 / found[0] / 1e9,
        image=found[2] * 1e6,
        start=found[3],
        predicted=predicted_table(measured["rows"][0]),
        machine=f"{machine['cores']} cores {machine['processor']}, torch {machine['torch']}",
        date=measured["date"],
        d=measured["rows"][0]["d"],
        K=measured["rows"][0]["K"],
        share=GPU_SHARE,
        moved=pick_bytes(problem_of(measured["rows"][0])._replace(N=10**5)) / 1e3,
        formed=28e-3 * measured["rows"][0]["C"] * measured["rows"][0]["d"],
        firal=firal(measured["rows"][0]),
    )
    PAGE.write_text(text)
    print(text)


def measured_table(rows: list[dict[str, Any]], found: NDArray[np.float64]) -> str:
    cells = []
    for row in rows:
        told = float(np.dot(columns_of(row), found))
        p, ranks = problem_of(row), row["processes"]
        sent = traffic(p, ranks) * ranks / 1e6 if ranks > 1 else 0.0
        cells.append(
            (
                f"{p.N:,}", p.d, ranks, f"{row['seconds']:.1f} s", f"{told:.1f} s",
                f"{told / row['seconds'] - 1:+.0%}",
                f"{row['mb']:.0f} MB" if ranks > 1 else "–",
                f"{sent:.0f} MB" if ranks > 1 else "–",
            )
        )  # fmt: skip
    heads = (
        "images",
        "d",
        "processes",
        "measured",
        "model",
        "off by",
        "sent, measured",
        "sent, model",
    )
    return table(heads, cells)


def predicted_table(row: dict[str, Any]) -> str:
    cells = []
    for count in (10**5, 10**6, 10**7):
        for ranks in (1, 8, 64):
            p = problem_of(row)._replace(N=count)
            need = memory(p, ranks)
            parts = gpu_seconds(p, ranks)
            cells.append(
                (
                    f"{count:,}", ranks, f"{need / 1e9:.1f} GB" + (" (too much)" * (need > GPU_MEMORY)),
                    *(short(parts[name]) for name in ("shared", "repeated", "traffic")),
                    short(sum(parts.values())), f"{traffic(p, ranks) / 1e6:.0f} MB",
                    hours(count * LISTING),
                )
            )  # fmt: skip
    heads = (
        "images", "GPUs", "memory of each", "shared work", "repeated work", "talking", "together",
        "sent by each", "Label Studio lists them in",
    )  # fmt: skip
    return table(heads, cells)


def firal(row: dict[str, Any]) -> str:
    """What the model says of Approx-FIRAL's largest test."""
    p, ranks = problem_of(row)._replace(N=3_000_000), 12
    return f"{sum(gpu_seconds(p, ranks).values()):.0f} s and {memory(p, ranks) / 1e9:.0f} GB a GPU"


def short(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"
