"""docs/scaling.md: the cost model of a round, fitted to what was measured, and where it leads."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.tables import table
from tests.this_machine import ROOT

PAGE = ROOT / "docs/scaling.md"
TEMPLATE = ROOT / "tests/benchmarks/scaling.template.md"
BYTES = 8  # of the float64 that the arithmetic is in; factors are kept in float32
DIAGONAL_BYTES = 4

# One H100 (SXM), by NVIDIA's data sheet: float64 on tensor cores, memory, NVLink, a 400 Gbit/s network.
GPU = {"multiply_adds": 67e12 / 2, "memory": 3.35e12, "link": 450e9, "network": 50e9}
GPU_SHARE = 0.4  # of the data sheet's rate that is reached: what the CPU reaches of its own
# Bytes a pick moves for each of the factors': copied (4 + 4), made float64 (4 + 8), multiplied (8).
GPU_READS = 28 / 4
GPU_STEPS = 2e-3  # seconds a pick's small steps take, however small the pool (docs/gpu.md)
GPU_MEMORY = 80e9
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


def shared(p: Problem, ranks: int) -> float:
    """Multiply-adds of a rank on its own images: I_U, X A⁻¹ and its product with I_U, the picks."""
    rows = p.N * p.C / ranks
    return rows * p.d**2 * (0.5 + 1.5) + p.K * rows * 2 * p.C * p.d


def repeated(p: Problem) -> float:
    """Multiply-adds that every rank repeats: a factorisation, and for each pick updates of d×d."""
    return 2 * p.d**3 + p.K * 4 * p.C * p.d**2


def memory(p: Problem, ranks: int) -> float:
    """Bytes of a rank: its factors, gains and work of a chunk are small beside them; d×d thrice."""
    return p.N / ranks * p.C * p.d * 4 + 3 * p.d**2 * BYTES


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
    own = memory(p, ranks)
    link = GPU["link"] if ranks <= NODE else GPU["network"]
    return {
        "shared": shared(p, ranks) / rate + own / GPU["memory"] * GPU_READS * (p.K + 3),
        "repeated": repeated(p) / rate + p.K * (6 * p.d**2 * BYTES / GPU["memory"] + GPU_STEPS),
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
