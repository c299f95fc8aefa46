"""What a kind of tag has to tell, so that it can be learnt and pre-labelled."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self
from xml.etree.ElementTree import Element

from fishermask_backend.errors import FisherMaskError


class Misfit(FisherMaskError):
    """A tag that cannot be learnt; the text follows its name: «needs …»."""


class Control(Protocol):
    """A tag of a labelling config: its classes, and how Label Studio's results spell them.

    Implementations are frozen and hashable; all that `read` and `write` need of the tag is kept.

    Attributes:
        tag: The tag's name.
        type: What Label Studio calls a region of it in results.
    """

    tag: ClassVar[str]
    type: ClassVar[str]

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
        """Return what a region's value names; classes that the tag does not have may be among it."""
        ...

    def write(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the value of a region that names these classes."""
        ...
