"""`<Image>`: where a task's data hold the address of its image, read as Label Studio's editor does.

`value="$image"` names a field, `"$meta.photo"` and `"$photos[0]"` what is inside one, and
`"https://host/$file"` puts an address together. Kept is the field's name or path, or else the whole
value, which has a «$» then.
"""

import re
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

from fishermask_backend.controls.control import Misfit
from fishermask_backend.controls.elements import VARIABLE, attribute, server_attribute

_STEP = re.compile(r"[^.\[\]]+")
_INDEX = re.compile(r"[0-9]{1,9}")


def data_key(image: Element) -> str:
    """Return where an `<Image>` finds its address.

    Raises:
        Misfit: It shows several images, or the same for every task.
    """
    if attribute(image, "valueList"):
        raise Misfit(
            "shows several images (valueList); import every image as a task of its own, and give its "
            '<Image> a value like "$image"'
        )
    value = server_attribute(image, "value")
    if not VARIABLE.search(value):
        raise Misfit('needs a value like "$image", letters of ASCII, digits and _ behind the $')
    return value[1:] if VARIABLE.fullmatch(value) else value


def shown(key: str) -> str:
    """Return what the `<Image>` has for its value."""
    return key if "$" in key else f"${key}"


def address(data: Mapping[str, Any], key: str) -> str:
    """Return the address of a task's image; empty if its data do not hold one."""
    if "$" not in key:
        found = _field(data, key)
        return found if isinstance(found, str) else ""
    parts = [_field(data, name[1:]) for name in VARIABLE.findall(key)]
    if not all(isinstance(part, str | int) and part != "" for part in parts):
        return ""
    filled = iter(parts)
    return VARIABLE.sub(lambda _: str(next(filled)), key)


def _field(data: Mapping[str, Any], path: str) -> Any:
    """Return a field, or what is inside one; None if it is not there."""
    if path in data:
        return data[path]
    found: Any = data
    for step in _STEP.findall(path):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, list) and _INDEX.fullmatch(step) and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found
