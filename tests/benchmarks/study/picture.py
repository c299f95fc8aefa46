"""Curves of all settings, as one picture."""

import io
from collections.abc import Sequence
from typing import Any

from fishermask_backend.simulation.variants import shown
from tests.benchmarks.study.results import BASELINE, OWN, RIVAL, Setting, whole
from tests.benchmarks.study.wording import titled

COLUMNS = 4
FIXED: dict[str, dict[str, Any]] = {
    OWN: {"color": "C0", "lw": 2.2, "zorder": 3},
    RIVAL: {"color": "C1", "lw": 1.6},
    BASELINE: {"color": "0.35", "lw": 1.4, "ls": "--"},
}


def draw(settings: Sequence[Setting]) -> bytes:
    """Return a PNG: balanced accuracy over labels, the mean over the seeds, a picture a setting.

    Of whole strategies alone: a curve of other seeds starts elsewhere, and cannot be compared.
    """
    import matplotlib  # takes a second

    matplotlib.use("agg")
    from matplotlib import pyplot

    names = sorted(whole(settings), key=lambda name: (name not in FIXED, name))
    lines = {
        name: {"color": f"C{i}", "lw": 1} | FIXED.get(name, {}) for i, name in enumerate(names)
    }
    rows = -(-len(settings) // COLUMNS)
    size = (11, 0.6 + 2.7 * rows)
    figure, grid = pyplot.subplots(rows, COLUMNS, figsize=size, layout="constrained", squeeze=False)
    for axis in grid.flat[len(settings) :]:
        axis.remove()
    for setting, axis in zip(settings, grid.flat, strict=False):
        for name in lines:
            curve = setting.curves(name, setting.common(name)).mean(axis=0)
            axis.plot(setting.labels, curve, label=shown([name])[name], **lines[name])
        axis.set_title(titled(setting), loc="left", fontsize=9)
        axis.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    every = grid.flat[0].get_legend_handles_labels()  # the same in all
    figure.legend(*every, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    pyplot.close(figure)
    return file.getvalue()
