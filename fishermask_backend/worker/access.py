"""With which key a project's Label Studio is opened."""

from fishermask_backend.errors import LabelStudioError, ProjectGone
from fishermask_backend.settings import Settings
from fishermask_backend.store import Store, leases, projects
from fishermask_backend.store.leases import Lease
from fishermask_backend.store.schema import Project
from fishermask_backend.store.tokens import TokenBox
from fishermask_backend.studio import Studio


def open_studio(settings: Settings, store: Store, lease: Lease) -> Studio:
    """Open Label Studio with `LABEL_STUDIO_API_KEY`, or else with a token that /setup brought.

    A token from /setup (which anybody can call) replaces the stored one only after it has read the
    project; both go to `LABEL_STUDIO_URL` alone.

    Raises:
        LabelStudioError: No key, or none that Label Studio accepts; the text says how to get one.
        ProjectGone: The key that used to read the project finds it no more.
    """
    if settings.label_studio_api_key:
        return with_key(settings, settings.label_studio_api_key)
    with store.read() as session:
        project = projects.get(session, lease.project_id)
    offered, kept = stored_keys(settings, project)
    for token in dict.fromkeys(t for t in (offered, kept) if t):
        studio = _opened(settings, token, project.studio_id, known=token == kept)
        if studio is None:
            continue
        if token != kept or project.offered_token:
            with store.begin() as session:
                leases.renew(session, lease)
                mine = projects.get(session, lease.project_id)
                mine.token, mine.offered_token = TokenBox.of(settings).seal(token), None
        return studio
    raise LabelStudioError(
        "No key opens Label Studio: LABEL_STUDIO_API_KEY is not set, and the token that Label Studio "
        "sends when a backend is connected is a legacy token, which it does not accept (unless "
        "enabled under Organization). Without a key nothing can be read or ordered. Copy a token from "
        "Account & Settings, Personal Access Token, into LABEL_STUDIO_API_KEY and restart.",
        401,
    )


def stored_keys(settings: Settings, project: Project) -> tuple[str | None, str | None]:
    """Return the token that /setup offered and is not tried yet, and the one that is in use."""
    box = TokenBox.of(settings)
    return box.open(project.offered_token), box.open(project.token)


def with_key(settings: Settings, key: str) -> Studio:
    """Open `LABEL_STUDIO_URL` with a key, and with what a proxy in front of it asks for."""
    return Studio(settings.label_studio_url, key, headers=settings.headers_for_label_studio)


def _opened(settings: Settings, token: str, studio_id: int, *, known: bool) -> Studio | None:
    """Open Label Studio with a token that reads this project; None if it does not."""
    studio = None
    try:
        studio = with_key(settings, token)  # asks, where the token has expired
        studio.project(studio_id)
    except (LabelStudioError, ProjectGone) as error:
        if studio is not None:
            studio.close()
        refused = not known if isinstance(error, ProjectGone) else error.status in (401, 403)
        if not refused:
            raise
        return None
    return studio
