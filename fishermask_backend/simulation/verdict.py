"""What a simulation found, in two sentences."""

import math
from collections.abc import Sequence

from fishermask_backend.simulation.findings import Comparison, Figures, Findings
from fishermask_backend.simulation.statistics import CHANCE, Estimate
from fishermask_backend.simulation.variants import BASELINE, shown

FEW_SEEDS = 10
NAMED = 4  # strategies or comparisons in a sentence, at most


def verdict(found: Findings, title: str) -> list[str]:
    """Return two sentences: how many labels would have been saved, and what of it may be chance."""
    return [saved(found, title), beyond_chance(found)]


def saved(found: Findings, title: str) -> str:
    """Say with how many labels each strategy is where random labels end."""
    names, last = shown([each.name for each in found.figures]), found.labels[-1]
    rivals = [(each, each.reaches) for each in found.figures if each.reaches is not None]
    if not rivals:
        return f"On {title} images in random order alone were tried."
    end = found.of(BASELINE).balanced[:, -1].mean()
    target = f"random's {last}-label accuracy ({end:.1%})"
    reach = sorted(
        (pair for pair in rivals if math.isfinite(pair[1].value)), key=lambda pair: pair[1].value
    )
    never = _and([names[each.name] for each, reaches in rivals if math.isinf(reaches.value)])
    if not reach:
        return f"On {title}, {never} did not reach {target} within {last} labels."
    (best, its), *others = reach
    parts = [f"{names[best.name]} reaches {target} with {labels(its, last, ' labels')}"]
    parts += [f"{names[each.name]} with {labels(its, last)}" for each, its in others[: NAMED - 1]]
    parts += _later(others[NAMED - 1 :], names)
    if never:
        parts.append(f"{never} not within {last}")
    return f"On {title}, {', '.join(parts)}."


def _later(rest: Sequence[tuple[Figures, Estimate]], names: dict[str, str]) -> list[str]:
    return [f"{_and([names[each.name] for each, _ in rest])} with more"] if rest else []


def labels(reaches: Estimate, last: int, unit: str = "") -> str:
    """Write a number of labels and its interval; beyond `last` nothing was looked at."""

    def bound(value: float) -> str:
        return f"{value:.0f}" if math.isfinite(value) else f"more than {last}"

    if math.isinf(reaches.low):
        return f"{bound(reaches.low)}{unit}"
    interval = f"95 %: {bound(reaches.low)} – {bound(reaches.high)}"
    return f"{bound(reaches.value)}{unit} ({interval})"


def beyond_chance(found: Findings) -> str:
    """Say which strategies are better than others over the whole course, and where chance would do."""
    if len(found.seeds) < 2:
        return "Of one seed nothing can be said of chance: ask for ten by --seeds 10."
    every = [*found.to_baseline, *found.to_first]
    if not every:
        return "There is nothing to compare it with."
    more = "; --seeds 10 would tell more" if len(found.seeds) < FEW_SEEDS else ""
    basis = f"{len(found.seeds)} seeds, corrected for {_counted(every)}"
    clear = [each for each in every if each.p <= CHANCE]
    chance = [each for each in every if each.p > CHANCE]
    if not clear:
        listed = _listed(chance)
        return f"Over the whole course no difference is beyond chance ({basis}{more}): {listed}."
    sentence = f"Over the whole course {_listed(clear)} ({basis})"
    return f"{sentence}; that {_listed(chance)} may be chance." if chance else f"{sentence}."


def _counted(every: Sequence[Comparison]) -> str:
    return "one comparison" if len(every) == 1 else f"{len(every)} comparisons"


def _listed(comparisons: Sequence[Comparison]) -> str:
    names = shown([name for each in comparisons for name in (each.name, each.other)])
    parts = [
        f"{names[each.name]} is {abs(each.found.mean) * 100:.1f} ± {each.found.error * 100:.1f} points "
        f"{'more' if each.found.mean >= 0 else 'less'} accurate than {names[each.other]}"
        for each in comparisons[:NAMED]
    ]
    left = len(comparisons) - NAMED
    return _and([*parts, f"{left} more in the table"] if left > 0 else parts)


def _and(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
