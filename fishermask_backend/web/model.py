"""The Label Studio model: a proper `LabelStudioMLBase`, under label-studio-ml 1.0.9 and 2.x.

It answers from what the worker has stored and never computes: `fit` notes that something happened,
`predict` looks up. The two releases differ in how they construct and call a model; both are served.
"""

import inspect
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fishermask_backend.labeling import LabelSpec
from fishermask_backend.project_settings import read_params, settings_of
from fishermask_backend.settings import Settings, load_settings
from fishermask_backend.store import (
    Store,
    embedding_queue,
    open_store,
    projects,
    queues,
    rounds,
)
from fishermask_backend.store.schema import Project, Round
from fishermask_backend.store.tokens import TokenBox
from fishermask_backend.versions import NO_ROUND
from fishermask_backend.web.incoming import (
    event_project,
    is_id,
    parse_project,
    public_address,
    task_id,
)
from fishermask_backend.web.lookup import Found, look_up
from fishermask_backend.web.torch_free import label_studio_ml

LabelStudioMLBase: Any = label_studio_ml().LabelStudioMLBase

log = logging.getLogger(__name__)

Predicted = dict[str, Any] | list[Any]  # of a task: a prediction, or an empty list for none

ANNOTATION_EVENTS = frozenset(
    {
        "ANNOTATION_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATION_DELETED",
        "ANNOTATIONS_CREATED",
        "ANNOTATIONS_DELETED",
        "TASKS_CREATED",
        "PROJECT_UPDATED",
    }
)
GONE_EVENTS = frozenset({"TASKS_DELETED", "PROJECT_DELETED"})
START_TRAINING = "START_TRAINING"
BEGINS = "A round begins with the labels that are there. The page shows how it does."
NOT_CONNECTED = "This project is not connected to this backend: save the connection once more."
TOKEN = re.compile(r"[!-~]{1,4096}")  # what can stand in a header; anything else opens nothing

_IS_2X = "project_id" in inspect.signature(LabelStudioMLBase.__init__).parameters


class FisherMaskBackend(LabelStudioMLBase):  # type: ignore[misc]
    """Pre-labels and an order for image classification projects.

    Args:
        project_id: `<id>.<unix creation time>`, as Label Studio sends it, or the id alone. 1.0.9 passes
            none: the project is then known by the tasks and events themselves.
        label_config: The project's labelling config.
        train_output: 1.0.9's result of `fit`; not used, the state is in the database.
        kwargs: 1.0.9's `hostname`, `access_token` and init arguments; `extra_params` of /setup.
    """

    # 1.0.9 hands only these events to `fit`.
    TRAIN_EVENTS = (*sorted(ANNOTATION_EVENTS | GONE_EVENTS), START_TRAINING)

    def __init__(
        self,
        project_id: str | None = None,
        label_config: str | None = None,
        train_output: Any = None,
        **kwargs: Any,
    ) -> None:
        self.settings: Settings = load_settings()
        self.store: Store = open_store()
        self.access_token = str(kwargs.get("access_token") or "")
        self.public_url = public_address(kwargs.get("hostname"))
        # Who does not send them changes nothing.
        self.params = read_params(kwargs["extra_params"]) if "extra_params" in kwargs else None
        self.schema = label_config or ""
        if _IS_2X:
            super().__init__(project_id=project_id, label_config=label_config)
        else:
            # Its own parser is not given the config: it fails on some that are fine here.
            super().__init__(label_config=None, train_output=train_output, **kwargs)
            self.project_id = project_id
            self.label_config = label_config

    def setup(self) -> str:
        """Take note of a project that Label Studio connects or asks about.

        Returns:
            The version that serves it: `fishermask-<round>`, or `fishermask-0` before the first.

        Raises:
            UnsupportedLabelConfig: There is nothing to learn in its config.
            BadRequest: `project_id` is not Label Studio's, or the extra params are no settings.
        """
        if not self.project_id:
            return NO_ROUND
        studio_id, created = parse_project(self.project_id)
        with self.store.read() as session:
            project = projects.find(session, self.settings.label_studio_url, studio_id, created)
            version = NO_ROUND
            if project is not None:
                version = queues.answered_version(queues.active(session, project.id))
        kept = None if project is None else project.params
        self.settings = settings_of(self.settings, kept if self.params is None else self.params)
        if self.schema:
            self.check_config()
        if project is not None:
            created = project.created
        if created is None:  # 2.x's own server does not pass it on
            log.info("project %s is not known yet: the worker will find it", studio_id)
        elif (
            project is None
            or not project.connected
            or self._offers_token(project)
            or self._changes(project)
            or self.public_url not in ("", project.public_url)
        ):
            self._register(studio_id, created)
        if _IS_2X:
            self.set("model_version", version)  # what its /setup answers
        return version

    def check_config(self) -> LabelSpec:
        """Return what the labelling config asks to learn.

        Raises:
            UnsupportedLabelConfig: Nothing fits.
        """
        return self.settings.read_config(self.schema)

    def predict(
        self, tasks: Sequence[Mapping[str, Any]], context: Any = None, **kwargs: Any
    ) -> list[Predicted]:
        """Return a pre-label and a score for each task, in order; what is not known is not answered.

        Args:
            tasks: Tasks as Label Studio serialises them: `id`, `project`, `data`.
            context: Ignored: nothing here is interactive.
            kwargs: Ignored.

        Returns:
            `{"result", "score", "model_version"}` each; an empty list, of which Label Studio stores
            nothing and so asks again, for a task whose image fails, that is not scored yet, or of
            which nothing is learnt yet.
        """
        ids = [task_id(task, index) for index, task in enumerate(tasks)]
        project = self._project_of(tasks)
        if project is None:
            return [[] for _ in ids]
        self.settings = settings_of(self.settings, project.params)
        found = look_up(self.store, self.settings, project.id, ids)
        if found.serving is None:
            return [[] for _ in ids]
        spec = self.settings.read_config(project.label_config)
        return [self._prediction(spec, found.serving, found, i) for i in ids]

    def fit(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Note an event; the worker does the rest. Takes milliseconds.

        Called as `fit(event, data)` by 2.x and as `fit((), event=…, data=…, job_id=…)` by 1.0.9.

        Returns:
            What a person is told who asked for training, as `message`, and otherwise `{}`: 1.0.9
            wants a dict.
        """
        event = str(kwargs.get("event") or (args[0] if args and isinstance(args[0], str) else ""))
        data = kwargs.get("data") or (args[1] if len(args) > 1 else None) or {}
        if event not in self.TRAIN_EVENTS:
            log.debug("event %.40r is none of ours", event)
            return {}
        studio_id = event_project(data)
        with self.store.begin() as session:
            project = projects.find(session, self.settings.label_studio_url, studio_id)
            if project is None:
                log.info("event %s of project %s, which is not connected", event, studio_id)
                return {"message": NOT_CONNECTED} if event == START_TRAINING else {}
            if event == START_TRAINING:
                embedding_queue.retry(session, project.id)
            projects.count_event(
                session,
                project.id,
                train=event == START_TRAINING,
                full=event in GONE_EVENTS,
                label=event in ANNOTATION_EVENTS and event != "PROJECT_UPDATED",
            )
        return {"message": BEGINS} if event == START_TRAINING else {}

    def _changes(self, project: Project) -> bool:
        return self.params is not None and self.params != (project.params or {})

    def _offers_token(self, project: Project) -> bool:
        if self.settings.label_studio_api_key or not TOKEN.fullmatch(self.access_token):
            return False
        box = TokenBox.of(self.settings)
        known = (box.open(project.token), box.open(project.offered_token))
        return self.access_token not in known

    def _register(self, studio_id: int, created: int) -> None:
        with self.store.begin() as session:
            address = self.settings.label_studio_url
            project = projects.register(session, address, studio_id, created)
            project.public_url = self.public_url or project.public_url
            if self._changes(project):
                project.params, project.params_note = self.params, ""
                log.info("project %s: its own settings are %s", studio_id, self.params)
            if self._offers_token(project):
                project.offered_token = TokenBox.of(self.settings).seal(self.access_token)
            projects.count_event(session, project.id)

    def _project_of(self, tasks: Sequence[Mapping[str, Any]]) -> Project | None:
        if self.project_id:
            studio_id, created = parse_project(self.project_id)
        elif tasks and is_id(tasks[0].get("project")):
            studio_id, created = tasks[0]["project"], None
        else:
            return None
        with self.store.read() as session:
            return projects.find(session, self.settings.label_studio_url, studio_id, created)

    def _prediction(self, spec: LabelSpec, serving: Round, found: Found, task: int) -> Predicted:
        score = found.scores.get(task)
        thought = rounds.class_probabilities(serving, score)
        asked = set(spec.classes)
        known = {name: p for name, p in thought.items() if name in asked}
        if score is None or (self.settings.prelabels and not known):
            return []  # an empty prediction would stay: a task that has one is not asked about again
        result = spec.prelabel(
            known if self.settings.prelabels else {}, self.settings.prelabel_above
        )
        place = found.places.get(task, score.score)
        return {"result": result, "score": round(place, 6), "model_version": found.version}
