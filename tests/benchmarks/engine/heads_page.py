"""The section of docs/benchmarks.md on a head's structure."""

from typing import Any

from . import targets
from .formats import seconds, table


def heads(made: dict[str, Any]) -> str:
    rows = [
        [one["name"], f"{one['N']:,}", str(one["C"]), str(one["top"] or one["C"]), f"{one['d']:,}",
         str(one["K"]), f"{seconds(one['structure'])} ({seconds(one['structure_cpu'])})",
         f"{one['structure_gb']:.1f} GB",
         f"{one['estimated_gb']:.1f} GB" if "estimated_gb" in one else "",
         *([f"{seconds(one['formed'])} ({seconds(one['formed_cpu'])})", f"{one['formed_gb']:.1f} GB",
            f"{one['formed'] / one['structure']:.1f} × "
            f"({one['formed_cpu'] / one['structure_cpu']:.1f} ×)",
            "yes" if one["same_picks"] else "**no**"]
           if "formed" in one else 4 * [""])]
        for one in made["rows"]
    ]  # fmt: skip
    lines = [
        f"| {work} | {target} | {reached} | {'yes' if met else '**no**'} |"
        for work, target, reached, met in targets.of_heads(made)
    ]
    return "\n\n".join(
        [
            "## A head's structure",
            "Factors and selection of a head Linear(1280, 64) → ReLU → Linear(64, C), by its "
            "structure (`head_factors`) and with the factors formed (`masked_factors`), in turns in "
            "one run; the mask is the backend's default one, and `rows` is what `top_classes` leaves "
            "of an image's, on both sides. Seconds of the processor in brackets; three runs and "
            "their medians of the first two, one of the others. Formed factors of 100,000 "
            "images would take ten minutes and 9 GB: a tenth of the images stands for them. "
            "«Estimated» is the peak that the backend reckons with (`candidates.bytes_needed`).",
            "\n".join(["| work | target | reached | |", "|---|---|---|---|", *lines]) if lines else "",
            table(
                ["head", "N", "C", "rows", "d", "K", "by structure", "peak memory", "estimated",
                 "formed", "peak memory", "ratio", "same picks"],
                rows,
            ),
            *([profiled(made["profiles"])] if made.get("profiles") else []),
        ]
    )  # fmt: skip


def profiled(profiles: list[dict[str, Any]]) -> str:
    """Where the processor's time goes, by structure."""
    stages = [*profiles[0]["stages"]]
    rows = [
        [stage, *(_share(one["stages"][stage], one["seconds"]) for one in profiles)]
        for stage in stages
    ]
    rest = [one["seconds"] - sum(one["stages"].values()) for one in profiles]
    rows.append(
        [
            "all else",
            *(_share(own, one["seconds"]) for own, one in zip(rest, profiles, strict=True)),
        ]
    )
    heads = [f"N = {one['N']:,}, C = {one['C']}, K = {one['K']}" for one in profiles]
    return (
        "Where the processor's time goes by structure, on one thread, under a profiler:\n\n"
        + table(["", *heads], rows)
    )


def _share(own: float, total: float) -> str:
    return f"{seconds(own)} ({own / total:.0%})"
