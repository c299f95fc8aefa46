"""How a labelling config asks a question: to everybody, of everybody, and beside which others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring


@dataclass(frozen=True)
class Presence:
    """How a control stands in a config.

    Attributes:
        required: Label Studio refuses a submission that leaves it empty.
        hidden: It, or what it stands in, is shown only where something else is chosen (`visibleWhen`).
        controls: All controls of the config; None: unknown.
    """

    required: bool = False
    hidden: bool = False
    controls: frozenset[str] | None = None


ANYHOW = Presence()


def presence(config: str, name: str) -> Presence:
    """Return how a control stands in a config (Label Studio's XML, tags in any letter case)."""
    root = _parsed(config)
    if root is None:
        return ANYHOW
    path = next(_paths(root, name), [])
    attributes = [_lowered(tag) for tag in path]
    return Presence(
        required=bool(path) and attributes[-1].get("required", "").lower() == "true",
        hidden=any(each.get("visiblewhen") for each in attributes),
        controls=control_names(config),
    )


def control_names(config: str) -> frozenset[str]:
    """Return the names of a config's controls; none of what is no XML."""
    root = _parsed(config)
    tags = [] if root is None else [_lowered(tag) for tag in root.iter()]
    return frozenset(tag["name"] for tag in tags if tag.get("name") and tag.get("toname"))


def _parsed(config: str) -> Element | None:
    try:
        root: Element = fromstring(config)
    except (ParseError, DefusedXmlException, ValueError, TypeError):
        return None
    return root


def _paths(tag: Element, name: str) -> Iterator[list[Element]]:
    """Yield the way to each control of this name, itself last."""
    attributes = _lowered(tag)
    if attributes.get("name") == name and attributes.get("toname"):
        yield [tag]
    for inner in tag:
        for path in _paths(inner, name):
            yield [tag, *path]


def _lowered(tag: Element) -> Mapping[str, str]:
    return {name.lower(): value for name, value in tag.attrib.items()}
