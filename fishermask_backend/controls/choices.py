"""`<Choices>`: one class of an image, or with `choice="multiple"` any number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from xml.etree.ElementTree import Element

from fishermask_backend.controls.control import Misfit, Unreadable, shown


@dataclass(frozen=True)
class Choices:
    """A flat list of choices; results hold `{"choices": ["cat"]}`."""

    tag: ClassVar[str] = "Choices"
    type: ClassVar[str] = "choices"

    classes: tuple[str, ...]
    several: bool = False
    nested: bool = False  # the editor writes and reads paths

    @property
    def singly(self) -> bool:
        """With `allowNested`: the import takes lists of texts only, the editor shows paths only."""
        return self.nested

    @classmethod
    def of(cls, element: Element) -> Self:
        """Return the control that a `Choices` element describes.

        Raises:
            Misfit: Its choices are the task's, nested, or too few.
        """
        if element.get("value"):
            raise Misfit("takes its choices from the task data; write them as <Choice> tags")
        choices = [choice for choice in element.iter("Choice") if _class_name(choice)]
        if any(choice.findall(".//Choice") for choice in choices):
            raise Misfit("has choices inside choices; list them on one level")
        found = cls(
            classes=tuple(dict.fromkeys(_class_name(choice) for choice in choices)),
            several=element.get("choice") == "multiple",
            nested=element.get("allowNested", "").lower() == "true",
        )
        if len(found.classes) < 2 and not found.several:
            raise Misfit("needs at least two different <Choice> tags")
        if not found.classes:
            raise Misfit("needs a <Choice> tag")
        return found

    def read(self, value: Mapping[str, Any]) -> list[str]:
        """Return the choices that a region's value names.

        With `allowNested="true"` the editor writes the path to a choice, `[["cat"]]`: its end counts.

        Raises:
            Unreadable: There is no list, or something else than a choice in it.
        """
        choices = value.get("choices")
        if not isinstance(choices, list):
            raise Unreadable(f"choices is {shown(choices)}, not a list")
        return [_end(choice) for choice in choices]

    def write(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the value of a region that names these choices."""
        return {"choices": [[name] for name in classes] if self.nested else list(classes)}


def _end(choice: object) -> str:
    path = choice if isinstance(choice, list) else [choice]
    for step in path:
        if not isinstance(step, str):
            raise Unreadable(f"choices holds {shown(choice)}, not a choice")
    if not path:
        raise Unreadable("choices holds an empty list, not a choice")
    return str(path[-1])


def _class_name(choice: Element) -> str:
    # Label Studio writes the alias, where there is one, into the annotation's result.
    return choice.get("alias") or choice.get("value") or ""
