"""Between Label Studio and this backend: may it call us, does it, and does it tell us of labels?

The guard of Label Studio 1.23 against private addresses is asked without changing anything: a
backend or a webhook that it must refuse in any case, for another field, shows whether it refuses the
address too.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from fishermask_backend.commands.doctor.findings import Finding, failed, ok, warning
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.studio import Studio
from fishermask_backend.versions import is_ours

NO_UNDERSCORE = (
    "connect under a name without an underscore (and with a dot), or an address: Label Studio takes a "
    "name with one for none"
)
RESTART = "in the environment of Label Studio's own process, and restart it"


def examine_connection(studio: Studio, studio_id: int, url: str) -> Iterator[Finding]:
    """Look at a project's ML backends and webhooks, and at the address guard.

    Args:
        studio: Opened.
        studio_id: The project.
        url: Where Label Studio calls this backend; empty if it is connected already.
    """
    try:
        with studio.api() as api:
            yield from _check(api, studio_id, url.rstrip("/"))
    except (httpx.HTTPError, FisherMaskError, ValueError) as error:
        yield failed("connection", f"Label Studio could not be asked ({error})")


def _check(api: httpx.Client, studio_id: int, url: str) -> Iterator[Finding]:
    # This list makes Label Studio call every backend of the project.
    answer = api.get("ml", params={"project": studio_id}).raise_for_status()
    mine = [b for b in answer.json() if is_ours(b["model_version"]) or b["url"].rstrip("/") == url]
    connect = "project's Settings → Model → Connect Model, with this backend's address"
    if not mine and not url:
        how = f"project {studio_id} has no backend that is this one"
        yield failed("connection", how, f"{connect}; --url ADDRESS tells whether it may be called")
    for address in dict.fromkeys([*([url] if url else []), *(b["url"].rstrip("/") for b in mine)]):
        yield from _guards(api, studio_id, address)
    if not mine and url:
        yield failed("connection", f"project {studio_id} is not connected to {url}", connect)
    hooks = api.get("webhooks/", params={"project": studio_id}).raise_for_status().json()
    for backend in mine:
        yield _state(backend)
        yield _webhook(backend["url"].rstrip("/") + "/webhook", hooks)


def _state(backend: dict[str, Any]) -> Finding:
    if backend["state"] == "CO":
        return ok("connection", f"Label Studio calls {backend['url']} and is answered")
    why = backend["error_message"]
    return failed(
        "connection",
        f"Label Studio calls {backend['url']} in vain" + (f": {why}" if why else ""),
        "is the web server running, and is that its address as seen from Label Studio?",
    )


def _guards(api: httpx.Client, studio_id: int, url: str) -> Iterator[Finding]:
    refused = _refusal(api.post("ml", json={"project": studio_id, "url": url, "timeout": "?"}))
    if refused:
        fix = f"set ML_BLOCK_LOCAL_IP=false {RESTART}"
        if "resolve hostname" in refused:
            fix = "connect under a name that Label Studio's machine knows, or an address"
        if has_underscore(url):
            fix = NO_UNDERSCORE
        yield failed("address guard", f"Label Studio will not call {url}: {refused}", fix)
    else:
        yield ok("address guard", f"Label Studio may call {url}")
    body = {"project": studio_id, "url": f"{url}/webhook", "actions": ["?"]}
    refused = _refusal(api.post("webhooks/", json=body))
    if refused:
        fix = f"set SSRF_PROTECTION_ENABLED=false {RESTART}; then connect again"
        if not _has_dot(url):
            fix = "connect under a name with a dot, or an address: others get no events"
        if has_underscore(url):
            fix = NO_UNDERSCORE
        yield warning("address guard", f"Label Studio will send no events to {url}: {refused}", fix)
    else:
        yield ok("address guard", f"Label Studio may send events to {url}")


def _refusal(answer: httpx.Response) -> str:
    """Say why an address was refused; empty if it wasn't, but only what was wrong on purpose."""
    body = answer.json()
    if answer.status_code == 400:
        wrong = (body.get("validation_errors") or {}).get("url", [])
        return " ".join(str(w) for w in wrong)
    return str(body.get("detail") or answer.status_code)


def _webhook(url: str, hooks: list[dict[str, Any]]) -> Finding:
    mine = [hook for hook in hooks if hook["url"].rstrip("/") == url]
    later = "labels are noticed up to a minute later"
    if not mine:
        fix = f"add a webhook to {url} in the project's Settings → Webhooks, or connect again"
        if not _has_dot(url):
            fix = (
                "connect under a name with a dot, or an address: Label Studio makes none for others"
            )
        if has_underscore(url):
            fix = NO_UNDERSCORE
        return warning("webhook", f"there is none to {url}: {later}", fix)
    if not any(hook["is_active"] and hook["send_for_all_actions"] for hook in mine):
        how = f"the one to {url} is switched off, or is not sent all events: {later}"
        return warning("webhook", how, "switch it on for all events in Settings → Webhooks")
    return ok("webhook", f"events are sent to {url}")


def has_underscore(url: str) -> bool:
    """Say whether an address has a host's name that Django takes for none."""
    return "_" in (urlsplit(url).hostname or "")


def _has_dot(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return "." in host or ":" in host or host == "localhost"
