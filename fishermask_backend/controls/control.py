"""What a kind of tag has to tell, so that it can be learnt and pre-labelled."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self, runtime_checkable
from xml.etree.ElementTree import Element

from fishermask_backend.errors import FisherMaskError

LONGEST = 40  # characters of a text that are shown


class Misfit(FisherMaskError):
    """A tag that cannot be learnt; the text follows its name: «needs …»."""


class Unreadable(FisherMaskError):
    """A region's value of unexpected shape; the text says what it holds: «choices is null, …»."""


class Control(Protocol):
    """A tag of a labelling config: its classes, and how Label Studio's results spell them.

    Implementations are frozen and hashable; all that `read` and `write` need of the tag is kept.

    Attributes:
        tag: The tag's name.
        type: What Label Studio calls a region of it in results.
        singly: Label Studio's import drops predictions of it without a word; taken one at a time, it
            keeps them, and its editor shows them.
    """

    tag: ClassVar[str]
    type: ClassVar[str]

    @property
    def singly(self) -> bool:
        """See above."""
        ...

    @classmethod
    def of(cls, element: Element) -> Self:
        """Return the control that an element describes.

        Raises:
            Misfit: It cannot be learnt.
        """
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, different ones, in the config's order."""
        ...

    @property
    def several(self) -> bool:
        """True if an image may have any number of the classes, else it has one."""
        ...

    def read(self, value: Mapping[str, Any]) -> list[str]:
        """Return what a region's value names; classes that the tag does not have may be among it.

        Args:
            value: An object as Label Studio takes it from whoever imports it: of any JSON.

        Raises:
            Unreadable: It is not of the shape that the editor writes.
        """
        ...

    def write(self, classes: Sequence[str]) -> dict[str, Any] | None:
        """Return the value of a region that names these classes; None if no editor would show it."""
        ...


@runtime_checkable
class Leveled(Protocol):
    """A control whose choices may lie inside others."""

    @property
    def level(self) -> int:
        """The level whose choices are the classes; 0: the leaves."""
        ...

    def at_level(self, level: int) -> Control:
        """Return it with the choices of a level as classes, 1 for the first; 0: the leaves.

        Raises:
            Misfit: They are too few.
        """
        ...


def shown(value: object) -> str:
    """Return what kind of JSON a value is, in words; what containers hold is not looked at."""
    if isinstance(value, str):
        return f"the text {value if len(value) <= LONGEST else value[:LONGEST] + '…'!r}"
    if isinstance(value, bool):
        return str(value).lower()
    kinds = {dict: "an object", list: "a list", int: "a number", float: "a number"}
    return kinds.get(type(value), "null" if value is None else type(value).__name__)
