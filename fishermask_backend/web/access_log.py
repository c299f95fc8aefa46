"""Every request's id, its line in the log, and its place in the figures."""

import logging
import re
import time
import uuid
from contextlib import ExitStack

from flask import Flask, Response, g, request

from fishermask_backend.logs import logging_fields
from fishermask_backend.web.metrics import REQUEST_SECONDS

log = logging.getLogger(__name__)

HEADER = "X-Request-Id"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUIET = frozenset({"/health"})  # asked before every call of Label Studio's, and by Docker


def watch(app: Flask) -> None:
    """Give every request of an application an id, and a line in the log when it is answered."""
    app.before_request(_begin)
    app.after_request(_answered)
    app.teardown_request(_end)


def path() -> str:
    """Return the request's path as it may be logged: one that no route has may hold anything."""
    return request.path if request.url_rule else "(no such path)"


def _begin() -> None:
    given = request.headers.get(HEADER, "")
    g.request_id = given if _SANE.fullmatch(given) else uuid.uuid4().hex
    g.began = time.perf_counter()
    g.fields = ExitStack()
    g.fields.enter_context(logging_fields(request_id=g.request_id))


def _answered(answer: Response) -> Response:
    answer.headers[HEADER] = g.request_id
    seconds = time.perf_counter() - g.began
    # Whatever no route has is one series: its methods and paths are anybody's to make up.
    what = (request.method, request.url_rule.rule) if request.url_rule else ("", "")
    REQUEST_SECONDS.labels(*what, answer.status_code).observe(seconds)
    level = logging.DEBUG if path() in _QUIET else logging.INFO
    fields = {
        "method": request.method,
        "path": path(),
        "status": answer.status_code,
        "milliseconds": round(seconds * 1000, 1),
    }
    log.log(level, "%s %s %s %s ms", *fields.values(), extra=fields)
    return answer


def _end(_error: BaseException | None) -> None:
    g.fields.close()
