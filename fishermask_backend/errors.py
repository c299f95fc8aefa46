"""What can go wrong, as values of the domain.

Each error's text is a sentence a user can act on: what happened, to which task or setting, what to
do. They are raised where they are known and turned into HTTP answers in one place (`app.py`).
"""


class FisherMaskError(Exception):
    """Base of every error that is the user's, Label Studio's or the data's, not a bug of ours."""


class BadRequest(FisherMaskError):
    """A request that Label Studio would not send; names the field, the value and the fix."""


class UnsupportedLabelConfig(FisherMaskError):
    """The labelling config has no control that this backend can learn; says what to add."""


class ImageUnavailable(FisherMaskError):
    """One task's image cannot be had; concerns that task only."""


class BackboneUnavailable(FisherMaskError):
    """The chosen `BACKBONE` cannot be built: unknown name, or weights that cannot be read."""


class LabelStudioError(FisherMaskError):
    """Label Studio refused or failed a call.

    Attributes:
        status: Its HTTP status; None if unreachable.
        retry_after: Seconds it asked to be left alone; 0 if it did not.
    """

    def __init__(self, message: str, status: int | None = None, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class ProjectGone(FisherMaskError):
    """A project was deleted in Label Studio, or its id now belongs to another one."""


class LeaseLost(FisherMaskError):
    """Another worker holds the project now; whatever this one was doing for it must not be kept."""
