"""This machine and this backend's own processes; nothing here asks Label Studio."""

import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import httpx
import torch

from fishermask_backend.commands.doctor.findings import Finding, failed, ok, warning
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.machine import lifeline
from fishermask_backend.machine.device import choose_device
from fishermask_backend.settings import Settings
from fishermask_backend.store import Store
from fishermask_backend.store.tokens import fingerprint
from fishermask_backend.worker.shortages import StateUnusable

FREE_BYTES = 2**30


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Look at MODEL_DIR, database, device and backbone."""
    yield _folder(settings)
    yield _database(settings)
    try:
        device = choose_device(settings.device)
    except FisherMaskError as error:
        yield failed("device", str(error))
        return
    cuda = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU in use"
    yield ok("device", f"{device} ({cuda}), torch {torch.__version__}")
    yield _backbone(settings, device)


def _folder(settings: Settings) -> Finding:
    folder = settings.model_dir.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free
    except OSError as error:
        return failed("MODEL_DIR", str(StateUnusable(folder, error)))
    how = f"{folder} is writable, {free / 2**30:.1f} GiB free"
    if free < FREE_BYTES:
        return warning(
            "MODEL_DIR", how, "free some of that disk, or move MODEL_DIR to a larger one"
        )
    return ok("MODEL_DIR", how)


def _database(settings: Settings) -> Finding:
    try:
        store = Store(settings.database)
    except FisherMaskError as error:
        return failed("database", str(error))
    store.close()
    return ok("database", f"{store.engine.url.render_as_string()} opens")


def _backbone(settings: Settings, device: torch.device) -> Finding:
    try:
        Backbone.of(settings, device)
    except FisherMaskError as error:
        return failed("backbone", str(error))
    return ok("backbone", f"{settings.backbone} and its weights load")


def check_processes(settings: Settings) -> Iterator[Finding]:
    """Look whether web server and worker run."""
    yield _web(settings)
    worker = lifeline.health(settings.model_dir)
    how, _, fix = worker.told.partition(": ")
    yield ok("worker", how) if worker.lives else failed("worker", how, fix)


def _web(settings: Settings) -> Finding:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    address = f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"
    what = "web server"
    try:
        answer = httpx.get(f"{address}/health", timeout=5, trust_env=False)
    except httpx.HTTPError as error:
        how = f"does not answer at {address} ({str(error) or type(error).__name__})"
        fix = "start `fishermask serve`, unless it runs elsewhere or under another PORT"
        return warning(what, how, fix)
    said = _json(answer)
    if said.get("model_class") != "FisherMaskBackend":
        how = f"at {address} something else answers ({answer.status_code})"
        fix = (
            "stop that program, or give `fishermask serve` another PORT, and Label Studio the new "
            "address; all is well if `fishermask serve` runs elsewhere"
        )
        return warning(what, how, fix)
    if said.get("state", "") == "":
        return ok(what, f"answers at {address}; it does not say with which MODEL_DIR")
    if said["state"] != fingerprint(settings):
        how = f"at {address} another FisherMask answers, or this one with other settings"
        fix = (
            "give MODEL_DIR, DATABASE_URL, SECRET_KEY and LABEL_STUDIO_URL the same values here and "
            "there, or each backend a PORT of its own"
        )
        return warning(what, how, fix)
    return ok(what, f"answers at {address}, and is this backend's")


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
