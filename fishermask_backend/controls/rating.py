"""`<Rating>`: one number of stars, each a class."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self
from xml.etree.ElementTree import Element

from fishermask_backend.controls.control import Misfit, Unreadable, shown
from fishermask_backend.controls.elements import server_attribute

STARS = "5"  # without `maxRating`
MOST = 100
LARGEST = 10**6  # that is written out; JSON knows numbers of thousands of digits


@dataclass(frozen=True)
class Rating:
    """Stars from 1 on; results hold `{"rating": 3}`. No star is no answer."""

    tag: ClassVar[str] = "Rating"
    type: ClassVar[str] = "rating"
    several: ClassVar[bool] = False
    singly: ClassVar[bool] = False

    stars: int

    @classmethod
    def of(cls, element: Element) -> Self:
        """Return the control that a `Rating` element describes.

        Raises:
            Misfit: Its stars are too few, or too many.
        """
        stars = server_attribute(element, "maxRating") or STARS
        if not re.fullmatch(r"[0-9]{1,4}", stars) or not 2 <= int(stars) <= MOST:
            raise Misfit(f'has maxRating="{stars}"; 2 to {MOST} stars can be learnt')
        return cls(int(stars))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes: `1`, `2` and so on."""
        return tuple(str(number) for number in range(1, self.stars + 1))

    def read(self, value: Mapping[str, Any]) -> list[str]:
        """Return the number that a region's value names.

        Raises:
            Unreadable: There is no whole number.
        """
        rating = value.get("rating")
        number = isinstance(rating, int | float) and not isinstance(rating, bool)
        if rating is None or not number or rating % 1 != 0:  # of what is no number or infinite, too
            raise Unreadable(f"rating is {shown(rating)}, not a whole number of stars")
        if not -LARGEST <= rating <= LARGEST:
            raise Unreadable(f"rating is a number beyond {LARGEST}, not one of stars")
        return [str(int(rating))] if rating else []

    def write(self, classes: Sequence[str]) -> dict[str, Any]:
        """Return the value of a region that names this number."""
        (stars,) = classes
        return {"rating": int(stars)}
