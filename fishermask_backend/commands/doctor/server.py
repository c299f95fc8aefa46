"""Label Studio itself: is it there, which is it, and does it take the key?"""

from collections.abc import Iterator

import httpx

from fishermask_backend.commands.doctor.findings import Finding, failed, ok, warning
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.images.urls import without_secrets
from fishermask_backend.settings import Settings
from fishermask_backend.store import open_store, projects
from fishermask_backend.studio import Studio, http_client, unanswered
from fishermask_backend.studio.refusals import HOST_NAME, PROXY, host_refused
from fishermask_backend.worker.access import stored_keys, with_key

TESTED = "1.23."
PROJECTS_NAMED = 10
NO_KEY = (
    "copy a token from Account & Settings, Personal Access Token, into LABEL_STUDIO_API_KEY, and "
    "restart"
)
ADDRESS = (
    "set LABEL_STUDIO_URL to its address as seen from here: in a container localhost is the "
    "container"
)


def check_server(settings: Settings) -> Iterator[Finding]:
    """Look whether Label Studio answers at LABEL_STUDIO_URL, and in which version."""
    url, what = settings.label_studio_url, "Label Studio"
    try:
        with http_client(30, settings.headers_for_label_studio) as http:
            answer = http.get(f"{url}/api/version")
        if answer.is_redirect:
            to = answer.headers.get("location", "").removesuffix("/").removesuffix("/api/version")
            fix = f"set LABEL_STUDIO_URL to where it leads. {PROXY}"
            yield failed(what, f"{url} redirects to {without_secrets(to)}", fix)
            return
        release = str(answer.raise_for_status().json()["release"])
    except FisherMaskError as error:
        yield failed(what, str(error))
    except httpx.HTTPStatusError:
        if answer.status_code == 400 and host_refused(answer.text):
            yield failed(what, f"at {url} it answers 400", HOST_NAME)
            return
        if answer.status_code in (401, 403):
            yield failed(what, f"at {url} something answers {answer.status_code}", PROXY)
            return
        how = f"at {url} something answers {answer.status_code}, which is not Label Studio"
        yield failed(what, how, ADDRESS)
    except httpx.HTTPError as error:
        yield failed(what, f"{url}: {unanswered(error)}")
    except (ValueError, KeyError, TypeError):
        yield failed(what, f"at {url} something answers which is not Label Studio", ADDRESS)
    else:
        if release.startswith(TESTED):
            yield ok(what, f"{release} at {url}")
        else:
            yield warning(what, f"{release} at {url}", f"this backend is tested with {TESTED}x")


def open_with_key(settings: Settings, studio_id: int) -> tuple[Studio | None, Finding]:
    """Open Label Studio with the key that the worker uses for a project, and say which that is."""
    own = settings.label_studio_api_key
    keys = [own] if own else _from_setup(settings, studio_id)
    name = "LABEL_STUDIO_API_KEY" if own else "the token that Label Studio sent"
    error = (
        f"LABEL_STUDIO_API_KEY is not set, and Label Studio has sent none for project {studio_id}"
    )
    for key in keys:
        kind = "a personal access token" if key.startswith("eyJ") else "a legacy token"
        try:
            studio = with_key(settings, key)
            user = studio.user()
        except FisherMaskError as refusal:
            error = f"{name} ({kind}): {refusal}"
            continue
        return studio, ok("key", f"{name} ({kind}) is {user}'s")
    return None, failed("key", error, NO_KEY)


def check_key(settings: Settings) -> Iterator[Finding]:
    """Look whether LABEL_STUDIO_API_KEY opens Label Studio, and which projects it sees."""
    what = "LABEL_STUDIO_API_KEY"
    try:
        with Studio(settings.label_studio_url, settings.label_studio_api_key) as studio:
            user, seen = studio.user(), studio.projects()
    except FisherMaskError as refusal:
        yield failed(what, str(refusal), NO_KEY)
        return
    if not seen:
        yield warning(what, f"is {user}'s, who sees no project", "give them one")
        return
    named = ", ".join(f"{p.studio_id} «{p.title}»" for p in seen[:PROJECTS_NAMED])
    more = f" and {len(seen) - PROJECTS_NAMED} more" if len(seen) > PROJECTS_NAMED else ""
    yield ok(what, f"is {user}'s, who sees the projects {named}{more}")


def _from_setup(settings: Settings, studio_id: int) -> list[str]:
    with open_store().read() as session:
        project = projects.find(session, settings.label_studio_url, studio_id)
    return [key for key in stored_keys(settings, project) if key] if project else []
