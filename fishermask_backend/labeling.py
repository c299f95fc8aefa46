"""Label Studio's labelling config and results, in the classifier's terms.

A config becomes a `LabelSpec`, which reads annotations; probabilities become the result JSON of a
pre-label. How a tag spells its classes is its control's matter (`controls`), what the annotations of a
task say together that of `controls.consensus`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from math import inf
from typing import Any

from fishermask_backend.controls import config, image
from fishermask_backend.controls.heads import Head
from fishermask_backend.controls.heads import Likelihood as Likelihood
from fishermask_backend.controls.presence import presence
from fishermask_backend.controls.question import Question
from fishermask_backend.controls.reading import Asking, Reading, read_result
from fishermask_backend.controls.together import read_together

Since = Mapping[str, Mapping[str, float]]  # a control: a class of it: when it came


@dataclass(frozen=True)
class LabelSpec:
    """What is learned: the controls on one image of a task.

    Attributes:
        data_key: Where tasks have the image's address (`controls/image.py`).
        questions: The controls, in the config's order.
        set_aside: Which other controls could be learnt, and why they are not, in sentences.
    """

    data_key: str
    questions: tuple[Question, ...]
    set_aside: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def heads(self) -> tuple[Head, ...]:
        """What each control is to the classifier."""
        alone = len(self.questions) == 1
        return tuple(question.head(alone=alone) for question in self.questions)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of all controls, as `controls/heads.py` calls them, in the config's order."""
        return tuple(name for head in self.heads for name in head.names)

    @property
    def likelihood(self) -> Likelihood:
        """That of the only control."""
        (question,) = self.questions
        return question.likelihood

    @property
    def learnt(self) -> str:
        """The controls' names, and of which level of each the classes are."""
        return "; ".join(question.learnt for question in self.questions)

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
        since: Since | None = None,
    ) -> Reading:
        """Return what an annotation's result says, and what of it could not be read.

        Args:
            result: The annotation's.
            updated_at: When it was last saved; empty: after all that is asked now.
            imported: It was imported, and nobody has opened it.
            since: When each control's classes came into the config (`worker/asked_since.py`); None:
                always there.
        """
        saved, readings = _moment(updated_at), {}
        for question, head in zip(self.questions, self.heads, strict=True):
            came = (since or {}).get(question.control, {})
            asking = Asking(came, saved, imported, question.presence)
            readings[head] = read_result(result, question.control, question.spelling, asking)
        return read_together(readings)

    def prelabel(
        self, probabilities: Mapping[str, float], above: float = 0.0
    ) -> list[dict[str, Any]]:
        """Return the result JSON of a pre-label.

        Args:
            probabilities: Class to probability; classes that the config has gained since are missing,
                and those it has lost are left out.
            above: Classes less probable than this are not named.

        Returns:
            A region of each control of which something is to be shown (`Question.prelabel`).
        """
        regions: list[dict[str, Any]] = []
        pairs = zip(self.questions, self.heads, strict=True)
        for number, (question, head) in enumerate(pairs, start=1):
            own = {
                c: probabilities[name]
                for c, name in zip(head.classes, head.names, strict=True)
                if name in probabilities
            }
            region = "fishermask" if head.alone else f"fishermask-{number}"
            regions += question.prelabel(own, above, region)
        return regions


def parse_label_config(text: str, control_name: str = "", level: int = 0) -> LabelSpec:
    """Find the controls to learn in a labelling config.

    Args:
        text: Label Studio's XML.
        control_name: The control to take, or several with commas between; empty for all that fit and
            are on the same image as the first one, of the first kind that fits.
        level: Of choices inside choices, the level whose choices are the classes; 0: the leaves.

    Raises:
        UnsupportedLabelConfig: Nothing fits; the text says what to add.
    """
    found, set_aside = config.find(text, control_name, level)
    questions = tuple(Question(f.name, f.image, f.control, presence(text, f.name)) for f in found)
    return LabelSpec(found[0].data_key, questions, set_aside)


def _moment(updated_at: str) -> float:
    """Return seconds since 1970 of a time as Label Studio writes it; of anything else, the future."""
    try:
        return datetime.fromisoformat(updated_at).timestamp()
    except ValueError:
        return inf
