"""`<Taxonomy>`: one choice of a tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, ClassVar, Self
from xml.etree.ElementTree import Element

from fishermask_backend.controls.control import Misfit, Unreadable, shown
from fishermask_backend.controls.elements import attribute, check_names, is_set
from fishermask_backend.controls.tree import Tree


@dataclass(frozen=True)
class Taxonomy:
    """Choices inside choices; results hold paths, `{"taxonomy": [["Fruit", "Apple"]]}`."""

    tag: ClassVar[str] = "Taxonomy"
    type: ClassVar[str] = "taxonomy"
    several: ClassVar[bool] = False
    singly: ClassVar[bool] = False

    tree: Tree
    leaves_only: bool = False

    @classmethod
    def of(cls, element: Element) -> Self:
        """Return the control that a `Taxonomy` element describes.

        Raises:
            Misfit: Its choices are elsewhere, or too few, or it labels parts of a text.
        """
        if attribute(element, "value"):
            raise Misfit("takes its choices from the task data; write them as <Choice> tags")
        if attribute(element, "apiUrl"):
            raise Misfit("loads its choices from its apiUrl; write them as <Choice> tags")
        if is_set(element, "labeling"):
            raise Misfit('labels parts of a text (labeling="true")')
        tree = Tree.of(element)
        check_names(element, list(chain.from_iterable(tree.leaves)))
        return cls(tree, is_set(element, "leafsOnly")).at_level(0)

    @property
    def level(self) -> int:
        """The level whose choices are the classes; 0: the leaves."""
        return self.tree.level

    def at_level(self, level: int) -> Self:
        """Return it with the choices of a level as classes, 1 for the first; 0: the leaves.

        Raises:
            Misfit: They are too few.
        """
        tree = replace(self.tree, level=level)
        if len(tree.classes) < 2:
            where = f" down to TAXONOMY_LEVEL={level}" if level else ""
            raise Misfit(f"needs at least two different <Choice> tags{where}")
        return replace(self, tree=tree)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, as paths: `Fruit / Apple`."""
        return self.tree.classes

    def read(self, value: Mapping[str, Any]) -> list[str]:
        """Return the class that a region's value names.

        Raises:
            Unreadable: There is no list of paths, or they name several classes, or none.
        """
        paths = value.get("taxonomy")
        if not isinstance(paths, list):
            raise Unreadable(f"taxonomy is {shown(paths)}, not a list")
        return self.tree.read(paths, several=False)

    def write(self, classes: Sequence[str]) -> dict[str, Any] | None:
        """Return the value of a region that names these classes.

        None where people may choose leaves only and a class is none.
        """
        if self.leaves_only and not all(map(self.tree.is_leaf, classes)):
            return None
        return {"taxonomy": [list(self.tree.path(name)) for name in classes]}
