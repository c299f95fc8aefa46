"""The one logging setup: lines of text or of JSON on standard error, for web server and worker.

What a line belongs to (a request, a project) is said once, by whoever begins it, and stands in every
line that is logged meanwhile. Bodies, headers, query strings and SQL parameters are never logged.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from gunicorn.glogging import Logger
from pythonjsonlogger.json import JsonFormatter

from fishermask_backend.settings import Settings, load_settings

TEXT = "%(asctime)s %(levelname)s %(name)s:%(about)s %(message)s"
# Below these levels they log addresses as they are, with what a presigned one gives away.
LEAST = {"httpx": logging.WARNING, "werkzeug": logging.WARNING, "gunicorn.error": logging.INFO}

_fields: ContextVar[dict[str, Any] | None] = ContextVar("fields", default=None)


def configure(settings: Settings) -> None:
    """Log as `LOG_LEVEL` and `LOG_FORMAT` say, in place of what was set up before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_fields)
    handler.setFormatter(_json() if settings.log_format == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    for name, least in LEAST.items():
        logging.getLogger(name).setLevel(max(least, logging.getLogger().level))
    server = logging.getLogger("gunicorn.error")  # has a handler of its own
    server.handlers, server.propagate = [], True


@contextmanager
def logging_fields(**fields: Any) -> Iterator[None]:
    """Add fields to every line logged inside, in this thread."""
    token = _fields.set((_fields.get() or {}) | fields)
    try:
        yield
    finally:
        _fields.reset(token)


class ServerLog(Logger):  # type: ignore[misc]
    """The web server's own lines («Listening at …»), in the same form."""

    def setup(self, cfg: Any) -> None:
        """Set up what gunicorn needs, without its handlers; in its main process too."""
        super().setup(cfg)
        configure(load_settings())


def _add_fields(record: logging.LogRecord) -> bool:
    fields = _fields.get() or {}
    record.__dict__.update({k: v for k, v in fields.items() if k not in record.__dict__})
    record.about = f" [{fields['request_id']}]" if "request_id" in fields else ""
    return True


def _json() -> JsonFormatter:
    names = {"levelname": "level", "name": "logger", "exc_info": "exception"}
    return JsonFormatter(
        ["timestamp", "levelname", "name", "message"],
        rename_fields=names,
        timestamp=True,
        reserved_attrs=[*logging.makeLogRecord({}).__dict__, "about", "message", "asctime"],
        json_ensure_ascii=False,
    )
