"""docs/gpu.md, from what `tests.benchmarks.gpu` measured."""

from typing import Any

from tests.this_machine import ROOT

from .engine.page import seconds, table, timed
from .scaling_page import Problem, gpu_seconds

PAGE = ROOT / "docs/gpu.md"


def write(found: dict[str, Any]) -> None:
    """Write the page."""
    machine, gemm = found["machine"], found["gemm"]
    sections = [
        "# On a GPU",
        f"Made by `python -m tests.benchmarks.gpu` on {found['date']}, {found['seconds']:.0f} s: "
        f"one {machine['cuda']}, and beside it the {machine['cores']} cores of its machine "
        f"({machine['processor']}, {machine['memory_gb']:.0f} GB); Python {machine['python']}, torch "
        f"{machine['torch']}. Large matrix products reach {gemm['float32']:.0f} (float32, without "
        f"TF32) and {gemm['float64']:.0f} (float64) · 10¹² multiply-adds a second. Medians, with the "
        "quartiles in brackets, or least and greatest of three. That the GPU finds what the "
        "processor finds is tested: `pytest -m gpu`.",
        "## Gradients",
        gradients(found["gradients"]),
        "## Selection",
        selections(found["selections"], gemm["float64"]),
        "## Embedding",
        embedding(found["embedding"]),
        "## A whole round",
        rounds(found["whole_rounds"]),
    ]
    PAGE.write_text("\n\n".join(sections) + "\n")
    print(PAGE.relative_to(ROOT), flush=True)


def gradients(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        times = row["times"]
        forward = times["forward"]["median"]
        ways = [
            f"{timed(times[name])}, {times[name]['median'] / forward:.0f} forward passes"
            for name in ("diagonal", "factors")
        ]
        lines.append(
            [
                row["network"], f"{row['images']:,}", f"{row['parameters']:,}", f"{row['d']:,}",
                seconds(forward), *ways, seconds(row["cpu"]["median"]),
                f"{row['cpu']['median'] / times['diagonal']['median']:.0f} ×",
                f"{row['difference']:.0e}",
            ]
        )  # fmt: skip
    heads = [
        "network", "images", "P", "d", "forward", "`fisher_diagonal`", "`masked_factors`",
        "`fisher_diagonal` on the cores", "GPU is faster", "largest difference",
    ]  # fmt: skip
    return (
        "10 classes; the difference of the diagonal is relative to its largest entry. Counted in "
        "forward passes the gradients cost more than on a processor ([benchmarks.md](benchmarks.md)): "
        "they gain less from a GPU than the forward pass does.\n\n" + table(heads, lines)
    )


def selections(rows: list[dict[str, Any]], rate: float) -> str:
    lines = []
    for row in rows:
        ours = row["ours"]["median"]
        published = ["–", "–", "–"]
        if "published" in row:
            same = "yes" if row["published_same"] else "no"
            published = [seconds(row["published"]), f"{row['published'] / ours:.1f} ×", same]
        cores = ["–", "–", "–"]
        if "cpu" in row:
            same = "all" if row["cpu_same"] else "not all"
            cores = [seconds(row["cpu"]), f"{row['cpu'] / ours:.0f} ×", same]
        reached = row["multiply_adds"] / (rate * 1e12) / ours
        lines.append(
            [
                f"{row['N']:,}", timed(row["ours"]), f"{row['peak_gb']:.1f} GB", f"{reached:.0%}",
                *published, *cores,
            ]
        )  # fmt: skip
    heads = [
        "N", "`select_batch`", "GPU memory", "of the GPU's rate", "published, on the GPU", "ratio",
        "same first 5 picks", "`select_batch` on the cores", "GPU is faster", "same picks",
    ]  # fmt: skip
    return (
        "K = 100, C = 10, d = 1,400, float64 arithmetic, the factors on the GPU. «Published» is the "
        "step-by-step algorithm on the same GPU, from five of its picks. A small pool is a matter of "
        "some eighty small steps a pick. A large one is read in float32 and turned into float64 at "
        "every pick, 39 GB with 100,000 images, which is about half of the time; the large matrix "
        "products, in which a GPU is at its best, are a tenth.\n\n" + table(heads, lines)
    )


def embedding(rows: list[dict[str, Any]]) -> str:
    lines = [
        [
            "GPU" if row["device"] == "cuda" else "the cores",
            f"{row['rate']:,.0f}",
            seconds(100_000 / row["rate"]),
        ]
        for row in rows
    ]
    first = rows[0]
    return (
        f"`{first['backbone']}` at {first['size']}×{first['size']}, images decoded already; fetching "
        "and decoding them is the processor's and Label Studio's, and slower.\n\n"
        + table(["on", "images a second", "100,000 images"], lines)
    )


def rounds(rows: list[dict[str, Any]]) -> str:
    stages = list(rows[0]["stages"])
    lines = []
    for row in rows:
        problem = Problem(row["N"], row["L"], 10, row["d"], 82_634, row["queue"])
        model = sum(gpu_seconds(problem, 1).values())
        lines.append(
            [
                f"{row['N']:,}",
                *(seconds(row["stages"][stage]) for stage in stages),
                seconds(row["seconds"]),
                seconds(model),
                f"{row['gpu_gb']:.1f} GB",
                f"{row['peak_gb']:.1f} GB",
            ]
        )
    notes = [f"- {row['N']:,}: {note}" for row in rows for note in row["notes"]]
    heads = ["tasks", *stages, "round", "predicted", "GPU memory", "memory"]
    return (
        "The backend's own functions, `FISHER_OVER=head` and default settings else (C = 10, "
        f"d = {rows[0]['d']:,}, a queue of {rows[0]['queue']}) on synthetic features. «predicted» is "
        "what [scaling.md](scaling.md) says of «select», in which the factors are made too. A stage's "
        "work on the GPU that is not waited for counts in the next.\n\n"
        + table(heads, lines)
        + ("\n\n" + "\n".join(notes) if notes else "")
    )
