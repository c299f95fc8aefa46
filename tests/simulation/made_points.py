"""Points of courses that were never run."""

from collections.abc import Mapping, Sequence

from fishermask_backend.simulation.points import Point


def point(strategy: str = "margin", seed: int = 0, number: int = 1, accuracy: float = 0.5) -> Point:
    """A point of a course with ten labels a round."""
    return Point(
        strategy=strategy,
        seed=seed,
        round=number,
        labels=10 * number,
        classes_found=min(3, number),
        balanced_accuracy=accuracy,
        accuracy=accuracy + 0.01,
        order_seconds=0.25 * number,
        train_seconds=0.5,
        cpu_seconds=0.125,
        picked=tuple(range(10 * (number - 1), 10 * number)),
    )


def courses(
    curves: Mapping[str, Sequence[Sequence[float]]],
) -> dict[tuple[str, int], list[Point]]:
    """Courses with these balanced accuracies: by strategy, a sequence a seed."""
    return {
        (name, seed): [
            point(name, seed, number, value) for number, value in enumerate(values, start=1)
        ]
        for name, of in curves.items()
        for seed, values in enumerate(of)
    }
