"""Which controls of a labelling config are learnt, and why others are not."""

from collections.abc import Iterable, Mapping, Sequence
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


def find(text: str, control_name: str, level: int) -> tuple[list[Found], tuple[str, ...]]:
    """Find the controls to learn in a labelling config.

    Args:
        text: Label Studio's XML.
        control_name: The control to take, or several with commas between. Empty for all that fit and
            show the same image as the first that fits, of the first kind that does.
        level: Of choices inside choices, the level whose choices are the classes; 0: the leaves.

    Returns:
        The controls in the config's order, at least one; and of those that fit, but show another
        image, why they are not learnt.

    Raises:
        UnsupportedLabelConfig: Nothing fits, or something that was named doesn't; the text says what
            to change.
    """
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException, ValueError, TypeError) as error:
        raise UnsupportedLabelConfig(f"The labelling config is not valid XML ({error}).") from None
    wanted = _wanted(root, control_name)
    fitting: dict[int, Found] = {}  # by place in the config, those of the first kind first
    reasons: dict[str, list[str]] = {}
    for kind in controls.CONTROLS:
        for place, tag in enumerate(root.iter()):
            name = attribute(tag, "name")
            if not is_tag(tag, kind.tag) or (wanted and name not in wanted):
                continue
            try:
                fitting[place] = _found(kind, tag, root, level)
            except Misfit as misfit:
                reasons.setdefault(name, []).append(f"<{tag.tag} name={name or None!r}> {misfit}")
    missing = [name for name in wanted if all(name != f.name for f in fitting.values())]
    if missing or not fitting:
        raise UnsupportedLabelConfig(_refusal(missing, reasons, some=bool(fitting)))
    first = next(iter(fitting.values()))
    return _of_one_image(first, [fitting[place] for place in sorted(fitting)], named=bool(wanted))


def _wanted(root: Element, control_name: str) -> list[str]:
    """Return the names asked for; a name may have a comma in it."""
    if any(attribute(tag, "name") == control_name for tag in root.iter()):
        return [control_name] if control_name else []
    return list(dict.fromkeys(n.strip() for n in control_name.split(",") if n.strip()))


def _refusal(missing: Sequence[str], reasons: Mapping[str, Sequence[str]], *, some: bool) -> str:
    """Say why nothing is learnt, or not all that was asked for."""
    told: list[str] = []
    for name in missing:
        named = _one_of(f"<{kind.tag} name={name!r}>" for kind in controls.CONTROLS)
        told += reasons.get(name) or [f"there is no {named}, which CONTROL_NAME asks for"]
    if not missing:
        told = [reason for of_name in reasons.values() for reason in of_name]
    if not told:
        told = [f"there is no {_one_of(f'<{kind.tag}>' for kind in controls.CONTROLS)} tag"]
    what = "Not all that CONTROL_NAME names can be learnt" if some else "Nothing to learn"
    return f"{what} in the labelling config: {'; '.join(told)}. A config that works: {EXAMPLE}"


def _of_one_image(
    first: Found, found: Sequence[Found], *, named: bool
) -> tuple[list[Found], tuple[str, ...]]:
    """Return the controls that show the first one's image, and sentences about the others.

    Raises:
        UnsupportedLabelConfig: All of them are asked for by name, and show different images.
    """
    shown = image.shown(first.data_key)
    others = [f for f in found if f.data_key != first.data_key]
    if named and others:
        raise UnsupportedLabelConfig(
            f"CONTROL_NAME names controls of different images: {first.name!r} labels {shown}, "
            f"{others[0].name!r} labels {image.shown(others[0].data_key)}. Name those of one image."
        )
    told = (
        f"The control {f.name!r} is not learnt: it labels {image.shown(f.data_key)}, and "
        f"{first.name!r} labels {shown}. CONTROL_NAME={f.name} learns it instead."
        for f in others
    )
    return [f for f in found if f.data_key == first.data_key], tuple(told)


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
