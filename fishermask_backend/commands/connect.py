"""`fishermask connect`: what *Connect Model* does in a project's settings, and whether it worked."""

from collections.abc import Iterator

import httpx

from fishermask_backend.commands.doctor import check_project, examine_connection, open_with_key
from fishermask_backend.commands.doctor.connection import NO_UNDERSCORE, has_underscore
from fishermask_backend.commands.doctor.findings import Finding, failed, ok
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.settings import Settings
from fishermask_backend.studio import Studio
from fishermask_backend.studio.refusals import reason

TITLE = "FisherMask"


def connect(settings: Settings, studio_id: int, url: str) -> Iterator[Finding]:
    """Add this backend to a project, unless it is there, and look whether all is well.

    Args:
        settings: `LABEL_STUDIO_API_KEY` must open the project.
        studio_id: The project's id in Label Studio.
        url: The address under which Label Studio calls this backend.

    Yields:
        What was done and found; no secret is in it.
    """
    for finding in _connect(settings, studio_id, url.rstrip("/")):
        yield finding.without(settings.url_prefix)


def _connect(settings: Settings, studio_id: int, url: str) -> Iterator[Finding]:
    studio, key = open_with_key(settings, studio_id)
    yield key
    if studio is None:
        return
    with studio:
        for finding in check_project(settings, studio, studio_id):
            yield finding
            if finding.level == "FAILED":
                return
        try:
            yield _add(settings, studio, studio_id, url)
        except (httpx.HTTPError, FisherMaskError, ValueError) as error:
            yield failed("connect", f"Label Studio could not be asked ({error})")
            return
        yield from examine_connection(studio, studio_id, url)
        yield ok("page", f"how it does is shown at {url}/projects/{studio_id}")


def _add(settings: Settings, studio: Studio, studio_id: int, url: str) -> Finding:
    body = {"project": studio_id, "url": url, "title": TITLE}
    if settings.basic_auth_user:
        body |= {
            "auth_method": "BASIC_AUTH",
            "basic_auth_user": settings.basic_auth_user,
            "basic_auth_pass": settings.basic_auth_pass,
        }
    with studio.api() as api:
        there = api.get("ml", params={"project": studio_id}).raise_for_status().json()
        if any(backend["url"].rstrip("/") == url for backend in there):
            return ok("connect", f"project {studio_id} has {url} already")
        answer = api.post("ml", json=body)
    if answer.is_success:
        return ok("connect", f"{url} was added to project {studio_id}")
    how = f"{url} was refused: {reason(answer.status_code, answer.json())}"
    return failed("connect", how, NO_UNDERSCORE if has_underscore(url) else "")
