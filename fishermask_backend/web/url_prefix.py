"""`URL_PREFIX`: answering only below a path that nobody can guess.

Label Studio sends no credentials to a backend's webhook, but it calls every route below the address
that was pasted. The prefix is taken off before the application sees the path, so it is in no log.
"""

import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HEALTH = "/health"  # whoever starts a container asks there
NOWHERE = "/nowhere"  # the path of no route


class UrlPrefix:
    """A WSGI application that has its routes below a prefix; elsewhere it has none but /health.

    Args:
        app: The application.
        prefix: Like `/s3cr3t`.
    """

    def __init__(self, app: "WSGIApplication", prefix: str) -> None:
        self._app, self._prefix = app, prefix

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request."""
        path = environ.get("PATH_INFO", "")
        head, rest = path[: len(self._prefix)], path[len(self._prefix) :]
        # As long for a wrong prefix, however much of it is right.
        inside = hmac.compare_digest(head.encode(), self._prefix.encode())
        if inside and (not rest or rest.startswith("/")):
            environ["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "") + self._prefix
            environ["PATH_INFO"] = rest or "/"
        elif path != HEALTH:
            environ["PATH_INFO"] = NOWHERE
        return self._app(environ, start_response)
