"""Settings of one project alone: the *extra params* of its ML backend in Label Studio.

`{"control_name": "species", "batch_size": 30}`; other settings are the whole backend's.
"""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from fishermask_backend.errors import BadRequest
from fishermask_backend.settings import Settings

NAMES = (
    "auto_order", "take_over", "prelabels", "prelabel_above", "keep_queues_days",
    "control_name", "taxonomy_level", "ground_truth",
    "batch_size", "train_every", "queue_margin", "audit_share", "quiet_seconds", "reconcile_minutes",
    "seed", "backbone", "train", "image_size",
    "strategy", "fisher_over", "mask_inner", "mask_rule", "weighting", "pick_weight", "ridge", "target",
    "max_dim", "max_dim_rule", "top_classes", "pool_limit",
)  # fmt: skip
"""What is left out concerns all projects: addresses, keys, files, and the machine."""

_Params: type[BaseModel] = create_model(
    "_Params",
    __config__=ConfigDict(extra="forbid", allow_inf_nan=False),
    **{name: (field.annotation, field) for name, field in Settings.model_fields.items()
       if name in NAMES},
)  # type: ignore[call-overload]  # fmt: skip


def read_params(given: object) -> dict[str, Any]:
    """Check extra params as Label Studio sends them: a JSON object or its text, or nothing.

    Raises:
        BadRequest: Names what is no setting of a project, or has a value that cannot be meant.
    """
    if given is None or given == "":
        return {}
    try:
        params = json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        params = given
    if params is None:
        return {}
    if not isinstance(params, Mapping):
        raise BadRequest(
            f"Extra params {_short(given)}: a JSON object is expected, like "
            '{"control_name": "species", "batch_size": 30}.'
        )
    lowered = {str(name).lower(): value for name, value in params.items()}
    if len(lowered) < len(params):
        twice = Counter(str(name).lower() for name in params).most_common(1)[0][0]
        raise BadRequest(f"Extra params: {_short(twice)} is there twice, in two letter cases.")
    try:
        read = _Params.model_validate(lowered)
    except ValidationError as error:
        raise BadRequest(" ".join(_sentence(problem) for problem in error.errors())) from None
    for name, value in lowered.items():
        # Python takes true for 1; nobody means it.
        if isinstance(value, bool) and not isinstance(getattr(read, name), bool):
            raise BadRequest(
                f"Extra params: {name}={str(value).lower()}: Input should be a number."
            )
    own = read.model_dump(exclude_unset=True)
    try:
        "".join(value for value in own.values() if isinstance(value, str)).encode()
    except UnicodeEncodeError:  # JSON can spell it, nothing can store it
        raise BadRequest(f"Extra params {_short(given)}: half a character is in them.") from None
    return own


def settings_of(settings: Settings, params: Mapping[str, Any] | None) -> Settings:
    """Return the settings as a project has them.

    Raises:
        BadRequest: Its params are those of another version.
    """
    own = read_params(params) if params else {}
    if own.get("backbone", settings.backbone) != settings.backbone:
        own["backbone_weights"] = ""  # the file that the setting names is of the setting's network
    return settings.model_copy(update=own) if own else settings


def _sentence(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        if name in Settings.model_fields:
            return (
                f"Extra params: {name} is a setting of the whole backend: set {name.upper()} where it "
                f"is started. A project can have its own {', '.join(NAMES)}."
            )
        return (
            f"Extra params: {_short(name)} is no setting of a project, as are {', '.join(NAMES)}."
        )
    return f"Extra params: {name}={_short(problem['input'])}: {problem['msg']}."


def _short(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in lists
        return f"(a {type(value).__name__} too large to show)"
    return text if len(text) <= 80 else f"{text[:80]}…"
