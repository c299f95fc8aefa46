"""`<Choices>`: one class of an image, or with `choice="multiple"` any number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self
from xml.etree.ElementTree import Element

from fishermask_backend.controls.control import Misfit, Unreadable, shown
from fishermask_backend.controls.elements import (
    attribute,
    check_names,
    choice_name,
    choices_of,
    is_set,
)
from fishermask_backend.controls.tree import Tree


@dataclass(frozen=True)
class Choices:
    """Choices; results hold `{"choices": ["cat"]}`, or paths where they are nested."""

    tag: ClassVar[str] = "Choices"
    type: ClassVar[str] = "choices"

    classes: tuple[str, ...]
    several: bool = False
    tree: Tree | None = None  # with allowNested="true": the editor writes and reads paths

    @property
    def singly(self) -> bool:
        """With `allowNested`: the import takes lists of texts only, the editor shows paths only."""
        return self.tree is not None

    @classmethod
    def of(cls, element: Element) -> Self:
        """Return the control that a `Choices` element describes.

        Raises:
            Misfit: Its choices are the task's, or too few, or some of them are not shown.
        """
        if attribute(element, "value"):
            raise Misfit("takes its choices from the task data; write them as <Choice> tags")
        several = attribute(element, "choice").lower() == "multiple"
        if is_set(element, "allowNested"):
            return cls((), several, Tree.of(element)).at_level(0)
        choices = [choice for choice in choices_of(element) if choice_name(choice)]
        if any(next(choices_of(choice), None) is not None for choice in choices):
            raise Misfit(
                "has choices inside choices, which are not shown so; write <Taxonomy> instead"
            )
        found = cls(tuple(dict.fromkeys(map(choice_name, choices))), several)
        check_names(element, found.classes)
        return found._enough()

    @property
    def level(self) -> int:
        """The level whose choices are the classes; 0: the leaves."""
        return self.tree.level if self.tree is not None else 0

    def at_level(self, level: int) -> Self:
        """Return it with the choices of a level as classes, where they are nested.

        Raises:
            Misfit: They are too few.
        """
        if self.tree is None:
            return self
        tree = replace(self.tree, level=level)
        return replace(self, tree=tree, classes=tree.classes)._enough()

    def _enough(self) -> Self:
        if len(self.classes) < 2 and not self.several:
            raise Misfit("needs at least two different <Choice> tags")
        if not self.classes:
            raise Misfit("needs a <Choice> tag")
        return self

    def read(self, value: Mapping[str, Any]) -> list[str]:
        """Return the choices that a region's value names.

        With `allowNested="true"` the editor writes the path to a choice, `[["cat"]]`; where that was
        set once, its end counts.

        Raises:
            Unreadable: There is no list, or something else than a choice in it.
        """
        choices = value.get("choices")
        if not isinstance(choices, list):
            raise Unreadable(f"choices is {shown(choices)}, not a list")
        if self.tree is not None:
            return self.tree.read(choices, several=self.several)
        return [_end(choice) for choice in choices]

    def write(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the value of a region that names these choices."""
        if self.tree is not None:
            return {"choices": [list(self.tree.path(name)) for name in classes]}
        return {"choices": list(classes)}


def _end(choice: object) -> str:
    path = choice if isinstance(choice, list) else [choice]
    for step in path:
        if not isinstance(step, str):
            raise Unreadable(f"choices holds {shown(choice)}, not a choice")
    if not path:
        raise Unreadable("choices holds an empty list, not a choice")
    return str(path[-1])
