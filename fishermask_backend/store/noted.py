"""What rows keep as JSON. Times are seconds since 1970 (UTC)."""

from typing import NotRequired, TypedDict


class FormerOrder(TypedDict):
    """The order that a project had before us."""

    sampling: str
    model_version: str
    set: NotRequired[bool]  # ours has been set since; left out by versions before it
    agreed: NotRequired[bool]  # somebody asked for training, whatever was set: ours may follow
    returned: NotRequired[bool]  # somebody asked for it back on the page: ours must not be set


class Progress(TypedDict):
    """How far a stage of a step is. Times are seconds since 1970."""

    stage: str
    done: int
    total: int
    started: float
    at: NotRequired[float]  # when it was said; left out by versions before it
    eta_seconds: float | None  # from `at`
    pace: NotRequired[float]  # seconds for one, as it was last measured


class StoredReason(TypedDict):
    """In what an image stands out among those it was chosen from (`learning/reasons.py`)."""

    part: str
    value: float
    above: float  # the share of them that has less of it


class PastError(TypedDict):
    """An error that a person was told, and when."""

    at: float
    error: str
    reading: NotRequired[bool]  # before all of Label Studio was read; once left out
