"""The tables. Times are seconds since 1970 (UTC)."""

import re
from typing import Any, ClassVar, Literal

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from fishermask_backend.controls.heads import JointLikelihood, StoredHead
from fishermask_backend.store.noted import FormerOrder, PastError, Progress

COLD_START = "cold start"  # what orders a pool before two classes are labelled

# A round is storing until all its scores are there; nobody sees it before it is computed.
RoundState = Literal["storing", "computed", "imported", "active", "superseded"]
GroundTruth = Literal["hand", "all", "none"]  # whose stars decide
QueueState = Literal["importing", "imported", "active", "superseded", "deleted"]

TaskKind = Literal["annotated", "skipped", "tasks"]  # with an annotation, with a skip, or all
PlannedRange = tuple[TaskKind, int, int]  # which tasks: the first id and the last


class Base(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map: ClassVar = {
        FormerOrder: JSON,
        Progress: JSON,
        dict[str, float]: JSON,
        dict[str, int]: JSON,
        dict[str, dict[str, float]]: JSON,
        dict[str, Any]: JSON,
        list[PlannedRange]: JSON,
        list[PastError]: JSON,
        list[StoredHead]: JSON,
        list[int]: JSON,
        list[str]: JSON,
        list[Any]: JSON,
    }


class Project(Base):
    """A project of Label Studio, known by address, id and creation time: ids get reused."""

    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("address", "studio_id", "created"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(String(500))
    studio_id: Mapped[int]
    created: Mapped[int]  # unix seconds, as Label Studio tells it
    title: Mapped[str] = mapped_column(Text, default="")
    public_url: Mapped[str] = mapped_column(
        Text, default=""
    )  # Label Studio's, as browsers reach it
    label_config: Mapped[str] = mapped_column(Text, default="")
    control: Mapped[str] = mapped_column(Text, default="")  # what is learned from the config,
    data_key: Mapped[str] = mapped_column(Text, default="")  # and from which field of a task
    heads: Mapped[list[StoredHead] | None]  # what is learned, where there are several controls
    set_aside: Mapped[list[str] | None]  # which others could be, and why they are not
    asked_since: Mapped[dict[str, dict[str, float]] | None]  # a control: a class: when it came
    ground_truth: Mapped[GroundTruth] = mapped_column(String(10), default="hand")  # as GROUND_TRUTH
    params: Mapped[dict[str, Any] | None]  # settings of its own (`project_settings`), checked
    params_note: Mapped[str] = mapped_column(Text, default="")  # what of them cannot be meant
    skip_queue: Mapped[str] = mapped_column(String(40), default="REQUEUE_FOR_OTHERS")
    token: Mapped[str | None] = mapped_column(Text)  # encrypted; has read the project
    offered_token: Mapped[str | None] = mapped_column(Text)  # encrypted; from /setup, not tried yet
    connected: Mapped[bool] = mapped_column(default=False)
    former: Mapped[FormerOrder | None]
    order_note: Mapped[str] = mapped_column(Text, default="")  # why the order isn't set, if so
    order_remark: Mapped[str] = mapped_column(Text, default="")  # what to know of it if it is

    # Work. `events` counts what was told; a claim remembers the count it will have looked at.
    events: Mapped[int] = mapped_column(default=1)
    last_event_at: Mapped[float] = mapped_column(default=0.0)
    train_asked_at: Mapped[float] = mapped_column(default=0.0)  # 0: not, or a round has followed
    due_at: Mapped[float] = mapped_column(default=0.0, index=True)
    retry_at: Mapped[float] = mapped_column(default=0.0)
    failures: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(100))
    lease_until: Mapped[float] = mapped_column(default=0.0)
    fence: Mapped[int] = mapped_column(default=0)

    # Reading: a full pass is a plan of ranges; between passes, what changed since the cursor.
    plan: Mapped[list[PlannedRange] | None]
    plan_total: Mapped[int] = mapped_column(default=0)
    pass_number: Mapped[int] = mapped_column(default=0)
    pass_finished_at: Mapped[float] = mapped_column(default=0.0)
    pass_wanted: Mapped[bool] = mapped_column(default=True)
    cursor: Mapped[float] = mapped_column(default=0.0)  # newest change seen
    odd_entries: Mapped[dict[str, int] | None]  # what could not be read: the pass that met it last
    next_row: Mapped[int] = mapped_column(default=0)  # first free row of the inputs file
    inputs_key: Mapped[str] = mapped_column(String(200), default="")

    # What a person is told.
    progress: Mapped[Progress | None]
    error: Mapped[str] = mapped_column(Text, default="")
    error_at: Mapped[float] = mapped_column(default=0.0)
    errors: Mapped[list[PastError] | None]  # the last different ones, oldest first
    registered_at: Mapped[float] = mapped_column(default=0.0)

    @property
    def control_name(self) -> str:
        """The control's name alone: `control` may say the level of its classes, too."""
        return re.sub(r", level \d+$", "", self.control)


class Task(Base):
    """A task: where its image is, which row of the inputs file holds it, what its labels say."""

    __tablename__ = "tasks"
    __table_args__ = (Index("ix_tasks_row", "project_id", "row"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    image: Mapped[str] = mapped_column(Text)
    seen_pass: Mapped[int] = mapped_column(default=0)
    row: Mapped[int | None]
    image_error: Mapped[str | None] = mapped_column(Text)
    image_tries: Mapped[int] = mapped_column(default=0)
    image_broken: Mapped[bool] = mapped_column(default=False)  # given up; else tried again
    image_cut_short: Mapped[bool] = mapped_column(default=False)  # as far as it was embedded
    image_retry_at: Mapped[float] = mapped_column(default=0.0)
    shuffle: Mapped[float] = mapped_column(default=0.0)  # random order of embedding
    annotated: Mapped[bool] = mapped_column(default=False)  # has an annotation that isn't a skip
    skipped_by: Mapped[list[int] | None]
    answer: Mapped[str | None] = mapped_column(Text)  # JSON list of classes; null: no label
    tied: Mapped[bool] = mapped_column(default=False)
    tied_in: Mapped[list[str] | None]  # and on which controls, where several are learnt
    disputed: Mapped[bool] = mapped_column(default=False)  # and nobody has agreed since
    trained: Mapped[str | None] = mapped_column(Text)  # the answer the last round was trained on
    compared: Mapped[bool] = mapped_column(default=False)  # its first answer, as `validation` does
    audit: Mapped[int | None]  # the number of the round that drew it for the queue that brought it


class Annotation(Base):
    """An annotation as Label Studio has it; kept whole, so that a changed config can be applied."""

    __tablename__ = "annotations"
    __table_args__ = (Index("ix_annotations_task", "project_id", "task_id"),)

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    annotation_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    task_id: Mapped[int]
    result: Mapped[list[Any]]
    skipped: Mapped[bool]
    ground_truth: Mapped[bool]
    imported: Mapped[bool] = mapped_column(default=False)  # and nobody has saved it since
    annotator: Mapped[int]
    updated_at: Mapped[str] = mapped_column(String(40))
    not_learnt: Mapped[str | None] = mapped_column(Text)  # why it is not learnt as it is, if so


class Round(Base):
    """One active-learning round."""

    __tablename__ = "rounds"
    __table_args__ = (UniqueConstraint("project_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    number: Mapped[int]
    acquisition: Mapped[str] = mapped_column(String(20))  # the strategy, or COLD_START
    state: Mapped[RoundState] = mapped_column(String(20))
    label_count: Mapped[int] = mapped_column("labels")
    pool_size: Mapped[int] = mapped_column("pool")
    classes: Mapped[list[str]]  # of its classifier
    likelihood: Mapped[JointLikelihood] = mapped_column(String(20))
    heads: Mapped[list[StoredHead] | None]  # all controls, where there were several
    inputs_key: Mapped[str] = mapped_column(String(200))
    weights: Mapped[str | None] = mapped_column(Text)  # file names in MODEL_DIR
    scorer: Mapped[str | None] = mapped_column(Text)
    triggered_at: Mapped[float]
    started_at: Mapped[float]
    computed_at: Mapped[float]
    active_at: Mapped[float | None]
    seconds: Mapped[dict[str, float]]  # a stage: seconds
    notes: Mapped[list[str]]
    checked: Mapped[int] = mapped_column(default=0)  # labels that its queues have brought,
    agreed: Mapped[int] = mapped_column(default=0)  # and of these, those that its pre-label named
    audit: Mapped[list[Any] | None]  # how well it does on the rest, by control

    @property
    def lost_files(self) -> bool:
        """Whether it once had a classifier and has it no more."""
        return self.acquisition != COLD_START and self.weights is None


class Score(Base):
    """A task's place in a round's order (0: label next) and its class probabilities (float32)."""

    __tablename__ = "scores"

    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), primary_key=True)
    task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    score: Mapped[float]
    gain: Mapped[float]
    probabilities: Mapped[bytes | None] = mapped_column(LargeBinary)


class Queue(Base):
    """A list of tasks imported into Label Studio under a version of its own, in order."""

    __tablename__ = "queues"
    __table_args__ = (UniqueConstraint("project_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), index=True)
    round_id: Mapped[int] = mapped_column(ForeignKey("rounds.id"), index=True)
    version: Mapped[str] = mapped_column(String(100))
    state: Mapped[QueueState] = mapped_column(String(20))
    task_ids: Mapped[list[int]]
    audit: Mapped[list[int] | None]  # those of them that are drawn at random (`learning/audit.py`)
    created_at: Mapped[float]
    active_at: Mapped[float | None]
    superseded_at: Mapped[float | None]


class Doubt(Base):
    """A label that looks wrong to classifiers trained without it (`learning/doubts.py`).

    It is open while its task's answer is the same and no annotation of the task was saved since; after
    that its row stays as long as the answer does, and so the label is not listed once more.
    """

    __tablename__ = "doubts"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    control: Mapped[str] = mapped_column(Text, primary_key=True)  # empty where it is alone
    answer: Mapped[str] = mapped_column(Text)  # the control's own part of the task's
    saved_at: Mapped[str] = mapped_column(String(40))  # the task's newest annotation when listed
    round_number: Mapped[int]  # the last round that doubted it
    place: Mapped[int]  # among the doubts of that round, from 0, the worst first
    quality: Mapped[float]  # cleanlab's, from 0 (surely wrong) to 1
    guess: Mapped[list[str]]  # what a pre-label would have named
    probabilities: Mapped[dict[str, float]]  # of the classes of label and guess


class ScoreRequest(Base):
    """A task that /predict was asked about and no round has seen."""

    __tablename__ = "score_requests"

    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id"), primary_key=True)
    task_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    requested_at: Mapped[float]
