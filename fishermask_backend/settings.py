"""The one typed settings object, read from the environment (and from a `.env` file).

Every name here stands in the README's table; `tests/test_settings.py` keeps the two together.
"""

import os
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from fishermask_backend import allowed_values
from fishermask_backend.errors import FisherMaskError, UnsupportedLabelConfig
from fishermask_backend.extra_headers import read_headers
from fishermask_backend.images.addresses import HostRule
from fishermask_backend.labeling import LabelSpec, parse_label_config
from fishermask_backend.state import DATABASE


class BadSettings(FisherMaskError):
    """A setting has a value that cannot be meant; names it, its value and what is allowed."""


CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
Address = Annotated[
    str,
    BeforeValidator(allowed_values.without_line_end),
    AfterValidator(allowed_values.address),
]
Token = Annotated[
    str,
    BeforeValidator(allowed_values.without_line_end),
    AfterValidator(allowed_values.token),
]


class Settings(BaseSettings):
    """Everything a user can turn. Names are the environment variables in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="forbid", frozen=True, allow_inf_nan=False
    )

    # Label Studio
    label_studio_url: Address = Field(
        "http://localhost:8080", description="Where this backend reaches Label Studio."
    )
    label_studio_api_key: Token = Field(
        "",
        repr=False,
        description="Personal access token or legacy token. "
        "Empty: the token that Label Studio sends when the backend is connected.",
    )
    label_studio_headers: str = Field(
        "",
        repr=False,
        description="JSON object of headers for a proxy in front of Label Studio that has a log-in of "
        "its own; they go wherever the API key goes.",
    )
    auto_order: bool = Field(
        True, description="Set the project's sampling and model version, so that the order is used."
    )
    take_over: bool = Field(
        False, description="Replace another model's version that the project already shows."
    )
    prelabels: bool = Field(
        True, description="Publish pre-labels with the order; `false` publishes scores alone."
    )
    prelabel_above: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="Probability below which a class is not pre-labelled; 0: always shown."
    )
    keep_queues_days: Annotated[float, Field(ge=1)] = Field(
        14, description="Days a superseded queue's predictions stay, for pages still open on them."
    )
    control_name: str = Field(
        "",
        description="Control to learn, or several, comma-separated; empty: every `Choices`, "
        "`Taxonomy` and `Rating` that fits, of one image.",
    )
    taxonomy_level: Annotated[int, Field(ge=0, le=100)] = Field(
        0,
        description="Of choices inside choices, the level whose choices are the classes, 1 for the "
        "first; 0: the leaves.",
    )
    ground_truth: Literal["hand", "all", "none"] = Field(
        "hand",
        description="Whose stars decide a task alone: `hand`, those that people set; `all`, those that "
        "Label Studio gives to imported annotations, too; `none`.",
    )

    # Server
    host: str = Field("127.0.0.1", description="Address `fishermask serve` listens on.")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(9090, description="Port it listens on.")
    backend_url: Address = Field(
        "",
        description="Where Label Studio reaches this backend: `fishermask connect` pastes it, and "
        "by it a backend that lost its database finds its projects again.",
    )
    workers: Count = Field(1, description="Web processes.")
    threads: Count = Field(8, description="Threads of each web process.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="`DEBUG`, `INFO`, `WARNING` or `ERROR`."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="`text`, or `json`: a JSON object a line."
    )
    basic_auth_user: str = Field("", description="Basic auth on all but /health and /webhook.")
    basic_auth_pass: str = Field("", repr=False, description="Its password.")
    url_prefix: Annotated[str, AfterValidator(allowed_values.path)] = Field(
        "",
        repr=False,
        description="Secret path like `/s3cr3t`: all but /health is answered only below it. "
        "Connect `http://host:9090/s3cr3t`.",
    )
    max_body: Count = Field(256 * 2**20, description="Largest request body, bytes.")
    predict_wait: Annotated[float, Field(ge=0, le=60)] = Field(
        3.0, description="Seconds /predict waits for the worker to score tasks not seen before."
    )

    # State
    model_dir: Path = Field(Path("data"), description="Folder of database, weights and caches.")
    cache_limit: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Bytes of embedded images in MODEL_DIR. Beyond it those of projects where nobody "
        "has labelled for an hour go, and come back when somebody does. 0: no limit.",
    )
    database_url: str = Field(
        "", repr=False, description="SQLAlchemy URL; empty: SQLite in MODEL_DIR."
    )
    secret_key: str = Field(
        "",
        repr=False,
        description="Encrypts stored tokens; empty: a key file made in MODEL_DIR (mode 0600).",
    )

    # Rounds
    batch_size: Annotated[int, Field(ge=1, le=500)] = Field(
        20, description="Images FisherMask picks for one round of labels."
    )
    train_every: Annotated[int, Field(ge=0)] = Field(
        0, description="New labels that start a round; 0: BATCH_SIZE."
    )
    queue_margin: Annotated[int, Field(ge=0, le=500)] = Field(
        40, description="Tasks queued behind the batch, labelled while the next round computes."
    )
    audit_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.1,
        description="Part of each queue that is drawn at random: its labels tell how well the rest is "
        "predicted, and when to stop (docs/audit.md); 0: none.",
    )
    quiet_seconds: Seconds = Field(
        60,
        description="Pending labels start a round after this long without a new one; fewer than "
        "TRAIN_EVERY longer in proportion, up to five times.",
    )
    reconcile_minutes: Annotated[float, Field(gt=0)] = Field(
        10, description="Minutes between comparisons of everything with Label Studio."
    )
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] = Field(
        0, description="Seed of training, sampling and ties."
    )
    memory_limit: Annotated[int, Field(ge=0)] = Field(
        0, description="Bytes a round may use; 0: half of the machine's memory."
    )
    device: Annotated[str, AfterValidator(allowed_values.device)] = Field(
        "auto", description="`auto`, `cpu` or `cuda[:index]`."
    )

    # Classifier
    backbone: str = Field(
        "efficientnet_lite2",
        description="`efficientnet_lite2` (or 0, 1), `small_cnn`, a torchvision classification model "
        "such as `resnet18`, or a timm model such as `timm/vit_small_patch14_dinov2.lvd142m` "
        "(docs/backbones.md).",
    )
    backbone_weights: str = Field(
        "",
        description="File of weights, or `none`; empty: pretrained "
        "(inside the package, or torchvision's or Hugging Face's download).",
    )
    train: Literal["head", "all"] = Field(
        "head", description="`head`: a head on frozen features; `all`: every layer."
    )
    image_size: Annotated[int, Field(le=1024), AfterValidator(allowed_values.side)] = Field(
        0,
        description="Images are resized to this many pixels square; 0: the backbone's own, 160 but for "
        "timm's (docs/training.md).",
    )

    # FisherMask
    strategy: Annotated[
        Literal[
            "fishermask",
            "bait",
            "margin",
            "entropy",
            "random",
            "badge",
            "coreset",
            "typiclust",
            "probcover",
            "dropquery",
            "falcun",
        ],
        AfterValidator(allowed_values.installed),
    ] = Field(
        "fishermask",
        description="How the next images are chosen: `fishermask`; `bait`, over the last layer alone; "
        "`margin` or `entropy`, the least certain; `random`; of scikit-activeml `badge`, `coreset`, "
        "`typiclust`, `probcover`, `dropquery`, `falcun`.",
    )
    fisher_over: Literal["features", "head"] = Field(
        "features",
        description="Whose parameters FisherMask looks at: `features`: those of a layer over how alike "
        "images are in the backbone's features; `head`: those of the trained head, or network (the "
        "paper), as always with TRAIN=all or a backbone trained whole.",
    )
    mask_inner: Annotated[int, Field(ge=0)] = Field(
        1000, description="Mask entries of a head beside its last layer, by Fisher value."
    )
    mask_rule: Literal["global", "per_layer"] = Field(
        "global",
        description="`global`: choose those entries over all parameters; `per_layer`: layer by layer.",
    )
    weighting: Literal["expected", "uniform"] = Field(
        "expected", description="`expected`: the Fisher matrix; `uniform`: the published code."
    )
    pick_weight: Literal["sample", "batch"] = Field(
        "sample",
        description="`sample`: a pick weighs one sample; `batch`: as many as are queued "
        "(published code).",
    )
    ridge: Annotated[float, Field(gt=0)] = Field(0.01, description="λ of the selection.")
    target: Literal["undecided", "pool"] = Field(
        "undecided",
        description="What a queue is to inform: `undecided`: images whose class is open, and those of "
        "rare classes, count more; `pool`: all count the same (the paper).",
    )
    max_dim: Annotated[int, Field(ge=0)] = Field(
        4096, description="Most mask entries, the last layer's included; 0: no limit."
    )
    max_dim_rule: Literal["value", "sketch"] = Field(
        "value",
        description="`value`: keep those of largest Fisher value; `sketch`: sketch all to so many.",
    )
    top_classes: Annotated[int, Field(ge=0)] = Field(
        0,
        description="Most probable classes of an image that count, as many as there are for all; 0: "
        "all up to 48, then 10, 20 or 40, said in the status.",
    )
    pool_limit: Annotated[int, Field(ge=0)] = Field(
        0, description="Unlabelled images, drawn at random, the queue is picked from; 0: all."
    )
    fisher_processes: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Processes that share out a round's Fisher computation, one a GPU."
    )
    factors: Literal["float32", "bfloat16", "disk"] = Field(
        "float32",
        description="Factors that must be formed (whole networks, sketches; a head's need no room): "
        "`float32` in memory; `bfloat16`, half the size; `disk`, so too, in a file in MODEL_DIR.",
    )

    # Images
    fetch_concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        4,
        description="Images fetched at a time; from Label Studio, whose server annotators share, half "
        "as many.",
    )
    allowed_image_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Private hosts images may come from, comma-separated: `name`, `name:port`, "
        "`*.domain`, an address or a network like `10.0.0.0/8`.",
    )
    max_image_bytes: Count = Field(50 * 2**20, description="Largest image file, bytes.")
    max_image_pixels: Count = Field(100_000_000, description="Largest image, pixels.")
    image_timeout: Seconds = Field(20, description="Seconds one image may take to download.")

    @field_validator("allowed_image_hosts", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("allowed_image_hosts")
    @classmethod
    def _hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            HostRule.parse(entry)
        return value

    @field_validator("label_studio_headers")
    @classmethod
    def _headers(cls, value: str) -> str:
        read_headers(value)
        return value

    @model_validator(mode="after")
    def _auth_is_whole(self) -> "Settings":
        if bool(self.basic_auth_user) != bool(self.basic_auth_pass):
            raise ValueError("BASIC_AUTH_USER and BASIC_AUTH_PASS go together: set both or neither")
        return self

    @property
    def headers_for_label_studio(self) -> dict[str, str]:
        """LABEL_STUDIO_HEADERS by name: secrets, for LABEL_STUDIO_URL alone."""
        return read_headers(self.label_studio_headers)

    @property
    def own_url(self) -> str:
        """The address that is pasted into Label Studio; empty if BACKEND_URL is."""
        return self.below_prefix(self.backend_url)

    def below_prefix(self, url: str) -> str:
        """Return an address of this backend with URL_PREFIX, which need not be typed."""
        url = url.rstrip("/")
        return url if not url or url.endswith(self.url_prefix) else url + self.url_prefix

    def page_of(self, studio_id: int) -> str:
        """Return the address of a project's page, with URL_PREFIX, a secret, left out."""
        address = self.backend_url.rstrip("/") or f"http://{self.host}:{self.port}"
        prefix = "/<URL_PREFIX>" if self.url_prefix else ""
        return f"{address.removesuffix(self.url_prefix)}{prefix}/projects/{studio_id}"

    def read_config(self, text: str) -> LabelSpec:
        """Return what a labelling config asks to learn.

        Raises:
            UnsupportedLabelConfig: Nothing; the text says what to add.
        """
        spec = parse_label_config(text, self.control_name, self.taxonomy_level)
        several = any(head.likelihood != "categorical" for head in spec.heads)
        if self.strategy in allowed_values.ONE_CLASS and several:
            able = "fishermask, bait, margin, entropy, random, coreset, typiclust or probcover"
            raise UnsupportedLabelConfig(
                f"STRATEGY={self.strategy} knows one class an image, and here an image may have "
                f"several: set STRATEGY to {able}."
            )
        return spec

    @property
    def queue_size(self) -> int:
        """Tasks in one published queue: the batch and its margin."""
        return self.batch_size + self.queue_margin

    @property
    def audited(self) -> float:
        """The part of a queue that is drawn: none where no network is trained twice a round."""
        whole = self.train == "all" or self.backbone == "small_cnn"
        return 0.0 if whole else self.audit_share

    @property
    def labels_per_round(self) -> int:
        """New labels that start a round."""
        return self.train_every or self.batch_size

    @property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        return self.database_url or f"sqlite:///{self.model_dir / DATABASE}"

    @property
    def memory_allowed(self) -> int:
        """Bytes a round may use."""
        if self.memory_limit:
            return self.memory_limit
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        with suppress(OSError, ValueError):  # no container, or one without a limit («max»)
            machine = min(machine, int(CONTAINER_LIMIT.read_text()))
        return machine // 2


@cache
def load_settings() -> Settings:
    """Read the settings once.

    Raises:
        BadSettings: Naming every setting that is wrong, its value and what is allowed.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise BadSettings("\n".join(_sentence(e) for e in error.errors())) from None


def _sentence(problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"]).upper()
    if problem["type"] == "extra_forbidden":
        return f"{name} in .env is not a setting of this backend: see the table in the README."
    if not name:
        return str(problem["msg"]).removeprefix("Value error, ") + "."
    secret = any(word in name for word in ("KEY", "PASS", "DATABASE", "PREFIX", "HEADERS"))
    # In an address a password stands before an @, or a token behind a question mark.
    secret |= name.endswith("_URL") and any(sign in str(problem["input"]) for sign in "@?#")
    value = "(hidden)" if secret else repr(problem["input"])
    return f"{name}={value}: {problem['msg'].removeprefix('Value error, ')}."
