"""Label Studio's labelling config and results, in the classifier's terms.

A config becomes a `LabelSpec`; the annotations of a task become one `Target`; probabilities become
the result JSON of a pre-label. How a tag spells its classes is its control's matter (`controls`).
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fishermask_backend.controls import Control, Leveled, config, image
from fishermask_backend.controls.reading import Reading, read_result

# As in fisher/likelihood.py, which is not asked: the web process, which reads configs and writes
# pre-labels, does without torch.
Likelihood = Literal["categorical", "bernoulli"]


@dataclass(frozen=True)
class LabelSpec:
    """What is learned: one control on one `Image`.

    Attributes:
        control: The control's name.
        image: The name of its `Image`.
        data_key: Where tasks have the image's address (`controls/image.py`).
        spelling: Its classes, and how results name them.
    """

    control: str
    image: str
    data_key: str
    spelling: Control

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

    def address(self, data: Mapping[str, Any]) -> str:
        """Return the address of the image in a task's data; empty if there is none."""
        return image.address(data, self.data_key)

    def answer(self, result: Any) -> frozenset[str] | None:
        """Return the classes an annotation's result names, or None if it answers nothing."""
        return self.read(result).classes

    def read(self, result: Any) -> Reading:
        """Return what an annotation's result says, and what of it could not be read."""
        return read_result(result, self.control, self.spelling)

    def prelabel(self, probabilities: Mapping[str, float]) -> list[dict[str, Any]]:
        """Return the result JSON of a pre-label.

        Args:
            probabilities: Class to probability; classes that the config has gained since are missing,
                and those it has lost are left out.

        Returns:
            One region: the classes decided on, or none for none, or if they are not to be shown. Its
            score is the class's probability, or the smallest of them.
        """
        known = {name: probabilities[name] for name in self.classes if name in probabilities}
        chosen = decided(known, self.likelihood)
        value = self.spelling.write(chosen) if chosen else None
        if value is None:
            return []
        return [
            {
                "id": "fishermask",
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


def answer_text(classes: Iterable[str]) -> str:
    """Return an answer as the database keeps it: equal texts are equal answers."""
    return json.dumps(sorted(classes))


def classes_of(text: str) -> list[str]:
    """Return the classes of an answer that `answer_text` wrote."""
    return list(json.loads(text))


@dataclass(frozen=True)
class Answer:
    """One annotation of a task, as far as learning is concerned."""

    classes: frozenset[str]
    ground_truth: bool
    updated_at: str


@dataclass(frozen=True)
class Target:
    """What a task's annotations say together."""

    classes: frozenset[str]
    tied: bool = field(default=False)


def resolve(answers: Sequence[Answer]) -> Target | None:
    """Make one target of several annotations: ground truth, then majority, then the latest.

    Args:
        answers: The task's annotations that answer (skipped ones left out), in any order.

    Returns:
        The target; `tied` when annotators disagree with equal votes, so that the latest of the most
        frequent answers was taken. None without answers.
    """
    if not answers:
        return None
    truths = [a for a in answers if a.ground_truth]
    votes = truths or list(answers)
    counts = Counter(a.classes for a in votes)
    most = max(counts.values())
    leaders = {classes for classes, n in counts.items() if n == most}
    latest = max((a for a in votes if a.classes in leaders), key=lambda a: a.updated_at)
    return Target(latest.classes, tied=len(leaders) > 1)


def parse_label_config(text: str, control_name: str = "", level: int = 0) -> LabelSpec:
    """Find the control to learn in a labelling config.

    Args:
        text: Label Studio's XML.
        control_name: The control to take; empty for the first that fits, of the first kind that does.
        level: Of choices inside choices, the level whose choices are the classes; 0: the leaves.

    Raises:
        UnsupportedLabelConfig: Nothing fits; the text says what to add.
    """
    found = config.find(text, control_name, level)
    return LabelSpec(found.name, found.image, found.data_key, found.control)
