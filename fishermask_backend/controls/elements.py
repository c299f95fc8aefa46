"""Tags as Label Studio reads them: its editor in any letter case, its server in some places in one.

The server drops a pre-label, without a word, if it does not find the control or the class in the
config; so what it would not find is refused.
"""

import re
from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from fishermask_backend.controls.control import Misfit

VARIABLE = re.compile(r"\$[\w\[\].{}]+", re.ASCII)  # what the editor takes from a task's data


def is_tag(element: Element, name: str) -> bool:
    """Say whether an element is this tag, in any letter case."""
    return element.tag.lower() == name.lower()


def attribute(element: Element, name: str) -> str:
    """Return an attribute, written in any letter case; empty if there is none."""
    exact = element.get(name)
    if exact is not None:
        return exact
    return next((text for key, text in element.items() if key.lower() == name.lower()), "")


def is_set(element: Element, name: str) -> bool:
    """Say whether an attribute is "true"."""
    return attribute(element, name).lower() == "true"


def server_attribute(element: Element, name: str) -> str:
    """Return an attribute that Label Studio's server looks for, too; empty if there is none.

    Raises:
        Misfit: It is written in another letter case, where the server does not find it.
    """
    found = attribute(element, name)
    if found and element.get(name) is None:
        raise Misfit(
            f'needs {name}="{found}" in this letter case; otherwise Label Studio drops its pre-labels'
        )
    return found


def choices_of(element: Element) -> Iterator[Element]:
    """Yield the `<Choice>` tags of a control or a choice; a `<View>` between them is no level."""
    for child in element:
        if is_tag(child, "Choice"):
            yield child
        else:
            yield from choices_of(child)


def choice_name(choice: Element) -> str:
    """Return what the editor writes into results for a choice: its alias, else its value or text.

    Raises:
        Misfit: It depends on the task.
    """
    alias = attribute(choice, "alias")
    if alias:
        return alias
    text = "" if len(choice) else (choice.text or "").strip()
    name = text or attribute(choice, "value")
    if VARIABLE.search(name):
        raise Misfit(f"takes the choice {name!r} from the task data; write its name, or an alias")
    return name


def check_names(element: Element, names: Sequence[str]) -> None:
    """See to it that Label Studio's server finds these choices in a control.

    It looks for `<Choice>` with `alias` or `value` in this letter case, and takes every name where it
    finds none.

    Raises:
        Misfit: It finds others only, and would drop pre-labels of these.
    """
    found = {choice.get("alias") or choice.get("value") for choice in element.iter("Choice")}
    unknown = [name for name in names if name not in found]
    if found and unknown:
        raise Misfit(
            f'needs <Choice value="{unknown[0]}"/> (or alias) in this letter case; otherwise Label '
            "Studio drops pre-labels of it"
        )
