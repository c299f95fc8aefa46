"""Curves of accuracy over labels, as a picture."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from fishermask_backend.simulation.findings import Figures, Findings
from fishermask_backend.simulation.variants import BASELINE, shown

OWN = "fishermask"
STYLES = ("-", "--", "-.", ":")  # one for every ten colours


def draw(found: Findings) -> bytes:
    """Return a PNG: balanced accuracy and accuracy, the mean over the seeds and its standard error."""
    import matplotlib  # takes a second; of the extra `simulate`

    matplotlib.use("agg")
    from matplotlib import pyplot

    names = shown([each.name for each in found.figures])
    lines = _lines(found.figures)
    figure, axes = pyplot.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    measures = {"balanced accuracy": "balanced", "accuracy": "plain"}
    for axis, (title, measure) in zip(axes, measures.items(), strict=True):
        for each in found.figures:
            line = lines[each.name]
            curves = getattr(each, measure)
            mean = curves.mean(axis=0)
            axis.plot(found.labels, mean, label=names[each.name], **line)
            if len(curves) > 1:
                error = curves.std(axis=0, ddof=1) / np.sqrt(len(curves))
                axis.fill_between(
                    found.labels, mean - error, mean + error, color=line["color"], alpha=0.12, lw=0
                )
        end = getattr(found.of(BASELINE), measure)[:, -1].mean()
        axis.axhline(end, color="0.4", lw=0.8, ls=(0, (2, 3)))
        axis.set_title(title, loc="left", fontsize=11)
        axis.set_xlabel("labels")
        axis.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(frameon=False, fontsize=9)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=160)
    pyplot.close(figure)
    return file.getvalue()


def _lines(figures: Sequence[Figures]) -> dict[str, dict[str, Any]]:
    """Return how each strategy is drawn, by name: the same in every report of the same strategies."""
    others = sorted(each.name for each in figures if each.name not in (OWN, BASELINE))
    colours = [OWN, *others]
    drawn = {
        name: {"color": f"C{i % 10}", "ls": STYLES[i // 10 % len(STYLES)], "lw": 1.4}
        for i, name in enumerate(colours)
    }
    drawn[OWN]["lw"] = 2.4
    return {**drawn, BASELINE: {"color": "0.35", "ls": "--", "lw": 1.4}}
