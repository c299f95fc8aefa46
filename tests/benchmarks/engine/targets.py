"""What the engine was to reach on two cores, and what it reached."""

from statistics import median
from typing import Any

PARTS = {"gradients", "selection", "agreement", "scoring", "rounds"}


def section(found: dict[str, Any]) -> list[str]:
    """The table, if all parts have been measured at full size."""
    if not found.keys() >= PARTS or found["selection"]["K"] != 100:
        return []
    lines = ["| work | target | reached | |", "|---|---|---|---|"]
    for work, target, reached, met in rows(found):
        lines.append(f"| {work} | {target} | {reached} | {'yes' if met else '**no**'} |")
    return ["## Targets", "\n".join(lines)]


def rows(found: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    cnn = {k: v["median"] for k, v in cnn_times(found).items()}
    passes = cnn["fisher_diagonal"] / cnn["forward pass"]
    faster = cnn["BackPACK DiagGGNExact"] / cnn["fisher_diagonal"]
    factors = cnn["masked_factors"] / cnn["forward pass"]
    head = sum(taken["median"] for taken in found["gradients"]["pool"]["times"].values())
    sizes = {one["N"]: one for one in found["selection"]["over_n"]}
    theirs = {one["N"]: one for one in found["selection"]["published"]}
    ten, fifty = sizes[10_000], sizes[50_000]
    seconds, more = median(ten["seconds"]), median(fifty["seconds"])
    ratio, same = theirs[10_000]["seconds"] / seconds, found["agreement"]["same"]
    one = found["scoring"]["times"]["one task, formed"]["median"]
    whole = next(each for each in found["rounds"]["rows"] if each["N"] == 100_000)
    return [
        ("`fisher_diagonal`, small_cnn, 256 images", "≤ 8 forward passes, ≥ 1.7 × BackPACK",
         f"{passes:.1f}, {faster:.1f} ×", passes <= 8 and faster >= 1.7),
        ("`masked_factors`, the same", "≤ 10 forward passes", f"{factors:.1f}", factors <= 10),
        ("both, frozen backbone's head, 10,000 images", "≤ 5 s", f"{head:.1f} s", head <= 5),
        ("`select_batch`, K = 100 of 10,000", "< 60 s, < 6 GB",
         f"{seconds:.0f} s, {ten['peak_gb']:.1f} GB", seconds < 60 and ten["peak_gb"] < 6),
        ("against the published algorithm", "≥ 20 ×, same picks",
         f"{ratio:.0f} ×, {same} of 100 the same", ratio >= 20 and same == 100),
        ("`select_batch`, K = 100 of 50,000", "< 12 GB, time grows no faster than N",
         f"{fifty['peak_gb']:.1f} GB, {more / seconds:.1f} × the time of 10,000",
         fifty["peak_gb"] < 12 and more / seconds <= 5),
        ("a round of 100,000 tasks", "within 24 GB",
         f"{whole['peak_gb']:.1f} GB, {whole['seconds']:.0f} s", whole["peak_gb"] < 24),
        ("`score_new` of one task", "< 10 ms", f"{1000 * one:.1f} ms", one < 0.01),
    ]  # fmt: skip


def of_heads(made: dict[str, Any]) -> list[tuple[str, str, str, bool]]:
    """What a head's structure was to bring; nothing where it was not measured at full size."""
    of = {one["name"]: one for one in made["rows"]}
    if not of.keys() >= {"default head", "40 classes", "100 classes", "many images"}:
        return []
    default, forty, many = of["default head"], of["40 classes"], of["many images"]
    tenth, hundred = of["a tenth of many images"], of["100 classes, by itself"]
    ratios = {name: one["formed"] / one["structure"] for name, one in of.items() if "formed" in one}
    same = [one["same_picks"] for one in of.values() if "formed" in one]
    return [
        ("default head, C = 10, 3,000 images, K = 60: mask to order", "≥ 4 ×, < 3 s",
         f"{ratios['default head']:.1f} ×, {default['structure']:.1f} s",
         ratios["default head"] >= 4 and default["structure"] < 3),
        ("100,000 images, K = 60", "≥ 5 × (of a tenth), < 2 min, < 3 GB",
         f"{ratios[tenth['name']]:.1f} ×, {many['structure']:.0f} s, {many['structure_gb']:.1f} GB",
         ratios[tenth["name"]] >= 5 and many["structure"] < 120 and many["structure_gb"] < 3),
        ("C = 40, d = 3,600, N = 1,000, K = 20", "≥ 5 ×", f"{ratios[forty['name']]:.1f} ×",
         ratios[forty["name"]] >= 5),
        ("100 classes, 3,000 images", "< 60 s, 4 GB",
         f"{hundred['structure']:.0f} s, {hundred['structure_gb']:.1f} GB",
         hundred["structure"] < 60 and hundred["structure_gb"] < 4),
        ("picks, wherever factors are formed, too", "all the same, in order",
         f"{sum(same)} of {len(same)} heads", all(same)),
    ]  # fmt: skip


def cnn_times(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    return dict(found["gradients"]["tables"]["small_cnn of the paper, 28×28"]["times"])
