"""Which control of a labelling config is learnt, and why others are not."""

from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from fishermask_backend import controls
from fishermask_backend.controls import image
from fishermask_backend.controls.control import Control, Leveled, Misfit
from fishermask_backend.controls.elements import attribute, is_set, is_tag, server_attribute
from fishermask_backend.errors import UnsupportedLabelConfig

EXAMPLE = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image" '
    'choice="single" required="true"><Choice value="cat"/><Choice value="dog"/></Choices></View>'
)


@dataclass(frozen=True)
class Found:
    """A control, the name of its `Image`, and where tasks have the address of that."""

    name: str
    image: str
    data_key: str
    control: Control


def find(text: str, control_name: str, level: int) -> Found:
    """Find the control to learn in a labelling config.

    Args:
        text: Label Studio's XML.
        control_name: The control to take; empty for the first that fits, of the first kind that does.
        level: Of choices inside choices, the level whose choices are the classes; 0: the leaves.

    Raises:
        UnsupportedLabelConfig: Nothing fits; the text says what to add.
    """
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError, TypeError) as error:
        raise UnsupportedLabelConfig(f"The labelling config is not valid XML ({error}).") from None
    reasons: list[str] = []
    for kind in controls.CONTROLS:
        for tag in root.iter():
            name = attribute(tag, "name")
            if not is_tag(tag, kind.tag) or (control_name and name != control_name):
                continue
            try:
                return _found(kind, tag, root, level)
            except Misfit as misfit:
                reasons.append(f"<{tag.tag} name={name or None!r}> {misfit}")
    if control_name and not reasons:
        named = _one_of(f"<{kind.tag} name={control_name!r}>" for kind in controls.CONTROLS)
        reasons.append(f"there is no {named}, which CONTROL_NAME asks for")
    if not reasons:
        named = _one_of(f"<{kind.tag}>" for kind in controls.CONTROLS)
        reasons.append(f"there is no {named} tag")
    raise UnsupportedLabelConfig(
        f"Nothing to learn in the labelling config: {'; '.join(reasons)}. "
        f"A config that works: {EXAMPLE}"
    )


def _one_of(tags: Iterable[str]) -> str:
    *others, last = tags
    return f"{', '.join(others)} or {last}"


def _found(kind: type[Control], tag: Element, root: Element, level: int) -> Found:
    """Return what a control labels, and how.

    Raises:
        Misfit: It cannot be learned.
    """
    name, target = server_attribute(tag, "name"), server_attribute(tag, "toName")
    if not name:
        raise Misfit("needs a name")
    if any(tag in repeater.iter() for repeater in root.iter() if is_tag(repeater, "Repeater")):
        raise Misfit(
            "is in a <Repeater>, which asks once for each item of a list; import every item as a task "
            "of its own, and ask without <Repeater>"
        )
    if "," in target:
        raise Misfit(f'labels several things together (toName="{target}"); name one <Image>')
    if is_set(tag, "perRegion") or is_set(tag, "perItem"):
        raise Misfit("labels regions or items; remove perRegion and perItem to label whole images")
    shown = _image(root, target)
    if shown is None:
        raise Misfit(f'has toName="{target}", which is no <Image> tag with that name')
    try:
        server_attribute(shown, "name")
        data_key = image.data_key(shown)
    except Misfit as misfit:
        raise Misfit(f'labels <Image name="{target}">, which {misfit}') from None
    control: Control = kind.of(tag)
    if level and isinstance(control, Leveled):
        control = control.at_level(level)
    return Found(name, target, data_key, control)


def _image(root: Element, name: str) -> Element | None:
    images = (tag for tag in root.iter() if is_tag(tag, "Image"))
    return next((tag for tag in images if name and attribute(tag, "name") == name), None)
