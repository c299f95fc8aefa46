"""Label Studio over its API: reading a project, and writing predictions and the order.

A thin layer over label-studio-sdk: what the backend needs, in the backend's terms, with errors that
say what Label Studio answered. The key goes to `LABEL_STUDIO_URL` only: redirects are not followed.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError

from fishermask_backend.studio.http import http_client
from fishermask_backend.studio.page_sizes import PAGE, PageSizes
from fishermask_backend.studio.records import (
    Page,
    StudioProject,
    read_project,
    read_task,
)
from fishermask_backend.studio.refusals import as_label_studio_error
from fishermask_backend.versions import is_ours

SAMPLING = "Uncertainty sampling"  # lowest prediction score first

_ANNOTATED = {
    "filters": {
        "conjunction": "or",
        "items": [
            {
                "filter": f"filter:tasks:{column}",
                "operator": "greater",
                "type": "Number",
                "value": 0,
            }
            for column in ("total_annotations", "cancelled_annotations")
        ],
    }
}


class Studio:
    """Label Studio's API under one key.

    Args:
        address: `LABEL_STUDIO_URL`.
        key: Personal access token or legacy token.
        timeout: Seconds a call may take.
        headers: What a proxy in front of Label Studio asks for; goes wherever the key goes.

    Proxies come from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    Raises:
        CertificatesUnusable: The environment names a company's authority that cannot be read.

    Every method raises `LabelStudioError`; `project` and `own_backends` raise `ProjectGone` where
    Label Studio has no such project (any more).
    """

    def __init__(
        self,
        address: str,
        key: str,
        *,
        timeout: float = 60.0,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._address, self._extra = address, dict(headers or {})
        self._http = http_client(timeout, self._extra)
        self._sizes = PageSizes()
        with as_label_studio_error("log in"):
            # Retries are the worker's: here they would keep other projects waiting.
            self._api = LabelStudio(
                base_url=address, api_key=key, httpx_client=self._http, max_retries=0
            )
        # The SDK has no call for a project's own model versions; this is what its calls use.
        self._raw = self._api._client_wrapper
        # Without the slash a personal token would be sent to the host, not below the address's path.
        self._raw._tokens_client._base_url = f"{address}/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def authorization(self) -> dict[str, str]:
        """Return the headers that open Label Studio's own files; refreshed when they expire."""
        with as_label_studio_error("refresh the access token"):
            return {**self._extra, "Authorization": self._raw.get_headers()["Authorization"]}

    def api(self) -> httpx.Client:
        """Return a client for calls that the SDK has not, under the same key; to be closed."""
        client = http_client(60, self.authorization())
        client.base_url = httpx.URL(f"{self._address}/api/")
        return client

    def user(self) -> str:
        """Return the e-mail address of the key's user."""
        with as_label_studio_error("ask whose key it is"):
            return str(self._api.users.whoami().email)

    def projects(self) -> list[StudioProject]:
        """Return every project the key can read."""
        with as_label_studio_error("list projects"):
            return [read_project(p) for p in self._api.projects.list()]

    def project(self, studio_id: int) -> StudioProject:
        """Return one project."""
        with as_label_studio_error(f"read project {studio_id}", project=studio_id):
            return read_project(self._api.projects.get(studio_id))

    def own_backends(self, studio_id: int) -> dict[str, str]:
        """Return the addresses at which a project has this backend, with their titles.

        It is known by its answer to /setup, which Label Studio keeps: a version of ours.
        """
        with as_label_studio_error(
            f"list the ML backends of project {studio_id}", project=studio_id
        ):
            backends = self._api.ml.list(project=studio_id)
        ours = [b for b in backends if is_ours(b.model_version)]
        return {(b.url or "").rstrip("/"): b.title or "" for b in ours}

    def has_backend(self, studio_id: int, url: str) -> bool:
        """Say whether a project's backend at this address is one of our kind."""
        return url in self.own_backends(studio_id)

    def shorten_events(self, studio_id: int, url: str, headers: dict[str, str]) -> None:
        """Have a project's events sent to an address without what they are about.

        Args:
            studio_id: The project.
            url: Where its webhook sends them; others are left alone.
            headers: What each event carries instead.
        """
        with as_label_studio_error(f"shorten the events of project {studio_id}"):
            for hook in self._api.webhooks.list(project=studio_id):
                if hook.url.rstrip("/") == url and hook.send_payload and hook.id is not None:
                    own = {**(hook.headers or {}), **headers}
                    self._api.webhooks.update(hook.id, send_payload=False, headers=own)

    def tasks_page(self, studio_id: int, page: int, *, annotated: bool = False) -> Page:
        """Return a page of 500 tasks by id; of all tasks, or of annotated (or skipped) ones."""
        query = _ANNOTATED if annotated else None
        size = self._sizes.at_once(studio_id)
        first = PAGE // size * (page - 1) + 1
        found = self._page(studio_id, query, page=first, size=size, with_annotations=annotated)
        tasks, total = found.tasks, found.total
        for part in range(first + 1, first + PAGE // size):
            if size * (part - 1) >= total:
                break
            more = self._page(studio_id, query, page=part, size=size, with_annotations=annotated)
            tasks, total = tasks + more.tasks, more.total
        return Page(tasks, total)

    def task_data(self, studio_id: int, task_id: int) -> dict[str, Any]:
        """Return what a task holds, long texts whole; empty if it is gone.

        Asked as a list of one: opening a task would make Label Studio ask its backends about it.
        """
        query = {"selectedItems": {"all": False, "included": [task_id]}}
        found = self._page(studio_id, query, size=1, whole=True).tasks
        return found[0].data if found else {}

    def count_tasks(self, studio_id: int, *, annotated: bool = False) -> int:
        """Count a project's tasks, or its annotated (or skipped) ones."""
        query = _ANNOTATED if annotated else None
        return self._page(studio_id, query, size=1).total

    def changed_tasks(self, studio_id: int, since: float, at_most: int = PAGE) -> Page:
        """Return tasks changed after a time (Label Studio's clock), with annotations.

        The newest change comes first. At most 500, which takes Label Studio three seconds.
        """
        changed = {
            "filter": "filter:tasks:updated_at",
            "operator": "greater",
            "type": "Datetime",
            "value": datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        filters = {"conjunction": "and", "items": [changed]}
        query = {"filters": filters, "ordering": ["-tasks:updated_at"]}
        size = min(at_most, self._sizes.at_once(studio_id))
        return self._page(studio_id, query, size=size, with_annotations=True)

    def newest_change(self, studio_id: int) -> float:
        """Return when a task last changed (Label Studio's clock); 0 without tasks."""
        newest = self._page(studio_id, {"ordering": ["-tasks:updated_at"]}, size=1)
        return newest.tasks[0].updated_at if newest.tasks else 0.0

    def existing_tasks(self, studio_id: int, ids: Sequence[int]) -> list[int]:
        """Return those of the tasks that still exist.

        They are counted, and read only if some are gone: reading 500 takes Label Studio two seconds.
        """
        found: set[int] = set()
        size = self._sizes.at_once(studio_id)
        for start in range(0, len(ids), size):
            chunk = list(ids[start : start + size])
            query = {"selectedItems": {"all": False, "included": chunk}}
            if self._page(studio_id, query, size=1).total == len(chunk):
                found.update(chunk)
            else:
                found.update(task.task_id for task in self._page(studio_id, query).tasks)
        return [task_id for task_id in ids if task_id in found]

    def model_versions(self, studio_id: int) -> list[str]:
        """Return the versions of the project's predictions."""
        with as_label_studio_error(f"read the model versions of project {studio_id}"):
            answer = self._send("GET", f"api/projects/{studio_id}/model-versions/")
        return list(answer) if isinstance(answer, dict) else []

    def import_predictions(self, studio_id: int, predictions: Sequence[dict[str, Any]]) -> int:
        """Import predictions; not repeatable, so never retried here.

        Returns:
            How many Label Studio says it created.
        """
        with as_label_studio_error(
            f"import {len(predictions)} predictions into project {studio_id}"
        ):
            answer = self._api.projects.import_predictions(studio_id, request=predictions)
        return int(answer.created or 0)

    def delete_version(self, studio_id: int, version: str) -> None:
        """Delete the predictions of one version."""
        with as_label_studio_error(f"delete the predictions {version!r} of project {studio_id}"):
            self._send(
                "DELETE", f"api/projects/{studio_id}/model-versions/", {"model_version": version}
            )

    def set_order(self, studio_id: int, *, sampling: str, model_version: str) -> StudioProject:
        """Set what decides a project's next task, and return the project as it then is."""
        with as_label_studio_error(f"set sampling and model version of project {studio_id}"):
            self._api.projects.update(studio_id, sampling=sampling, model_version=model_version)
        return self.project(studio_id)

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        response = self._raw.httpx_client.request(path, method=method, json=body)
        if response.status_code >= 400:
            headers = dict(response.headers)
            raise ApiError(status_code=response.status_code, headers=headers, body=response.text)
        return response.json() if response.content else None

    def _page(
        self,
        studio_id: int,
        query: dict[str, Any] | None,
        *,
        page: int = 1,
        size: int = PAGE,
        with_annotations: bool = False,
        whole: bool = False,
    ) -> Page:
        with as_label_studio_error(f"list the tasks of project {studio_id}"):
            answer = self._api.tasks.list(
                project=studio_id,
                page=page,
                page_size=size,
                fields="all" if with_annotations else "task_only",
                query=json.dumps(query) if query else None,
            )
            total = answer.response.total if answer.response else 0
            tasks = answer.items or []
            self._sizes.learn(studio_id, (t.data or {} for t in tasks))
            return Page([read_task(t, whole=whole) for t in tasks], int(total or 0))
