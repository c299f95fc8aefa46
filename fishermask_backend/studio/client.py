"""Label Studio over its API: reading a project, and writing predictions and the order.

label-studio-sdk knows how keys are sent and renewed; the calls are made here, since its models take
for granted what an answer holds. Errors say what Label Studio answered. The key goes to
`LABEL_STUDIO_URL` only: redirects are not followed.
"""

import json
import logging
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx
from label_studio_sdk import LabelStudio

from fishermask_backend.studio import listing
from fishermask_backend.studio.calls import send
from fishermask_backend.studio.http import http_client
from fishermask_backend.studio.records import (
    Page,
    StudioProject,
    an_object,
    is_id,
    objects,
    read_backend,
    read_page,
    read_project,
    read_projects,
    read_webhooks,
    text,
)
from fishermask_backend.studio.refusals import as_label_studio_error
from fishermask_backend.versions import is_ours

log = logging.getLogger(__name__)

PAGE = 500  # of 1,000 uploads Label Studio makes a query that SQLite finds too deep: a 500
ODDITIES_LOGGED = 5  # of a page
SAMPLING = "Uncertainty sampling"  # lowest prediction score first


class Studio:
    """Label Studio's API under one key.

    Args:
        address: `LABEL_STUDIO_URL`.
        key: Personal access token or legacy token.
        timeout: Seconds a call may take.

    Proxies come from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    Raises:
        CertificatesUnusable: The environment names a company's authority that cannot be read.

    Every method raises `LabelStudioError`; `project` and `own_backends` raise `ProjectGone` where
    Label Studio has no such project (any more).
    """

    def __init__(self, address: str, key: str, *, timeout: float = 60.0) -> None:
        self._address, self._http = address, http_client(timeout)
        with as_label_studio_error("log in"):
            # Retries are the worker's: here they would keep other projects waiting.
            self._api = LabelStudio(
                base_url=address, api_key=key, httpx_client=self._http, max_retries=0
            )
        self._raw = self._api._client_wrapper  # what the SDK's own calls use
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
        """Return the header that opens Label Studio's own files; refreshed when it expires."""
        with as_label_studio_error("refresh the access token"):
            return {"Authorization": self._raw.get_headers()["Authorization"]}

    def api(self) -> httpx.Client:
        """Return a client for calls that the SDK has not, under the same key; to be closed."""
        headers = self.authorization()
        client = http_client(timeout=60)
        client.base_url = httpx.URL(f"{self._address}/api/")
        client.headers.update(headers)
        return client

    def user(self) -> str:
        """Return the e-mail address of the key's user."""
        with as_label_studio_error("ask whose key it is"):
            return text(an_object(self._send("GET", "api/current-user/whoami")).get("email"))

    def projects(self) -> list[StudioProject]:
        """Return every project the key can read."""
        with as_label_studio_error("list projects"):
            found: list[StudioProject] = []
            more, page = True, 0
            while more:
                page += 1
                answer = self._send("GET", "api/projects/", params={"page": page})
                projects, more = read_projects(answer)
                found += projects
            return found

    def project(self, studio_id: int) -> StudioProject:
        """Return one project."""
        with as_label_studio_error(f"read project {studio_id}", project=studio_id):
            return read_project(self._send("GET", f"api/projects/{studio_id}/"), studio_id)

    def own_backends(self, studio_id: int) -> dict[str, str]:
        """Return the addresses at which a project has this backend, with their titles.

        It is known by its answer to /setup, which Label Studio keeps: a version of ours.
        """
        with as_label_studio_error(
            f"list the ML backends of project {studio_id}", project=studio_id
        ):
            answer = self._send("GET", "api/ml/", params={"project": studio_id})
            backends = [read_backend(backend) for backend in objects(answer)]
        return {b.url: b.title for b in backends if is_ours(b.model_version)}

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
            answer = self._send("GET", "api/webhooks/", params={"project": studio_id})
            for hook in read_webhooks(answer):
                if hook.url == url and hook.send_payload:
                    body = {"send_payload": False, "headers": {**hook.headers, **headers}}
                    self._send("PATCH", f"api/webhooks/{hook.hook_id}/", body)

    def tasks_page(self, studio_id: int, page: int, *, annotated: bool = False) -> Page:
        """Return a page of 500 tasks by id; of all tasks, or of annotated (or skipped) ones."""
        query = listing.ANNOTATED if annotated else None
        return self._page(studio_id, query, page=page, with_annotations=annotated)

    def count_tasks(self, studio_id: int, *, annotated: bool = False) -> int:
        """Count a project's tasks, or its annotated (or skipped) ones."""
        query = listing.ANNOTATED if annotated else None
        return self._page(studio_id, query, size=1).total

    def changed_tasks(self, studio_id: int, since: float, at_most: int = PAGE) -> Page:
        """Return tasks changed after a time (Label Studio's clock), with annotations.

        The newest change comes first. At most 500, which takes Label Studio three seconds.
        """
        query = listing.changed_after(since)
        return self._page(studio_id, query, size=at_most, with_annotations=True)

    def newest_change(self, studio_id: int) -> float:
        """Return when a task last changed (Label Studio's clock); 0 without tasks."""
        newest = self._page(studio_id, listing.NEWEST_FIRST, size=1)
        return max((task.updated_at for task in newest.tasks), default=0.0)

    def existing_tasks(self, studio_id: int, ids: Sequence[int]) -> list[int]:
        """Return those of the tasks that still exist.

        They are counted, and read only if some are gone: reading 500 takes Label Studio two seconds.
        """
        found: set[int] = set()
        for start in range(0, len(ids), PAGE):
            chunk = list(ids[start : start + PAGE])
            query = listing.only(chunk)
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
            path = f"api/projects/{studio_id}/import/predictions"
            created = an_object(self._send("POST", path, predictions)).get("created")
        return created if is_id(created) else 0

    def delete_version(self, studio_id: int, version: str) -> None:
        """Delete the predictions of one version."""
        with as_label_studio_error(f"delete the predictions {version!r} of project {studio_id}"):
            self._send(
                "DELETE", f"api/projects/{studio_id}/model-versions/", {"model_version": version}
            )

    def set_order(self, studio_id: int, *, sampling: str, model_version: str) -> StudioProject:
        """Set what decides a project's next task, and return the project as it then is."""
        with as_label_studio_error(f"set sampling and model version of project {studio_id}"):
            body = {"sampling": sampling, "model_version": model_version}
            self._send("PATCH", f"api/projects/{studio_id}/", body)
        return self.project(studio_id)

    def _send(
        self, method: str, path: str, body: Any = None, *, params: dict[str, Any] | None = None
    ) -> Any:
        return send(self._raw.httpx_client, method, path, body, params)

    def _page(
        self,
        studio_id: int,
        query: dict[str, Any] | None,
        *,
        page: int = 1,
        size: int = PAGE,
        with_annotations: bool = False,
    ) -> Page:
        with as_label_studio_error(f"list the tasks of project {studio_id}"):
            params = {
                "fields": "all" if with_annotations else "task_only",
                "page": page,
                "page_size": size,
                "project": studio_id,
                "query": json.dumps(query) if query else None,
            }
            found = read_page(self._send("GET", "api/tasks/", params=params))
        for oddity in found.oddities[:ODDITIES_LOGGED]:
            log.warning("project %s: %s", studio_id, oddity)
        return found
