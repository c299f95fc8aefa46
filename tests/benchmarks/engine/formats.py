"""How the page writes tables, times and differences."""

import statistics

from .study_page import difference


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def seconds(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f} s"
    return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"


def timed(taken: dict[str, float]) -> str:
    if taken["runs"] < 2:
        return seconds(taken["median"])
    return f"{seconds(taken['median'])} [{seconds(taken['low'])} – {seconds(taken['high'])}]"


def spread_of(values: list[float]) -> str:
    if len(values) < 2:
        return seconds(values[0])
    low, high = seconds(min(values)), seconds(max(values))
    return f"{seconds(statistics.median(values))} [{low} – {high}]"


def versus_exact(curves: dict[str, list[list[float]]], name: str) -> str:
    if name not in curves or name == "exact":
        return ""
    return difference(curves[name], curves["exact"])
