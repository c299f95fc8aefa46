"""Since when a project's config asks what it asks: older annotations say nothing of what came later."""

from collections.abc import Callable, Mapping

from fishermask_backend.controls.presence import control_names
from fishermask_backend.controls.reading import CONTROL_ITSELF
from fishermask_backend.errors import UnsupportedLabelConfig
from fishermask_backend.labeling import LabelSpec, parse_label_config

Since = dict[str, dict[str, float]]  # a control: a class, or CONTROL_ITSELF: seconds since 1970


def asked_since(
    config: str,
    before: Mapping[str, Mapping[str, float]] | None,
    now: float,
    read: Callable[[str, str], LabelSpec] = parse_label_config,
) -> Since:
    """Return since when a config asks what it asks.

    Args:
        config: Label Studio's XML, as it is seen now.
        before: What this function returned for the config before; None: this is the first one seen, so
            that nothing is known to be later than any annotation.
        now: Seconds since 1970.
        read: From a config and a control's name to what is learnt.

    Returns:
        For each control that can be learnt, when each of its classes came, and under
        `CONTROL_ITSELF` since when it is shown to everybody, if it is. 0: always.
    """
    found: Since = {}
    new = 0.0 if before is None else now
    for name in sorted(control_names(config)):
        try:
            spec = read(config, name)
        except UnsupportedLabelConfig:
            continue
        hidden = spec.questions[0].presence.hidden
        asked = [*spec.classes, *([] if hidden else [CONTROL_ITSELF])]
        known = (before or {}).get(name, {})
        found[name] = {each: known.get(each, new) for each in asked}
    return found
