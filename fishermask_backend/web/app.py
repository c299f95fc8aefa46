"""The web application: the routes Label Studio calls, and a status for people.

Errors of the domain become HTTP answers here and nowhere else.
"""

import logging
from typing import Any

from flask import Flask, Response, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST
from werkzeug.exceptions import HTTPException, NotFound

from fishermask_backend import __version__
from fishermask_backend.errors import BadRequest, FisherMaskError, UnsupportedLabelConfig
from fishermask_backend.settings import load_settings
from fishermask_backend.store import open_store
from fishermask_backend.store.tokens import fingerprint
from fishermask_backend.versions import PROJECT_HEADER
from fishermask_backend.web import access_log
from fishermask_backend.web.basic_auth import has_credentials
from fishermask_backend.web.incoming import LARGEST_ID, event_project, shown, text_of
from fishermask_backend.web.metrics import exposition
from fishermask_backend.web.model import START_TRAINING, FisherMaskBackend
from fishermask_backend.web.page import routes as pages
from fishermask_backend.web.status import (
    project_status,
    projects_status,
    readiness,
    worker_health,
)
from fishermask_backend.web.url_prefix import UrlPrefix

log = logging.getLogger(__name__)

EVENT_BODY = 2**20  # bytes; a larger event is lost, and what it told is found within a minute
STATE = "FISHERMASK_STATE"  # whose it is, for `fishermask doctor`
OPEN_PATHS = frozenset({"/health", "/webhook"})  # checks and events come without credentials
HTTP_STATUS = {BadRequest: 400, UnsupportedLabelConfig: 422}


def create_app() -> Flask:
    """Make the WSGI application; bad settings and an outdated database are refused now."""
    settings = load_settings()
    open_store().fail_fast()
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.config[STATE] = fingerprint(settings)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    access_log.watch(app)
    app.before_request(_authenticate)
    app.register_error_handler(Exception, _answer_error)
    for rule, view, method in (
        ("/health", health, "GET"),
        ("/ready", ready, "GET"),
        ("/setup", setup, "POST"),
        ("/predict", predict, "POST"),
        ("/webhook", webhook, "POST"),
        ("/train", train, "POST"),
        ("/versions", versions, "GET"),
        ("/validate", validate, "POST"),
        ("/delete", acknowledge, "POST"),
        ("/duplicate_model", acknowledge, "POST"),
        ("/job_status", job_status, "POST"),
        ("/", status, "GET"),
        ("/projects", projects, "GET"),
        ("/projects/<int:studio_id>", project, "GET"),
        ("/metrics", metrics, "GET"),
    ):
        app.add_url_rule(rule, view.__name__ + rule, view, methods=[method])
    pages.add_pages(app)
    if settings.url_prefix:
        app.wsgi_app = UrlPrefix(app.wsgi_app, settings.url_prefix)  # type: ignore[method-assign]
    return app


def health() -> Response:
    """Say that the process is up; touches nothing, since Label Studio allows it a second."""
    state = current_app.config[STATE]
    return jsonify({"status": "UP", "model_class": FisherMaskBackend.__name__, "state": state})


def ready() -> tuple[Response, int]:
    """Say whether all that the work needs is there: database, worker; 503 if not, and why."""
    try:
        found = readiness()
    except FisherMaskError as error:
        found = {"ready": False, "database": str(error), "worker": worker_health().told}
    return jsonify(found), 200 if found["ready"] else 503


def setup() -> Response:
    """Connect, or re-read, a project."""
    body = _body()
    model = FisherMaskBackend(
        project_id=text_of(body, "project"),
        label_config=text_of(body, "schema"),
        access_token=text_of(body, "access_token", required=False),
        hostname=text_of(body, "hostname", required=False),
        **{name: body[name] for name in ("extra_params",) if name in body},
    )
    return jsonify({"model_version": model.setup()})


def predict() -> Response:
    """Answer every task of the request, in order."""
    body = _body()
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise BadRequest(f"tasks={shown(tasks)}: a list of tasks is expected.")
    model = FisherMaskBackend(project_id=text_of(body, "project", required=False) or None)
    results = model.predict(tasks)
    version = next((r["model_version"] for r in results if isinstance(r, dict)), "")
    return jsonify({"results": results, "model_version": version})


def webhook() -> Response | tuple[Response, int]:
    """Take note of an event."""
    request.max_content_length = min(EVENT_BODY, load_settings().max_body)  # anybody may send one
    body = _body()
    if "project" not in body and PROJECT_HEADER in request.headers:
        body = {**body, "project": _short_id(request.headers[PROJECT_HEADER])}
    action = text_of(body, "action")
    if action == START_TRAINING and not has_credentials():  # no event: it comes with them
        return _credentials_needed()
    told = FisherMaskBackend().fit(action, body)
    if "message" in told:  # Label Studio shows a person what *Start Training* answers
        address = load_settings().own_url or request.url_root.rstrip("/")
        told["page"] = f"{address}/projects/{event_project(body)}"
    return jsonify(told), 201


def train() -> tuple[Response, int]:
    """Ask for a round, as Label Studio before 1.4.1 did."""
    body = _body()
    found = body.get("project")
    data = {"project": found if isinstance(found, dict) else _short_id(found)}
    FisherMaskBackend().fit(START_TRAINING, data)
    return jsonify({}), 201


def versions() -> Response:
    """List the versions that serve, one a project."""
    return jsonify({"versions": [p["active_version"] for p in projects_status()]})


def validate() -> Response:
    """Say whether a labelling config can be learned; the error says why not."""
    body = _body()
    config = text_of(body, "config", required=False) or text_of(body, "schema")
    FisherMaskBackend(label_config=config).check_config()
    return jsonify({"status": "ok"})


def acknowledge() -> Response:
    """Accept what needs nothing done: removal shows in Label Studio's own list."""
    return jsonify({})


def job_status() -> Response:
    """There are no jobs of Label Studio's kind; rounds show under /projects."""
    return jsonify({"job_status": "unknown"})


def status() -> Response:
    """Say what this is and how its projects do; to browsers, as a page."""
    if pages.wants_page():
        return pages.index_page()
    return jsonify(
        {
            "name": "FisherMask Backend",
            "version": __version__,
            "worker": worker_health().told,
            "projects": projects_status(),
        }
    )


def projects() -> Response:
    """List the projects."""
    return jsonify(projects_status())


def project(studio_id: int) -> Response | tuple[Response, int]:
    """Tell all about a project, by its id in Label Studio; to browsers, as a page."""
    if pages.wants_page():
        return pages.project_page(studio_id)
    found = project_status(studio_id) if studio_id <= LARGEST_ID else None
    if found is None:
        return jsonify({"error": f"Project {studio_id} is not connected to this backend."}), 404
    return jsonify(found), 200


def metrics() -> Response:
    """Tell figures to Prometheus."""
    return Response(exposition(), content_type=CONTENT_TYPE_LATEST)


def _body() -> dict[str, Any]:
    try:
        body = request.get_json(force=True, silent=True)
    except RecursionError:  # lists in lists in lists
        body = None
    if not isinstance(body, dict):
        raise BadRequest("The request's body is not a JSON object.")
    return body


def _short_id(project: Any) -> Any:
    head = project.partition(".")[0] if isinstance(project, str) else ""
    return int(head) if head.isdecimal() and len(head) < 19 else project


def _authenticate() -> Response | None:
    nowhere = isinstance(request.routing_exception, NotFound)
    if request.path in OPEN_PATHS or nowhere or has_credentials():
        return None
    return _credentials_needed()


def _credentials_needed() -> Response:
    answer = _error(401, "Basic auth is needed: BASIC_AUTH_USER and BASIC_AUTH_PASS.")
    answer.headers["WWW-Authenticate"] = 'Basic realm="fishermask"'
    return answer


def _answer_error(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return _error(error.code or 500, error.description or error.name)
    if isinstance(error, FisherMaskError):
        return _error(HTTP_STATUS.get(type(error), 503), str(error))
    log.exception("%s %s", request.method, access_log.path())
    return _error(500, "An unexpected error; the backend's log has it.")


def _error(code: int, text: str) -> Response:
    answer = jsonify({"error": text})
    # Label Studio shows people the reason phrase of the status line, not the body.
    reason = " ".join(text.encode("ascii", "replace").decode().split())
    answer.status = f"{code} {reason[:1000]}"
    return answer
