"""Time and memory of the selection over pool size and over d, as a picture."""

import statistics
from pathlib import Path
from typing import Any


def plot(made: dict[str, Any], path: Path) -> None:
    import matplotlib  # not needed to measure

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, 2, figsize=(9, 6), layout="constrained")
    for column, (key, label) in enumerate((("over_n", "N"), ("over_d", "d"))):
        ours = made[key]
        x = [one[label] for one in ours]
        times = [statistics.median(one["seconds"]) for one in ours]
        axes[0, column].plot(x, times, "o-", label="select_batch")
        axes[1, column].plot(x, [one["peak_gb"] for one in ours], "o-", label="select_batch")
        if label == "N":
            theirs = [one["seconds"] for one in made["published"]]
            axes[0, 0].plot(x, theirs, "s--", color="grey", label="published algorithm")
            axes[1, 0].plot(x, [one["pool_gb"] for one in ours], ":", color="grey", label="V alone")
        axes[0, column].set(xscale="log", yscale="log", xlabel=label, ylabel="seconds")
        axes[1, column].set(xlabel=label, ylabel="peak memory, GB")
    for axis in axes.flat:
        axis.legend()
        axis.grid(alpha=0.3)
    figure.savefig(path)
    pyplot.close(figure)
