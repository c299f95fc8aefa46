"""Choices inside choices: paths from the root; the leaves, or those of a level, are the classes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self
from xml.etree.ElementTree import Element

from fishermask_backend.controls.control import Misfit, Unreadable, shown
from fishermask_backend.controls.elements import choice_name, choices_of

Path = tuple[str, ...]

SEPARATOR = " / "  # as Label Studio shows a path


@dataclass(frozen=True)
class Tree:
    """A control's choices.

    A label at a choice that has others below it says less than a class: it is none, unless that choice
    is of the level asked for.

    Attributes:
        leaves: The paths to those that have none below them, in the config's order.
        level: Classes are the paths' first so many steps (shorter leaves are whole); 0: the leaves.
    """

    leaves: tuple[Path, ...]
    level: int = 0

    @classmethod
    def of(cls, element: Element) -> Self:
        """Return the choices of a control.

        Raises:
            Misfit: A name cannot be told, or two of them not apart.
        """
        leaves = tuple(dict.fromkeys(_leaves(element, ())))
        names = Counter(SEPARATOR.join(path) for path in leaves)
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            raise Misfit(f"has different choices that both read {twice!r}; name one otherwise")
        return cls(leaves)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes: their paths, as Label Studio shows them."""
        return tuple(self._paths)

    def path(self, name: str) -> Path:
        """Return the path to a class."""
        return self._paths[name]

    def is_leaf(self, name: str) -> bool:
        """Say whether a class has no choice below it."""
        return self._paths[name] in self._leaf_set

    def read(self, paths: Sequence[object], *, several: bool) -> list[str]:
        """Return the classes of the paths in a region's value.

        The editor names a choice beside those above it if they are all chosen.

        Raises:
            Unreadable: One is no path, or says less than a class; or there are several, and one is
                learnt.
        """
        found = [_steps(path) for path in paths]
        above = {path[:end] for path in found for end in range(1, len(path))}
        names = dict.fromkeys(self._class_of(path) for path in found if path not in above)
        if len(names) > 1 and not several:
            raise Unreadable(f"{len(names)} classes are named, where one is learnt")
        return list(names)

    @cached_property
    def _leaf_set(self) -> frozenset[Path]:
        return frozenset(self.leaves)

    @cached_property
    def _inner(self) -> frozenset[Path]:
        return frozenset(path[:end] for path in self.leaves for end in range(1, len(path)))

    @cached_property
    def _paths(self) -> dict[str, Path]:
        paths = dict.fromkeys(path[: self.level or None] for path in self.leaves)
        return {SEPARATOR.join(path): path for path in paths}

    def _class_of(self, path: Path) -> str:
        enough = path in self._leaf_set or 0 < self.level <= len(path)
        if not enough and path in self._inner:
            raise Unreadable(
                f"{SEPARATOR.join(path)!r} has choices below it, one of which is wanted"
            )
        return SEPARATOR.join(path[: self.level or None])


def _leaves(element: Element, above: Path) -> list[Path]:
    found: list[Path] = []
    for choice in choices_of(element):
        name = choice_name(choice)
        if name:
            path = (*above, name)
            found += _leaves(choice, path) or [path]
    return found


def _steps(path: object) -> Path:
    steps = path if isinstance(path, list) else [path]
    for step in steps:
        if not isinstance(step, str):
            raise Unreadable(f"a choice is {shown(step)}, not a name")
    if not steps:
        raise Unreadable("a choice is an empty list, not a path")
    return tuple(steps)
