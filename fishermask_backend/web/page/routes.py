"""The pages' addresses: what people see in a browser, where scripts get JSON."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from flask import Flask, Response, redirect, request, send_from_directory, url_for
from werkzeug.exceptions import Forbidden, NotFound
from werkzeug.wrappers import Response as AnyResponse

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.settings import load_settings
from fishermask_backend.store import open_store, projects
from fishermask_backend.web.incoming import LARGEST_ID
from fishermask_backend.web.page import actions, tables
from fishermask_backend.web.page.facts import index_facts, project_facts, thumbnails_of
from fishermask_backend.web.page.forms import form_token, holds
from fishermask_backend.web.page.rendering import STATIC, render, version_of_files
from fishermask_backend.web.status import project_status

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # URL_PREFIX is a secret, and pages link to Label Studio
    "Cross-Origin-Opener-Policy": "same-origin",
}
FOR_GOOD = 365 * 86_400  # seconds that what never changes under its address may be kept


def add_pages(app: Flask) -> None:
    """Give an application the addresses that belong to its pages."""
    for rule, view, method in (
        ("/static/<mark>/<path:name>", static_file, "GET"),
        ("/projects/<int:studio_id>/thumbnails/<int:row>.jpg", thumbnail, "GET"),
        ("/projects/<int:studio_id>/train", train_now, "POST"),
        ("/projects/<int:studio_id>/give-back", give_back, "POST"),
        ("/projects/<int:studio_id>/status.json", download_json, "GET"),
        ("/projects/<int:studio_id>/tasks.csv", download_csv, "GET"),
    ):
        app.add_url_rule(rule, view.__name__, view, methods=[method])


def wants_page() -> bool:
    """Say whether who asks prefers a page to JSON, as browsers do and scripts don't."""
    kinds = ["application/json", "text/html"]
    return request.accept_mimetypes.best_match(kinds) == "text/html"


def index_page() -> Response:
    """Show every project in short."""
    return _page(render("index.html", _address, **index_facts()))


def project_page(studio_id: int) -> Response:
    """Show a project."""
    facts = project_facts(studio_id) if studio_id <= LARGEST_ID else None
    if facts is None:
        told = f"Project {studio_id} is not connected to this backend."
        return message_page(404, told)
    settings = load_settings()
    html = render(
        "project.html",
        _address,
        facts=facts,
        token=form_token(settings, studio_id),
        thumbnail=lambda row: _address("thumbnail", studio_id=studio_id, row=row),
    )
    return _page(html)


def message_page(code: int, told: str) -> Response:
    """Show a sentence, such as an error's."""
    answer = _page(render("message.html", _address, code=code, told=told))
    answer.status_code = code
    return answer


def static_file(mark: str, name: str) -> AnyResponse:
    """Send a style or script; its address changes with its content."""
    answer = send_from_directory(STATIC, name, max_age=FOR_GOOD)
    answer.cache_control.immutable = mark == version_of_files()
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def thumbnail(studio_id: int, row: int) -> AnyResponse:
    """Send a thumbnail; behind the same Basic auth as all else."""
    settings = load_settings()
    with open_store().read() as session:
        project = projects.find(session, settings.label_studio_url, studio_id)
    body = b"" if project is None else thumbnails_of(settings, project.id).get(row)
    if not body:
        raise NotFound("There is no such thumbnail.")
    answer = Response(body, content_type="image/jpeg")
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.add_etag()
    answer.cache_control.private, answer.cache_control.max_age = True, 3600
    return answer.make_conditional(request)


def train_now(studio_id: int) -> AnyResponse:
    """Ask for a round, as *Start Training* does."""
    _own_form(studio_id)
    actions.train(studio_id)
    return redirect(_address("project_page", studio_id=studio_id), 303)


def give_back(studio_id: int) -> AnyResponse:
    """Give the order of tasks back, until training is asked for."""
    _own_form(studio_id)
    actions.give_back(studio_id)
    return redirect(_address("project_page", studio_id=studio_id), 303)


def download_json(studio_id: int) -> Response:
    """Send the status as a file."""
    found = project_status(studio_id) if studio_id <= LARGEST_ID else None
    if found is None:
        raise NotFound(f"Project {studio_id} is not connected to this backend.")
    text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
    return _file(text, "application/json", f"project-{studio_id}.json")


def download_csv(studio_id: int) -> Response:
    """Send labels and guesses of every task as a table."""
    rows = tables.task_rows(studio_id) if studio_id <= LARGEST_ID else None
    if rows is None:
        raise NotFound(f"Project {studio_id} is not connected to this backend.")
    return _file(_csv(rows), "text/csv; charset=utf-8", f"project-{studio_id}.csv")


def _csv(rows: Iterable[Iterable[object]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerows(rows)
    return file.getvalue()


def _file(text: str, kind: str, name: str) -> Response:
    answer = Response(text, content_type=kind)
    answer.headers["Content-Disposition"] = f"attachment; filename={name}"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer


def _own_form(studio_id: int) -> None:
    """Refuse a form that another site's page has sent.

    Raises:
        Forbidden: It carries no proof, or an old one.
        FisherMaskError: The key cannot be read.
    """
    try:
        proven = holds(load_settings(), studio_id, request.form.get("token", ""))
    except OSError as error:
        raise FisherMaskError(f"The key of MODEL_DIR cannot be read ({error}).") from error
    if not proven or request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        raise Forbidden("This form is not of an open page: load the project's page again.")


def _page(html: str) -> Response:
    answer = Response(html, content_type="text/html; charset=utf-8")
    answer.headers.update(HEADERS)
    answer.headers["Vary"] = "Accept"
    answer.cache_control.no_store = True
    return answer


def _address(view: str, **parts: Any) -> str:
    """Return the path of a view, below URL_PREFIX."""
    if view == "static_file":
        return url_for(view, mark=version_of_files(), **parts)
    if view == "index_page":
        return f"{request.script_root}/"
    if view == "project_page":
        return f"{request.script_root}/projects/{parts['studio_id']}"
    return url_for(view, **parts)
