"""`fishermask disconnect`: takes out of a project in Label Studio what is this backend's.

*Delete* on the Model page tells a backend nothing, and leaves webhook and predictions behind.
"""

import time
from collections.abc import Iterator

import httpx

from fishermask_backend.commands.doctor import open_with_key
from fishermask_backend.commands.doctor.findings import Finding, failed, ok, warning
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.settings import Settings
from fishermask_backend.store import Store, leases, projects
from fishermask_backend.store.noted import FormerOrder
from fishermask_backend.studio import SAMPLING, Studio
from fishermask_backend.versions import PROJECT_HEADER, is_ours
from fishermask_backend.worker.served_order import put_back

STEP_SECONDS = 60.0  # a worker's step that is under way is waited for
# Where it is not known what was before: what Label Studio gives to new projects.
USUAL = FormerOrder(sampling="Sequential sampling", model_version="")


def disconnect(
    settings: Settings, store: Store, studio_id: int, *, url: str = "", clean: bool = False
) -> Iterator[Finding]:
    """Remove this backend from a project, with its webhook, and put the former order back.

    Args:
        settings: `LABEL_STUDIO_API_KEY` must open the project.
        store: The database, which knows the former order.
        studio_id: The project's id in Label Studio.
        url: The address under which Label Studio called this backend; backends of our kind and webhooks
            with our header are known without it.
        clean: Delete the predictions of our versions, too.

    Yields:
        What was done; no secret is in it.
    """
    studio, key = open_with_key(settings, studio_id)
    yield key
    if studio is None:
        return
    with studio:
        try:
            for finding in _disconnect(store, studio, settings.label_studio_url, studio_id, url):
                yield finding.without(settings.url_prefix)
            yield _predictions(studio, studio_id, clean=clean)
        except (httpx.HTTPError, FisherMaskError, ValueError) as error:
            yield failed("disconnect", f"not all was done ({error})", "run it again")


def _disconnect(
    store: Store, studio: Studio, address: str, studio_id: int, url: str
) -> Iterator[Finding]:
    with studio.api() as api:
        yield _remove_backends(api, studio_id, url.rstrip("/"))
        if not _let_go(store, address, studio_id):
            yield warning("worker", "it is at work in this project", "run this again in a minute")
        yield _put_order_back(store, studio, address, studio_id)
        yield _remove_webhooks(api, studio_id, url.rstrip("/"))


def _remove_backends(api: httpx.Client, studio_id: int, url: str) -> Finding:
    there = api.get("ml", params={"project": studio_id}).raise_for_status().json()
    mine = [b for b in there if is_ours(b["model_version"]) or b["url"].rstrip("/") == url]
    for backend in mine:
        api.delete(f"ml/{backend['id']}").raise_for_status()
    addresses = ", ".join(b["url"] for b in mine)
    return ok("backend", f"{addresses} was removed" if mine else "the project has none of ours")


def _let_go(store: Store, address: str, studio_id: int) -> bool:
    """Note that the project is left, when no worker is at work in it; False if one stays so."""
    end = time.monotonic() + STEP_SECONDS
    while time.monotonic() < end:
        with store.begin() as session:
            known = projects.find(session, address, studio_id)
            if known is None:
                return True
            free = leases.unclaimed(session, known.id)
            if free is not None:
                free.connected = False
                return True
        time.sleep(0.5)
    return False


def _put_order_back(store: Store, studio: Studio, address: str, studio_id: int) -> Finding:
    remote = studio.project(studio_id)
    with store.read() as session:
        known = projects.find(session, address, studio_id)
    former = (known.former if known else None) or USUAL
    if remote.sampling == SAMPLING and (is_ours(remote.model_version) or not remote.model_version):
        put_back(studio, studio_id, former)
        now = studio.project(studio_id)
        how = f"sampling is {now.sampling!r}, and model version {now.model_version!r}, again"
    elif is_ours(remote.model_version):  # while the order was paused
        studio.set_order(studio_id, sampling=remote.sampling, model_version="")
        how = f"sampling stays {remote.sampling!r}; our model version is not shown any more"
    else:
        how = (
            f"sampling {remote.sampling!r} and model version {remote.model_version!r} are not ours"
        )
    with store.begin() as session:
        known = projects.find(session, address, studio_id)
        if known is not None:
            known.former, known.order_note, known.order_remark = None, "", ""
    return ok("order", how)


def _remove_webhooks(api: httpx.Client, studio_id: int, url: str) -> Finding:
    hooks = api.get("webhooks/", params={"project": studio_id}).raise_for_status().json()
    mine = [
        hook
        for hook in hooks
        if PROJECT_HEADER in (hook["headers"] or {}) or (url and hook["url"] == f"{url}/webhook")
    ]
    for hook in mine:
        api.delete(f"webhooks/{hook['id']}/").raise_for_status()
    addresses = ", ".join(hook["url"] for hook in mine)
    return ok("webhook", f"{addresses} was removed" if mine else "the project has none of ours")


def _predictions(studio: Studio, studio_id: int, *, clean: bool) -> Finding:
    versions = [name for name in studio.model_versions(studio_id) if is_ours(name)]
    if not versions:
        return ok("predictions", "none are ours")
    if not clean:
        return ok("predictions", f"those of {', '.join(versions)} stay; --clean removes them, too")
    for name in versions:
        studio.delete_version(studio_id, name)
    return ok("predictions", f"those of {', '.join(versions)} were removed")
