"""The web server that Label Studio calls, as `fishermask serve` starts it."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from fishermask_backend.settings import Settings
from fishermask_backend.state import METRICS
from fishermask_backend.store import Store


def serve(settings: Settings) -> NoReturn:
    """Become gunicorn, with the address, processes and threads of the settings.

    Raises:
        FisherMaskError: The database cannot be used.
    """
    Store(settings.database).close()  # what is wrong with it is a sentence here, and a trace later
    if settings.workers > 1:
        _share_figures(settings.model_dir / METRICS)
    os.execvp(
        sys.executable,
        [
            sys.executable, "-m", "gunicorn", "fishermask_backend.web.app:create_app()",
            "--bind", f"{settings.host}:{settings.port}",
            "--workers", str(settings.workers),
            "--threads", str(settings.threads),
            "--worker-class", "gthread",
            "--timeout", "120",
            "--no-control-socket",  # it would be made in the home folder
            "--logger-class", "fishermask_backend.logs.ServerLog",
            "--log-level", settings.log_level.lower(),
        ],
    )  # fmt: skip


def _share_figures(folder: Path) -> None:
    """Let the web processes count their requests in files, of which each can tell the sum."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
