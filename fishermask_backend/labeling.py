"""Label Studio's labelling config and results, in the classifier's terms.

A config becomes a `LabelSpec`; the annotations of a task become one `Target`; probabilities become
the result JSON of a pre-label.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from fishermask_backend.errors import UnsupportedLabelConfig

Likelihood = Literal["categorical", "bernoulli"]

EXAMPLE = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image" '
    'choice="single"><Choice value="cat"/><Choice value="dog"/></Choices></View>'
)


@dataclass(frozen=True)
class LabelSpec:
    """What is learned: one `Choices` control on one `Image`."""

    control: str
    image: str
    data_key: str
    classes: tuple[str, ...]
    likelihood: Likelihood

    def answer(self, result: Iterable[Mapping[str, Any]]) -> frozenset[str] | None:
        """Return the classes an annotation's result names, or None if it answers nothing.

        A multiple-choice result with no choice at all is an answer: none of the classes. A single
        choice of a class that the config no longer has is no answer.
        """
        chosen: set[str] = set()
        for region in result:
            if region.get("from_name") == self.control and region.get("type") == "choices":
                choices = (region.get("value") or {}).get("choices") or []
                chosen.update(c for c in choices if isinstance(c, str))
        known = frozenset(chosen).intersection(self.classes)
        if self.likelihood == "bernoulli":
            return known
        return known if len(known) == 1 else None

    def prelabel(self, probabilities: Mapping[str, float]) -> list[dict[str, Any]]:
        """Return the result JSON of a pre-label.

        Args:
            probabilities: Class to probability; classes that the config has gained since are missing,
                and those it has lost are left out.

        Returns:
            One region: the most probable class, or for multiple choice all above one half (none of
            them is an empty list). Its score is the class's probability, or the smallest of them.
        """
        pairs = [(name, probabilities[name]) for name in self.classes if name in probabilities]
        if self.likelihood == "categorical":
            chosen = sorted(pairs, key=lambda pair: -pair[1])[:1]
        else:
            chosen = [pair for pair in pairs if pair[1] > 0.5]
        if not chosen:
            return []
        return [
            {
                "id": "fishermask",
                "from_name": self.control,
                "to_name": self.image,
                "type": "choices",
                "value": {"choices": [name for name, _ in chosen]},
                "score": round(float(min(p for _, p in chosen)), 6),
            }
        ]


@dataclass(frozen=True)
class Answer:
    """One annotation of a task, as far as learning is concerned."""

    classes: frozenset[str]
    ground_truth: bool
    updated_at: str


@dataclass(frozen=True)
class Target:
    """What a task's annotations say together."""

    classes: frozenset[str]
    tied: bool = field(default=False)


def resolve(answers: Sequence[Answer]) -> Target | None:
    """Make one target of several annotations: ground truth, then majority, then the latest.

    Args:
        answers: The task's annotations that answer (skipped ones left out), in any order.

    Returns:
        The target; `tied` when annotators disagree with equal votes, so that the latest of the most
        frequent answers was taken. None without answers.
    """
    if not answers:
        return None
    truths = [a for a in answers if a.ground_truth]
    votes = truths or list(answers)
    counts = Counter(a.classes for a in votes)
    most = max(counts.values())
    leaders = {classes for classes, n in counts.items() if n == most}
    latest = max((a for a in votes if a.classes in leaders), key=lambda a: a.updated_at)
    return Target(latest.classes, tied=len(leaders) > 1)


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
    reasons: list[str] = []
    for tag in root.iter("Choices"):
        if control_name and tag.get("name") != control_name:
            continue
        misfit = _misfit(tag, images)
        if not misfit:
            return _spec(tag, images)
        reasons.append(f"<Choices name={tag.get('name')!r}> {misfit}")
    if control_name and not reasons:
        reasons.append(f"there is no <Choices name={control_name!r}>, which CONTROL_NAME asks for")
    if not reasons:
        reasons.append("there is no <Choices> tag")
    raise UnsupportedLabelConfig(
        f"Nothing to learn in the labelling config: {'; '.join(reasons)}. "
        f"A config that works: {EXAMPLE}"
    )


def _misfit(tag: Element, images: Mapping[str, str]) -> str:
    """Say why a `Choices` tag cannot be learned; empty when it can."""
    target = tag.get("toName", "")
    if not tag.get("name"):
        return "needs a name"
    if target not in images:
        return f'has toName="{target}", which is no <Image> tag with that name'
    if not images[target].startswith("$"):
        return f'needs an <Image name="{target}"> with a value like "$image"'
    if tag.get("perRegion", "").lower() == "true" or tag.get("perItem", "").lower() == "true":
        return "labels regions or items; remove perRegion and perItem to label whole images"
    if tag.get("value"):
        return "takes its choices from the task data; write them as <Choice> tags"
    choices = _choices(tag)
    if any(parent.findall(".//Choice") for parent in choices):
        return "has choices inside choices; list them on one level"
    names = [_class_name(c) for c in choices]
    if len(set(names)) < 2 and tag.get("choice") != "multiple":
        return "needs at least two different <Choice> tags"
    if not names:
        return "needs a <Choice> tag"
    return ""


def _spec(tag: Element, images: Mapping[str, str]) -> LabelSpec:
    target = tag.get("toName", "")
    return LabelSpec(
        control=tag.get("name", ""),
        image=target,
        data_key=images[target][1:],
        classes=tuple(dict.fromkeys(_class_name(choice) for choice in _choices(tag))),
        likelihood="bernoulli" if tag.get("choice") == "multiple" else "categorical",
    )


def _choices(tag: Element) -> list[Element]:
    return [choice for choice in tag.iter("Choice") if _class_name(choice)]


def _class_name(choice: Element) -> str:
    # Label Studio writes the alias, where there is one, into the annotation's result.
    return choice.get("alias") or choice.get("value") or ""
