"""One control of a labelling config, as it is learnt: what it asks, and how results say it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fishermask_backend.controls.control import Control, Leveled
from fishermask_backend.controls.heads import Head, Likelihood
from fishermask_backend.controls.presence import ANYHOW, Presence


@dataclass(frozen=True)
class Question:
    """A control on an `Image`.

    Attributes:
        control: Its name.
        image: The name of its `Image`.
        spelling: Its classes, and how results name them.
        presence: How the config asks for it.
    """

    control: str
    image: str
    spelling: Control
    presence: Presence = field(default=ANYHOW, compare=False)  # not a part of what is learnt

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the config's order."""
        return self.spelling.classes

    @property
    def likelihood(self) -> Likelihood:
        """`bernoulli` if an image may have any number of the classes, else `categorical`."""
        return "bernoulli" if self.spelling.several else "categorical"

    @property
    def learnt(self) -> str:
        """The control's name, and of which level of it the classes are."""
        level = self.spelling.level if isinstance(self.spelling, Leveled) else 0
        return f"{self.control}, level {level}" if level else self.control

    @property
    def prelabelled(self) -> bool:
        """Whether Label Studio shows pre-labels of some class."""
        return any(self.spelling.write([name]) is not None for name in self.classes)

    def head(self, *, alone: bool) -> Head:
        """Return what it is to the classifier, by itself or beside others."""
        return Head(self.control, self.classes, self.likelihood, alone)

    def prelabel(
        self, probabilities: Mapping[str, float], above: float, region: str
    ) -> list[dict[str, Any]]:
        """Return the result JSON of a pre-label.

        Args:
            probabilities: Class to probability; those that the control has not are left out.
            above: Classes less probable than this are not named.
            region: The region's id.

        Returns:
            One region: the classes decided on, or none for none, or if they are not to be shown. Its
            score is the class's probability, or the smallest of them.
        """
        known = {name: probabilities[name] for name in self.classes if name in probabilities}
        chosen = [name for name in decided(known, self.likelihood) if known[name] >= above]
        value = self.spelling.write(chosen) if chosen else None
        if value is None:
            return []
        return [
            {
                "id": region,
                "from_name": self.control,
                "to_name": self.image,
                "type": self.spelling.type,
                "value": value,
                "score": round(float(min(known[name] for name in chosen)), 6),
            }
        ]


def decided(probabilities: Mapping[str, float], likelihood: Likelihood) -> list[str]:
    """Return the classes that a pre-label names, in their order.

    Args:
        probabilities: Class to probability.
        likelihood: `categorical` for the most probable class, the first of equals; `bernoulli` for
            all above one half.
    """
    if likelihood == "categorical":
        return [max(probabilities, key=probabilities.__getitem__)] if probabilities else []
    return [name for name, probability in probabilities.items() if probability > 0.5]
