"""docs/benchmarks.md and its plot, from the results that are there."""

import json
import statistics
from typing import Any

from . import targets
from .formats import seconds, spread_of, table, timed, versus_exact
from .heads_page import heads
from .measure import RESULTS, ROOT
from .plot import plot
from .study_page import strategies

PAGE, PLOT = ROOT / "docs/benchmarks.md", ROOT / "docs/benchmarks.svg"
QUICK_PAGE = RESULTS / "quick.md"


def write(*, quick: bool) -> None:
    """Write the page; a quick run's goes beside its results.

    Sections without results here stay as they were, with what people have written below them.
    """
    found = {path.stem: json.loads(path.read_text()) for path in RESULTS.glob("*.json")}
    page = QUICK_PAGE if quick else PAGE
    before = {} if quick or not PAGE.exists() else sections_of(PAGE.read_text())
    made = {"": HEADING}
    if target := targets.section(found):
        made["## Targets"] = "\n\n".join(target)
    for name, section in SECTIONS.items():
        if name in found:
            text = f"{section(found[name])}\n\n{where(name, found[name])}"
            title = text.partition("\n")[0] if text.startswith("## ") else "## Selection"
            made[title] = f"{made[title]}\n\n{text}" if title in made else text
    if "selection" in found:
        plot(found["selection"], QUICK_PAGE.with_suffix(".svg") if quick else PLOT)
    page.parent.mkdir(exist_ok=True)
    page.write_text("\n\n".join(in_order(made, before)) + "\n")
    print(page.relative_to(ROOT), flush=True)


def sections_of(page: str) -> dict[str, str]:
    """A page's sections by their headings, what stands above the first one under an empty one."""
    parts = ("\n" + page).split("\n## ")
    titled = {f"## {part.partition(chr(10))[0]}": f"## {part.strip()}" for part in parts[1:]}
    return {"": parts[0].strip(), **titled}


def in_order(made: dict[str, str], before: dict[str, str]) -> list[str]:
    """The sections in the order that the page has, new ones behind the one they follow in ORDER."""
    titles = list(before) or [""]
    for place, title in enumerate(ORDER):
        if title in made and title not in titles:
            known = [titles.index(each) for each in ORDER[:place] if each in titles]
            titles.insert(max(known, default=0) + 1, title)
    return [before.get("") or made[""], *((before | made)[title] for title in titles[1:])]


HEADING = """# The Fisher engine measured

Made by `make bench` (`python -m tests.benchmarks.engine`), on a machine that does nothing else.
Medians, with the quartiles in brackets where a thing was measured four times or more, else least
and greatest. Peak memory is the whole process's, its input and libraries (0.4 GB) included."""


def where(name: str, made: dict[str, Any]) -> str:
    machine, gemm = made["machine"], made["gemm"]
    return (
        f"<sub>`python -m tests.benchmarks.engine {name}`, {made['date']}, {made['seconds']} s: "
        f"{machine['processor']}, {machine['threads']} threads, {machine['memory_gb']} GB, "
        f"{machine['cuda'] or 'no GPU'}; Python {machine['python']}, torch {machine['torch']}; "
        f"large matrix products reach {gemm['float32']:.0f} (float32) and {gemm['float64']:.0f} "
        "(float64) · 10⁹ multiply-adds a second.</sub>"
    )


def gradients(made: dict[str, Any]) -> str:
    parts = ["## Diagonal and factors", GRADIENTS]
    for name, one in made["tables"].items():
        times = one["times"]
        base = times["forward pass"]["median"]
        rows = [
            [work, timed(taken), f"{taken['median'] / base:.1f}"] for work, taken in times.items()
        ]
        parts += [
            f"**{name}**, {one['images']} images, 10 classes, P = {one['parameters']:,}, "
            f"d = {one['d']:,}",
            table(["", "time", "forward passes"], rows),
        ]
    pool = made["pool"]
    total = sum(taken["median"] for taken in pool["times"].values())
    rows = [[name, timed(taken)] for name, taken in pool["times"].items()]
    parts += [
        f"The head over a pool of {pool['images']:,} images, d = {pool['d']:,}: "
        f"{seconds(total)} together.",
        table(["", "time"], rows),
    ]
    return "\n\n".join(parts)


GRADIENTS = """In one run, in turns. `fisher_diagonal` is the same number as BackPACK's and
torch.func's (tests/fisher/test_independent.py). `masked_factors` reads 0.2 % of the parameters and
the last layer."""


def selection(made: dict[str, Any]) -> str:
    rate = made["gemm"]["float64"] * 1e9
    rows = []
    for ours, theirs in zip(made["over_n"], made["published"], strict=True):
        median = statistics.median(ours["seconds"])
        rows.append(
            [
                f"{ours['N']:,}", spread_of(ours["seconds"]), f"{ours['peak_gb']:.1f} GB",
                f"{ours['multiply_adds'] / rate:.3g} s",
                f"{ours['multiply_adds'] / rate / median:.0%}",
                seconds(theirs["seconds"]), f"{theirs['seconds'] / median:.0f} ×",
                f"{'yes' if theirs['same_picks'] else 'NO'} ({theirs['picks']})",
            ]
        )  # fmt: skip
    over_d = [
        [f"{one['d']:,}", spread_of(one["seconds"]), f"{one['peak_gb']:.1f} GB"]
        for one in made["over_d"]
    ]
    first = made["over_d"][0]
    d = made["over_n"][0]["d"]
    return "\n\n".join(
        [
            "## Selection",
            f"K = {made['K']}, 10 classes, d = {d:,}, λ = 0.1, on the head's factors of clustered "
            "features. «Unavoidable» is the time that the algorithm's multiply-adds take at the "
            "rate of large matrix products; the published algorithm (X A⁻¹ of the whole pool at "
            "every pick, in batches, `tests/benchmarks/engine/published.py`) is timed over so many "
            "picks as stand in brackets and scaled to K.",
            table(
                ["N", "select_batch", "peak memory", "unavoidable", "reached", "published",
                 "ratio", "same picks"],
                rows,
            ),
            f"Over d, at N = {first['N']:,}:",
            table(["d", "select_batch", "peak memory"], over_d),
            "![Time and memory over pool size and over d](benchmarks.svg)",
        ]
    )  # fmt: skip


def agreement(made: dict[str, Any]) -> str:
    return (
        f"Of all {made['K']} picks from {made['N']:,} images, d = {made['d']:,}, the published "
        f"algorithm makes {made['same']} the same, in the same order."
    )


def rivals(made: dict[str, Any]) -> str:
    names = {"badge": "BADGE", "batchbald": "BatchBALD"}
    rows = [
        [names[one["strategy"]], f"{one['N']:,}", f"more than {one['limit']:.0f} s", ""]
        if one["seconds"] is None
        else [
            names[one["strategy"]],
            f"{one['N']:,}",
            seconds(one["seconds"]),
            f"{one['peak_gb']:.1f} GB",
        ]
        for one in made["rows"]
    ]
    return "\n\n".join(
        [
            "## What else one would pick with",
            f"scikit-activeml 1.0.1 on the same pool, K = {made['K']}: its time, not its "
            "picks. Both see the 64 outputs of the head's hidden layer; BADGE a logistic regression "
            "on them, BatchBALD a committee of five.",
            table(["strategy", "N", "time", "peak memory"], rows),
        ]
    )


def scoring(made: dict[str, Any]) -> str:
    rows = [[name, timed(taken)] for name, taken in made["times"].items()]
    return "\n\n".join(
        [
            "## Tasks that come later",
            f"`score_new` on given factors, d = {made['d']:,}; the state is "
            f"{made['state_mb']:.0f} MB. One task of a head, scored by its structure, was to take less "
            "than 3 ms. It reads half of both d×d matrices, as many bytes as the state has: that is "
            "most of its time, and more of it where no cache holds them.",
            table(["", "time"], rows),
        ]
    )


def rounds(made: dict[str, Any]) -> str:
    stages = list(made["rows"][0]["stages"])
    rows = [
        [f"{one['N']:,}", *(seconds(one["stages"][stage]) for stage in stages),
         seconds(one["seconds"]), f"{one['peak_gb']:.1f} GB"]
        for one in made["rows"]
    ]  # fmt: skip
    notes = [f"- {one['N']:,}: {note}" for one in made["rows"] for note in one["notes"]]
    first = made["rows"][0]
    return "\n\n".join(
        [
            "## A whole round",
            f"The backend's own functions and default settings (queue of {first['queue']}), 10 "
            "classes, synthetic features at every size: what an image looks like changes no time "
            "here. Embedding images comes once an image, before.",
            table(["tasks", *stages, "round", "peak memory"], rows),
            *(["What the log says:\n\n" + "\n".join(notes)] if notes else []),
        ]
    )


def options(made: dict[str, Any]) -> str:
    names = list(made["picks"][0]["options"])
    picks = [one["options"] for one in made["picks"]]
    rows = [
        [
            name,
            f"{statistics.mean(p[name]['overlap'] for p in picks):.0%}",
            f"{statistics.mean(p[name]['lost'] for p in picks):.1%}",
            seconds(statistics.median(p[name]["seconds"] for p in picks)),
            versus_exact(made["curves"], name),
        ]
        for name in names
    ]
    rows.append(["random picks", "", "100%", "", versus_exact(made["curves"], "random")])
    rows.append(["largest entropy", "", "", "", versus_exact(made["curves"], "entropy")])
    rest = made["picks"][0]["rest"]
    left = ", ".join(f"c = {c}: {value:.2g}" for c, value in rest.items())
    start, K = made["start"], made["K"]
    rounds_made = len(made["curves"]["exact"][0])
    return "\n\n".join(
        [
            "## The approximations",
            f"Fashion-MNIST, imbalanced. Overlap with the exact batch of {K} from a model on 100 "
            "labels; how much of the objective's gain over random picks is lost; the time of "
            f"diagonal, mask, factors and selection ({len(picks)} seeds); and the accuracy minus the "
            f"exact one's, mean over the curve from {start} to {start + K * rounds_made} labels, ± "
            "the standard error of the paired difference "
            f"({len(made['curves']['exact'])} seeds). Probability that `top_classes` leaves "
            f"out: {left}.",
            table(["option", "overlap", "objective lost", "time", "accuracy − exact"], rows),
        ]
    )


SECTIONS = {
    "gradients": gradients,
    "selection": selection,
    "agreement": agreement,
    "rivals": rivals,
    "heads": heads,
    "scoring": scoring,
    "rounds": rounds,
    "options": options,
    "strategies": strategies,
}
ORDER = [
    "## Targets",
    "## Diagonal and factors",
    "## Selection",
    "## A head's structure",
    "## What else one would pick with",
    "## Tasks that come later",
    "## A whole round",
    "## The approximations",
    "## Does it label better?",
]
