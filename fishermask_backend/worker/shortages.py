"""What a worker ran out of, memory or disk, as a sentence with what to do."""

import errno
from pathlib import Path

import torch

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.settings import Settings

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NOT_WRITABLE = {errno.EROFS, errno.EACCES, errno.EPERM}


class StateUnusable(FisherMaskError):
    """MODEL_DIR cannot be written."""

    def __init__(self, model_dir: Path, error: OSError) -> None:
        advice = "Let this user write it."
        if error.errno in NO_ROOM:
            advice = "Free some of that disk, or move MODEL_DIR to a larger one."
        super().__init__(f"MODEL_DIR={model_dir} cannot be written ({error.strerror}). {advice}")


def shortage(error: Exception, settings: Settings) -> str:
    """Say what ran out; empty if the error is of another kind."""
    if isinstance(error, OSError) and error.errno in NO_ROOM | NOT_WRITABLE:
        return str(StateUnusable(settings.model_dir, error))
    # torch has an error of its own for a GPU alone.
    out = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if out or "can't allocate memory" in str(error):
        return (
            f"Memory ran out: a round may use MEMORY_LIMIT={settings.memory_allowed} bytes, more than "
            "is free. Set it lower. Where factors are formed (TRAIN=all, sketches) FACTORS=disk takes "
            "less, too."
        )
    return ""
