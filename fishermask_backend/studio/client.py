"""Label Studio over its API: reading a project, and writing predictions and the order.

label-studio-sdk knows how keys are sent and renewed; the calls are made here, since its models take
for granted what an answer holds. Errors say what Label Studio answered. The key goes to
`LABEL_STUDIO_URL` only: redirects are not followed.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from fishermask_backend.studio import listing
from fishermask_backend.studio.calls import Calls
from fishermask_backend.studio.page_sizes import PAGE, PageSizes
from fishermask_backend.studio.records import (
    LARGEST_ID,
    StudioBackend,
    StudioProject,
    an_object,
    is_id,
    objects,
    read_backend,
    read_project,
    read_projects,
    read_webhooks,
    text,
)
from fishermask_backend.studio.refusals import as_label_studio_error
from fishermask_backend.studio.tasks import Page, read_page
from fishermask_backend.versions import is_ours

log = logging.getLogger(__name__)

ODDITIES_LOGGED = 5  # of a page
SAMPLING = "Uncertainty sampling"  # lowest prediction score first


class Studio(Calls):
    """Label Studio's API under one key.

    Every method raises `LabelStudioError`; `project` and `own_backends` raise `ProjectGone` where
    Label Studio has no such project (any more).
    """

    @cached_property
    def _sizes(self) -> PageSizes:
        """How large each project's tasks are, as far as pages have shown."""
        return PageSizes()

    def user(self) -> str:
        """Return the e-mail address of the key's user."""
        with as_label_studio_error("ask whose key it is"):
            return text(an_object(self.send("GET", "api/current-user/whoami")).get("email"))

    def projects(self) -> list[StudioProject]:
        """Return every project the key can read."""
        with as_label_studio_error("list projects"):
            found: list[StudioProject] = []
            more, page = True, 0
            while more:
                page += 1
                answer = self.send("GET", "api/projects/", params={"page": page})
                projects, more = read_projects(answer)
                found += projects
            return found

    def project(self, studio_id: int) -> StudioProject:
        """Return one project."""
        with as_label_studio_error(f"read project {studio_id}", project=studio_id):
            return read_project(self.send("GET", f"api/projects/{studio_id}/"), studio_id)

    def own_backends(self, studio_id: int) -> list[StudioBackend]:
        """Return the ML backends of a project that are this one, or others of its kind.

        It is known by its answer to /setup, which Label Studio keeps: a version of ours.
        """
        with as_label_studio_error(
            f"list the ML backends of project {studio_id}", project=studio_id
        ):
            answer = self.send("GET", "api/ml/", params={"project": studio_id})
            backends = [read_backend(backend) for backend in objects(answer)]
        return [b for b in backends if is_ours(b.model_version)]

    def has_backend(self, studio_id: int, url: str) -> bool:
        """Say whether a project's backend at this address is one of our kind."""
        return any(backend.url == url for backend in self.own_backends(studio_id))

    def shorten_events(self, studio_id: int, url: str, headers: dict[str, str]) -> None:
        """Have a project's events sent to an address without what they are about.

        Args:
            studio_id: The project.
            url: Where its webhook sends them; others are left alone.
            headers: What each event carries instead.
        """
        with as_label_studio_error(f"shorten the events of project {studio_id}"):
            answer = self.send("GET", "api/webhooks/", params={"project": studio_id})
            for hook in read_webhooks(answer):
                if hook.url == url and hook.send_payload:
                    body = {"send_payload": False, "headers": {**hook.headers, **headers}}
                    self.send("PATCH", f"api/webhooks/{hook.hook_id}/", body)

    def extent(self, studio_id: int, kind: str) -> tuple[int, int, int]:
        """Return how many tasks of a kind (`listing.COUNTS`) there are, and their range of ids."""
        ends = [
            self._page(studio_id, listing.end(kind, last=last), size=1) for last in (False, True)
        ]
        lowest, highest = (page.tasks[0].task_id if page.tasks else None for page in ends)
        first, last = lowest or 0, LARGEST_ID if highest is None else highest
        return max(page.total for page in ends), first, last

    def tasks_between(self, studio_id: int, kind: str, first: int, last: int) -> Page:
        """Return tasks of a kind in a range of ids, with their annotations unless all are asked for.

        Those of lowest id, 500 at most; their total counts the whole range.
        """
        query, size = listing.between(kind, first, last), self._sizes.at_once(studio_id)
        return self._page(studio_id, query, size=size, with_annotations=kind in listing.COUNTS)

    def task_data(self, studio_id: int, task_id: int) -> Mapping[str, Any]:
        """Return what a task holds, long texts whole; empty if it is gone.

        Asked as a list of one: opening a task would make Label Studio ask its backends about it.
        """
        found = self._page(studio_id, listing.only([task_id]), size=1, whole=True).tasks
        return found[0].data if found else {}

    def changed_tasks(self, studio_id: int, since: float, at_most: int = PAGE) -> Page:
        """Return tasks changed after a time (Label Studio's clock), with annotations.

        The newest change comes first. At most 500, which takes Label Studio three seconds.
        """
        size = min(at_most, self._sizes.at_once(studio_id))
        query = listing.changed_after(since)
        return self._page(studio_id, query, size=size, with_annotations=True)

    def newest_change(self, studio_id: int) -> float:
        """Return when a task last changed (Label Studio's clock); 0 without tasks."""
        newest = self._page(studio_id, listing.NEWEST_FIRST, size=1)
        return max((task.updated_at for task in newest.tasks), default=0.0)

    def existing_tasks(self, studio_id: int, ids: Sequence[int]) -> list[int]:
        """Return those of the tasks that still exist.

        They are counted, and read only if some are gone: reading 500 takes Label Studio two seconds.
        """
        found: set[int] = set()
        size = self._sizes.at_once(studio_id)
        for start in range(0, len(ids), size):
            chunk = list(ids[start : start + size])
            query = listing.only(chunk)
            if self._page(studio_id, query, size=1).total == len(chunk):
                found.update(chunk)
            else:
                found.update(task.task_id for task in self._page(studio_id, query).tasks)
        return [task_id for task_id in ids if task_id in found]

    def count_predicted(self, studio_id: int, ids: Sequence[int], version: str) -> int:
        """Count those of the tasks that have a prediction of a version."""
        count = 0
        for start in range(0, len(ids), PAGE):
            query = listing.predicted(version, ids[start : start + PAGE])
            count += self._page(studio_id, query, size=1).total
        return count

    def model_versions(self, studio_id: int) -> list[str]:
        """Return the versions of the project's predictions."""
        with as_label_studio_error(f"read the model versions of project {studio_id}"):
            answer = self.send("GET", f"api/projects/{studio_id}/model-versions/")
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
            created = an_object(self.send("POST", path, predictions)).get("created")
        return created if is_id(created) else 0

    def add_prediction(self, studio_id: int, prediction: dict[str, Any]) -> None:
        """Store one prediction that an import would drop (`Control.singly`); never retried here."""
        with as_label_studio_error(f"store a prediction in project {studio_id}"):
            self.send("POST", "api/predictions/", {**prediction, "project": studio_id})

    def delete_version(self, studio_id: int, version: str) -> None:
        """Delete the predictions of one version."""
        with as_label_studio_error(f"delete the predictions {version!r} of project {studio_id}"):
            self.send(
                "DELETE", f"api/projects/{studio_id}/model-versions/", {"model_version": version}
            )

    def set_order(self, studio_id: int, *, sampling: str, model_version: str) -> StudioProject:
        """Set what decides a project's next task, and return the project as it then is."""
        with as_label_studio_error(f"set sampling and model version of project {studio_id}"):
            body = {"sampling": sampling, "model_version": model_version}
            self.send("PATCH", f"api/projects/{studio_id}/", body)
        return self.project(studio_id)

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
            params = {
                "fields": "all" if with_annotations else "task_only",
                "page": page,
                "page_size": size,
                "project": studio_id,
                "query": json.dumps(query) if query else None,
            }
            answer = self.send("GET", "api/tasks/", params=params)
            found = read_page(answer, whole=whole)
            self._sizes.learn(studio_id, answer)
        for oddity in found.oddities[:ODDITIES_LOGGED]:
            log.warning("project %s: %s", studio_id, oddity)
        return found
