"""Label Studio over its API."""

from fishermask_backend.studio.client import SAMPLING, Studio
from fishermask_backend.studio.http import http_client, unanswered
from fishermask_backend.studio.page_sizes import PAGE
from fishermask_backend.studio.records import StudioBackend, StudioProject
from fishermask_backend.studio.tasks import Page, StudioTask

__all__ = [
    "PAGE",
    "SAMPLING",
    "Page",
    "Studio",
    "StudioBackend",
    "StudioProject",
    "StudioTask",
    "http_client",
    "unanswered",
]
