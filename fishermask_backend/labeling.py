"""Label Studio's labelling config and results, in the classifier's terms.

A config becomes a `LabelSpec`, which reads annotations; probabilities become the result JSON of a
pre-label. How a tag spells its classes is its control's matter (`controls`), what the annotations of a
task say together that of `controls.consensus`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from fishermask_backend import controls
from fishermask_backend.controls import Control, Misfit
from fishermask_backend.controls.presence import ANYHOW, Presence, presence
from fishermask_backend.controls.reading import Asking, Reading, read_result
from fishermask_backend.errors import UnsupportedLabelConfig

# As in fisher/likelihood.py, which is not asked: the web process, which reads configs and writes
# pre-labels, does without torch.
Likelihood = Literal["categorical", "bernoulli"]

EXAMPLE = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image" '
    'choice="single" required="true"><Choice value="cat"/><Choice value="dog"/></Choices></View>'
)


@dataclass(frozen=True)
class LabelSpec:
    """What is learned: one control on one `Image`.

    Attributes:
        control: The control's name.
        image: The name of its `Image`.
        data_key: Where tasks have the image's address.
        spelling: Its classes, and how results name them.
        presence: How the config asks for it.
    """

    control: str
    image: str
    data_key: str
    spelling: Control
    presence: Presence = field(default=ANYHOW, compare=False)  # not a part of what is learnt

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the config's order."""
        return self.spelling.classes

    @property
    def likelihood(self) -> Likelihood:
        """`bernoulli` if an image may have any number of the classes, else `categorical`."""
        return "bernoulli" if self.spelling.several else "categorical"

    def answer(self, result: Any) -> frozenset[str] | None:
        """Return the classes an annotation's result names, or None if it answers nothing."""
        return self.read(result).classes

    def read(
        self,
        result: Any,
        *,
        updated_at: str = "",
        imported: bool = False,
        since: Mapping[str, float] | None = None,
    ) -> Reading:
        """Return what an annotation's result says, and what of it could not be read.

        Args:
            result: The annotation's.
            updated_at: When it was last saved; empty: after all that is asked now.
            imported: It was imported, and nobody has opened it.
            since: When classes came into the config (`worker/asked_since.py`); None: always there.
        """
        asking = Asking(since or {}, _moment(updated_at), imported, self.presence)
        return read_result(result, self.control, self.spelling, asking)

    def prelabel(
        self, probabilities: Mapping[str, float], above: float = 0.0
    ) -> list[dict[str, Any]]:
        """Return the result JSON of a pre-label.

        Args:
            probabilities: Class to probability; classes that the config has gained since are missing,
                and those it has lost are left out.
            above: Classes less probable than this are not named.

        Returns:
            One region: the classes decided on, or none for none. Its score is the class's
            probability, or the smallest of them.
        """
        known = {name: probabilities[name] for name in self.classes if name in probabilities}
        chosen = [name for name in decided(known, self.likelihood) if known[name] >= above]
        if not chosen:
            return []
        return [
            {
                "id": "fishermask",
                "from_name": self.control,
                "to_name": self.image,
                "type": self.spelling.type,
                "value": self.spelling.write(chosen),
                "score": round(float(min(known[name] for name in chosen)), 6),
            }
        ]


def decided(probabilities: Mapping[str, float], likelihood: Likelihood) -> list[str]:
    """Return the classes that a pre-label names, in their order.

    Args:
        probabilities: Class to probability.
        likelihood: `categorical` for the most probable class, the first of equals; `bernoulli` for
            all above one half.
    """
    if likelihood == "categorical":
        return [max(probabilities, key=probabilities.__getitem__)] if probabilities else []
    return [name for name, probability in probabilities.items() if probability > 0.5]


def parse_label_config(config: str, control_name: str = "") -> LabelSpec:
    """Find the control to learn in a labelling config.

    Args:
        config: Label Studio's XML.
        control_name: The control to take; empty for the first that fits.

    Raises:
        UnsupportedLabelConfig: Nothing fits; the text says what to add.
    """
    try:
        root = fromstring(config)
    except (ParseError, DefusedXmlException, ValueError, TypeError) as error:
        raise UnsupportedLabelConfig(f"The labelling config is not valid XML ({error}).") from None
    images = {
        tag.get("name", ""): tag.get("value", "") for tag in root.iter("Image") if tag.get("name")
    }
    kinds = {kind.tag: kind for kind in controls.CONTROLS}
    reasons: list[str] = []
    for tag in root.iter():
        name = tag.get("name")
        if tag.tag not in kinds or (control_name and name != control_name):
            continue
        try:
            spec = _spec(kinds[tag.tag], tag, images)
        except Misfit as misfit:
            reasons.append(f"<{tag.tag} name={name!r}> {misfit}")
        else:
            return replace(spec, presence=presence(config, spec.control))
    if control_name and not reasons:
        named = " or ".join(f"<{kind} name={control_name!r}>" for kind in kinds)
        reasons.append(f"there is no {named}, which CONTROL_NAME asks for")
    if not reasons:
        reasons.append(f"there is no {' or '.join(f'<{kind}>' for kind in kinds)} tag")
    raise UnsupportedLabelConfig(
        f"Nothing to learn in the labelling config: {'; '.join(reasons)}. "
        f"A config that works: {EXAMPLE}"
    )


def _spec(kind: type[Control], tag: Element, images: Mapping[str, str]) -> LabelSpec:
    """Return what a control labels, and how.

    Raises:
        Misfit: It cannot be learned.
    """
    name, target = tag.get("name", ""), tag.get("toName", "")
    if not name:
        raise Misfit("needs a name")
    if target not in images:
        raise Misfit(f'has toName="{target}", which is no <Image> tag with that name')
    if not images[target].startswith("$"):
        raise Misfit(f'needs an <Image name="{target}"> with a value like "$image"')
    if tag.get("perRegion", "").lower() == "true" or tag.get("perItem", "").lower() == "true":
        raise Misfit("labels regions or items; remove perRegion and perItem to label whole images")
    return LabelSpec(name, target, images[target][1:], kind.of(tag))


def _moment(updated_at: str) -> float:
    """Return seconds since 1970 of a time as Label Studio writes it; of anything else, the future."""
    try:
        return datetime.fromisoformat(updated_at).timestamp()
    except ValueError:
        return inf
