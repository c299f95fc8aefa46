r"""Requests that Label Studio would never send, to every route of the real application.

    .venv/bin/python -m tests.soak.fuzz --requests 10000  # .benchmarks/reliability/fuzz.json

Each is a sensible request in which something is wrong: a field of another type, one left out, a
number beyond every column, NaN, half a character, lists in lists, a body that is no JSON or too
large. The state behind it is a real SQLite database with one connected project.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store, open_store
from fishermask_backend.store.schema import Base, Project, ScoreRequest
from fishermask_backend.web import incoming, lookup, model
from fishermask_backend.web.app import create_app
from tests.conftest import CONFIG, connected_project, publish_round

from .scene import keep

MAX_BODY = 2**21
Request = dict[str, Any]

texts = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["", "7", "7.1000", "8.1000", "٧.1000", "1e3", "null", "\ud800", "\0", "a" * 5000, "7." * 50]
)
numbers = (
    st.integers()
    | st.sampled_from([0, -1, 2**31, 2**63 - 1, 2**63, 10**400, True])
    | st.floats(allow_nan=True, allow_infinity=True)
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)
bad_xml = st.sampled_from(
    [
        "<View>" * 4000 + "</View>" * 4000,
        CONFIG.replace("image", "\ud83d"),
        CONFIG + CONFIG,
        '<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>',
        "<View><Choices name='a' toName='a'/><Image name='a' value='$a'/></View>",
    ]
)
task = st.fixed_dictionaries(
    {"id": st.integers(1, 12) | anything, "project": st.just(7) | anything},
    optional={"data": anything, "predictions": anything},
)
tasks = (
    st.lists(task, max_size=5)
    | anything
    | st.just([{"id": i, "project": 7, "data": {"image": f"/{i}.png"}} for i in range(10_000)])
)
project = st.sampled_from(["7.1000", "7", "8.1000", "7.2000"])
event = st.sampled_from([*model.FisherMaskBackend.TRAIN_EVENTS, "PROJECT_CREATED"])


def fields(**sensible: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A body with these fields, each of them sensible, of any kind, or left out; or any JSON."""
    whole = {name: values | anything for name, values in sensible.items()}
    return st.fixed_dictionaries(sensible) | st.fixed_dictionaries({}, optional=whole) | anything


config = st.just(CONFIG) | bad_xml | texts
BODIES: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("POST", "/setup"): fields(
        project=project, schema=config, hostname=texts, access_token=texts, extra_params=anything
    ),
    ("POST", "/predict"): fields(
        project=project, tasks=tasks, label_config=config, params=anything
    ),
    ("POST", "/webhook"): fields(
        action=event,
        project=st.fixed_dictionaries({"id": st.sampled_from([7, 8]) | anything}),
        annotation=anything,
        task=anything,
    ),
    ("POST", "/train"): fields(project=project | st.just(7)),
    ("POST", "/validate"): fields(config=config, schema=config),
    ("POST", "/delete"): anything,
    ("POST", "/duplicate_model"): anything,
    ("POST", "/job_status"): anything,
    ("GET", "/health"): st.none(),
    ("GET", "/versions"): st.none(),
    ("GET", "/"): st.none(),
    ("GET", "/projects"): st.none(),
    ("GET", "/metrics"): st.none(),
}
CONTENT_TYPES = [
    "application/json", "text/plain", "application/x-www-form-urlencoded", "image/png", "",
    "application/json; charset=utf-16", "multipart/form-data; boundary=x",
]  # fmt: skip
RAW = [
    b"", b"{", b"nul", b"\xff\xfe{\x00}\x00", b"\x00", b"[" * 100_000, b'{"a":' * 50_000,
    b'{"project": ' + b"9" * 5000 + b"}", b'{"project": "7.1000", "project": 7}',
    b" " * (MAX_BODY + 1), '{"project": "7.1000"}'.encode("utf-16"),
]  # fmt: skip
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]


@st.composite
def requests(draw: st.DrawFn) -> Request:
    """A request as arguments of the test client's `open`, its route among them."""
    method, path = draw(st.sampled_from([*BODIES, ("GET", "/projects/")]))
    route = path
    if path == "/projects/":
        path += draw(st.sampled_from(["7", "8", "-1", "9" * 30, "7/", "..", "%00", "٧", "a%2Fb"]))
        route, body = "/projects/<id>", None
    else:
        body = draw(BODIES[(method, path)])
    oddity = draw(st.sampled_from(["none"] * 12 + ["raw", "method"]))
    if oddity == "method":
        method = draw(st.sampled_from(METHODS))
    data = draw(st.sampled_from(RAW)) if oddity == "raw" else json.dumps(body).encode()
    return {
        "route": route,
        "path": path,
        "method": method,
        "data": data,
        "content_type": draw(st.sampled_from(["application/json"] * 6 + CONTENT_TYPES)),
    }


class Fuzz:
    """Sends requests, checks every answer, and at the end what they have left in the database."""

    def __init__(self, app: Flask, store: Store) -> None:
        self.client, self.store = app.test_client(), store
        self.answers: Counter[str] = Counter()
        self.set_up: set[tuple[int, int]] = set()
        self.before = self.rows()

    def run(self, count: int) -> None:
        """Send so many, the same each time."""
        every = settings(
            max_examples=count,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        every(given(requests())(self.send))()
        self.check_database()

    def send(self, request: Request) -> None:
        route, named = request["route"], {k: v for k, v in request.items() if k != "route"}
        answer = self.client.open(**named)
        self.answers[f"{route} {answer.status_code}"] += 1
        assert answer.status_code < 500, (answer.status, request)
        if answer.data and (route, answer.status_code) != ("/metrics", 200):
            assert answer.is_json or request["method"] == "OPTIONS", (answer.data, request)
            json.loads(answer.data, parse_constant=refuse)
        if (request["method"], route) == ("POST", "/setup") and answer.status_code == 200:
            studio_id, created = incoming.parse_project(json.loads(request["data"])["project"])
            if created is not None:
                self.set_up.add((studio_id, created))

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        with self.store.read() as session:
            return {
                table.name: session.scalar(select(func.count()).select_from(table)) or 0
                for table in Base.metadata.sorted_tables
            }

    def check_database(self) -> None:
        """Only /setup may have made projects, and only of known ones may a score be wanted."""
        with self.store.read() as session:
            found = session.execute(select(Project.studio_id, Project.created)).all()
            asked = session.scalars(select(ScoreRequest.project_id).distinct()).all()
            known = session.scalars(select(Project.id)).all()
        assert {tuple(row) for row in found} == self.set_up | {(7, 1000)}
        assert set(asked) <= set(known)
        now = self.rows()
        for name in now.keys() - {"projects", "score_requests"}:
            assert now[name] == self.before[name], name


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def prepare(patch: pytest.MonkeyPatch, folder: Path) -> Fuzz:
    """The application over a fresh database with one project that has a round."""
    patch.chdir(folder)  # where no .env is
    for name, value in {"MODEL_DIR": folder, "PREDICT_WAIT": 0.002, "MAX_BODY": MAX_BODY}.items():
        patch.setenv(name, str(value))
    patch.setattr(lookup, "POLL_SECONDS", 0.001)
    load_settings.cache_clear()
    open_store.cache_clear()
    store = open_store()
    publish_round(store, connected_project(store, load_settings().label_studio_url), [2, 1])
    return Fuzz(create_app(), store)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        fuzz = prepare(patch, Path(folder))
        fuzz.run(options.requests)
        open_store().close()
    measured = {
        "requests": fuzz.answers.total(),
        "answers": dict(sorted(fuzz.answers.items())),
        "seconds": round(time.monotonic() - start),
    }
    keep("fuzz", measured)


if __name__ == "__main__":
    main()
