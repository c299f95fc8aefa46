"""Label Studio's labelling config and results, in the classifier's terms.

A config becomes a `LabelSpec`, which reads annotations; probabilities become the result JSON of a
pre-label. How a tag spells its classes is its control's matter (`controls`), what the annotations of a
task say together that of `controls.consensus`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any, Literal

from fishermask_backend.controls import Control, Leveled, config, image
from fishermask_backend.controls.presence import ANYHOW, Presence, presence
from fishermask_backend.controls.reading import Asking, Reading, read_result

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
        presence: How the config asks for it.
    """

    control: str
    image: str
    data_key: str
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

    def address(self, data: Mapping[str, Any]) -> str:
        """Return the address of the image in a task's data; empty if there is none."""
        return image.address(data, self.data_key)

    def answer(self, result: Any) -> frozenset[str] | None:
        """Return the classes an annotation's result names, or None if it answers nothing."""
        return self.read(result).classes

    def read(
        self,
        result: Any,
        *,
        updated_at: str = "",
        imported: bool = False,
        since: Mapping[str, float] | None = None,
    ) -> Reading:
        """Return what an annotation's result says, and what of it could not be read.

        Args:
            result: The annotation's.
            updated_at: When it was last saved; empty: after all that is asked now.
            imported: It was imported, and nobody has opened it.
            since: When classes came into the config (`worker/asked_since.py`); None: always there.
        """
        asking = Asking(since or {}, _moment(updated_at), imported, self.presence)
        return read_result(result, self.control, self.spelling, asking)

    def prelabel(
        self, probabilities: Mapping[str, float], above: float = 0.0
    ) -> list[dict[str, Any]]:
        """Return the result JSON of a pre-label.

        Args:
            probabilities: Class to probability; classes that the config has gained since are missing,
                and those it has lost are left out.
            above: Classes less probable than this are not named.

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
    asked = presence(text, found.name)
    return LabelSpec(found.name, found.image, found.data_key, found.control, asked)


def _moment(updated_at: str) -> float:
    """Return seconds since 1970 of a time as Label Studio writes it; of anything else, the future."""
    try:
        return datetime.fromisoformat(updated_at).timestamp()
    except ValueError:
        return inf
