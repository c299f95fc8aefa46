"""What each control is to the classifier: a head of its own, whose classes are a part of all classes.

Where one control is learnt, classes are called as it calls them. Where there are several, two of them
may have a class of the same name: there a class is called `<control>: <class>`, in answers as the
database keeps them and in rounds, with colons of the control's name doubled, so that no two are called
alike.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

# As in fisher/likelihood.py, which is not asked: the web process, which reads configs and writes
# pre-labels, does without torch.
Likelihood = Literal["categorical", "bernoulli"]
JointLikelihood = (
    Likelihood | Literal["joint"]
)  # joint: each control's own, independent of each other


class StoredHead(TypedDict):
    """A head as the database keeps it, beside what is known of its round."""

    control: str
    classes: list[str]
    likelihood: Likelihood
    trained: NotRequired[bool]  # it is a part of the round's classifier
    checked: NotRequired[int]  # labels of the control that the round's queues have brought,
    agreed: NotRequired[int]  # and of these, those that its pre-label named


@dataclass(frozen=True)
class Head:
    """One control, as it is learnt.

    Attributes:
        control: Its name.
        classes: As it calls them, in the config's order.
        likelihood: `bernoulli` if an image may have any number of the classes, else `categorical`.
        alone: No other control is learnt.
    """

    control: str
    classes: tuple[str, ...]
    likelihood: Likelihood
    alone: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The classes, as they are called among those of all controls."""
        return self.classes if self.alone else tuple(map(self.name, self.classes))

    def name(self, own: str) -> str:
        """Return what a class is called among those of all controls."""
        return own if self.alone else f"{self.control.replace(':', '::')}: {own}"

    def own(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that are of this head, as its control calls them, in its order."""
        given = set(names)
        return [c for c, name in zip(self.classes, self.names, strict=True) if name in given]

    def asked(self, unasked: Iterable[str]) -> bool:
        """Say whether an answer that leaves these names open says anything of this control."""
        return self.alone or not set(self.names) <= set(unasked)

    def stored(self) -> StoredHead:
        """Return it as the database keeps it."""
        return {
            "control": self.control,
            "classes": [*self.classes],
            "likelihood": self.likelihood,
        }


def stored_heads(heads: Sequence[Head]) -> list[StoredHead] | None:
    """Return heads as the database keeps them; None where there is one, which needs no telling."""
    return None if len(heads) == 1 else [head.stored() for head in heads]


def read_head(stored: StoredHead) -> Head:
    """Return one of several heads that were kept."""
    return Head(stored["control"], tuple(stored["classes"]), stored["likelihood"])


def likelihood_of(heads: Sequence[Head]) -> JointLikelihood:
    """Return the likelihood of the answers to all of them."""
    return heads[0].likelihood if len(heads) == 1 else "joint"
