"""Images become rows, in slices of time, whatever their hosts do."""

import base64
import io
import random
import threading

import pytest
import torch
from PIL import Image

from fishermask_backend.images import ImageLoader
from fishermask_backend.images.kept import kept
from fishermask_backend.images.thumbnails import Thumbnails
from fishermask_backend.learning.backbones import load_backbone
from fishermask_backend.settings import load_settings
from fishermask_backend.state import THUMBNAILS
from fishermask_backend.store import pool, projects
from fishermask_backend.worker import embedding
from fishermask_backend.worker.work import Work
from tests.conftest import workspace
from tests.images.image_server import Server, png, serving
from tests.images.pictures import saved

BACKBONE = load_backbone(
    "small_cnn", train="all", image_size=16, weights="", device=torch.device("cpu")
)
TASKS, THREADS = 40, 2
CUT = saved(Image.effect_noise((64, 64), 90), "JPEG")[:-300]
HUGE = "data:image/png;base64," + base64.b64encode(png()).decode() + "\n" * 9000


@pytest.fixture
def host():
    """A server whose pictures named `silent` never come."""
    over = threading.Event()
    server = Server()
    for i in range(1, TASKS + 1):
        server.routes[f"/good-{i}.png"] = (200, {}, png())
        server.routes[f"/cut-{i}.png"] = (200, {}, CUT)
        server.routes[f"/silent-{i}.png"] = lambda _: over.wait(60) and None
    with serving(server):
        yield server
        over.set()


@pytest.fixture
def slice_of(store, settings, project, host, monkeypatch):
    """Embeds images of that server for half a second, two at a time, each for a second at most."""
    monkeypatch.setattr(embedding, "EMBEDDING_SECONDS", 0.5)
    monkeypatch.setenv("FETCH_CONCURRENCY", str(THREADS))
    load_settings.cache_clear()
    work = workspace(store, project.id)
    loader = ImageLoader(
        label_studio_url="http://127.0.0.1:9", authorization=dict, image_size=16,
        allowed_hosts=[host.address], timeout=1.0,
    )  # fmt: skip

    def run(names, data_key="image"):
        with store.begin() as session:
            row = projects.get(session, project.id)
            pool.delete_tasks(session, project.id, [1, 2, 3, 4])
            row.data_key = data_key
            tasks = [(i, name and f"{host.url}/{name}-{i}.png") for i, name in enumerate(names, 1)]
            pool.put_tasks(session, row, tasks, random.Random(0))
        with embedding.open_inputs(work, BACKBONE) as inputs:
            embedding.embed(work, BACKBONE, inputs, loader)
        with store.read() as session:
            return list(pool.tasks_by_id(session, project.id, range(1, len(names) + 1)).values())

    yield run
    loader.close()


def test_a_host_that_does_not_answer_costs_its_own_images_one_slice(slice_of, host):
    tasks = slice_of(["silent"] * TASKS)
    tried = [task for task in tasks if task.image_tries]
    assert len(tried) == THREADS  # they had begun when the slice ended; the others wait
    assert all("1" in task.image_error for task in tried)
    assert len(set(host.paths())) == THREADS


class Asked:
    """Label Studio, with images that stand in their tasks."""

    def __init__(self):
        self.tasks = []

    def task_data(self, studio_id, task_id):
        self.tasks.append((studio_id, task_id))
        return {"image": HUGE}


def test_an_address_kept_by_its_digest_is_asked_for_again(store, project):
    work = workspace(store, project.id)
    work.studio = studio = Asked()
    with store.begin() as session:
        row = projects.get(session, project.id)
        row.data_key = "image"
        pool.delete_tasks(session, project.id, [1, 2, 3, 4])
        pool.put_tasks(session, row, [(1, kept(HUGE)), (2, "/2.png")], random.Random(0))
    loader = ImageLoader(
        label_studio_url="http://127.0.0.1:9", authorization=dict, image_size=16, timeout=1.0
    )
    with embedding.open_inputs(work, BACKBONE) as inputs:
        embedding.embed(work, BACKBONE, inputs, loader)
    loader.close()
    with store.read() as session:
        tasks = pool.tasks_by_id(session, project.id, [1, 2])
    assert [tasks[i].row for i in (1, 2)] == [0, None]
    assert studio.tasks == [(7, 1)]


def test_what_came_is_kept(slice_of):
    tasks = slice_of(["good", "silent", "good", "good"])
    assert sorted(task.row for task in tasks if task.row is not None) == [0, 1, 2]
    assert [task.image_tries for task in tasks] == [0, 1, 0, 0]


def thumbnails(project):
    return Thumbnails(load_settings().model_dir / THUMBNAILS.named(project=project.id))


def test_every_row_has_its_thumbnail(slice_of, project):
    tasks = slice_of(["good", "cut", "silent"])
    assert thumbnails(project).there(range(9)) == {t.row for t in tasks if t.row is not None}
    assert Image.open(io.BytesIO(thumbnails(project).get(0))).format == "JPEG"


def test_an_image_embedded_before_there_were_thumbnails_gets_one(slice_of, store, project, host):
    tasks = slice_of(["good", "good", "good"])
    path = load_settings().model_dir / THUMBNAILS.named(project=project.id)
    path.unlink()
    work = workspace(store, project.id)
    host.routes["/good-2.png"] = (404, {}, b"")
    loader = ImageLoader(
        label_studio_url="http://127.0.0.1:9", authorization=dict, image_size=16,
        allowed_hosts=[host.address], timeout=1.0,
    )  # fmt: skip
    embedding.illustrate(work, loader, [1, 2])
    loader.close()
    assert thumbnails(project).there(range(9)) == {tasks[0].row}


def test_rows_that_begin_anew_have_no_thumbnails_of_the_former(slice_of, store, project):
    slice_of(["good"] * 3)
    with store.begin() as session:
        projects.get(session, project.id).inputs_key = "another backbone"
    with embedding.open_inputs(workspace(store, project.id), BACKBONE):
        assert thumbnails(project).there(range(9)) == set()


@pytest.mark.parametrize(("key", "value"), [("image", "$image"), ("$base/$file", "$base/$file")])
def test_a_task_without_an_address_is_told_where_it_was_looked_for(slice_of, host, key, value):
    good, without = slice_of(["good", ""], data_key=key)
    assert (good.image_error, good.row) == (None, 0)
    assert without.image_error.startswith(
        f"Task 2: its data hold no single image address at '{value}', where the labelling config's "
    )
    assert host.paths() == ["/good-1.png"]


def test_which_images_are_cut_short_is_kept(slice_of, store, project):
    cut, good = slice_of(["cut", "good"])
    assert sorted((cut.row, good.row)) == [0, 1]
    assert (cut.image_cut_short, good.image_cut_short) == (True, False)
    with store.begin() as session:  # it is imported anew, whole
        row = projects.get(session, project.id)
        pool.put_tasks(session, row, [(1, "/whole.png")], random.Random(0))
        assert not pool.tasks_by_id(session, project.id, [1])[1].image_cut_short


def test_progress_is_told_before_and_after_each_batch(slice_of, monkeypatch):
    monkeypatch.setattr(embedding, "IMAGES_A_BATCH", 2)
    said = []
    monkeypatch.setattr(Work, "progress", lambda _, stage, done, total: said.append((done, total)))
    slice_of(["good"] * 3)
    assert said == [(0, 3), (2, 3), (2, 3), (3, 3)]
