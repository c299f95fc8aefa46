"""Pages of tasks that hold their images are asked for in parts."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from fishermask_backend.images.kept import is_digest
from fishermask_backend.studio import Studio
from fishermask_backend.studio.page_sizes import MOST_CHARACTERS, PAGE, PageSizes
from tests.images.image_server import Server, serving

UPDATED = "2026-11-24T12:00:00Z"


@pytest.mark.parametrize(
    ("length", "size"), [(0, 500), (50, 500), (40_000, 100), (500_000, 20), (5_000_000, 5)]
)
def test_an_answer_is_bounded(length, size):
    sizes = PageSizes()
    sizes.learn(7, {"tasks": [{"data": {"image": "A" * length, "number": 3}}, {"data": {}}]})
    assert sizes.at_once(7) == size
    assert sizes.at_once(8) == PAGE
    sizes.learn(7, {"tasks": []})
    assert sizes.at_once(7) == size
    assert size == 5 or size * length <= MOST_CHARACTERS


class Tasks(Server):
    """A project of 730 tasks with images of so many characters."""

    def __init__(self, length):
        super().__init__()
        self.asked = []

        def answer(handler):
            query = parse_qs(urlsplit(handler.path).query)
            page, size = int(query["page"][0]), int(query["page_size"][0])
            ids = range(1 + (page - 1) * size, min(730, page * size) + 1)
            if "query" in query:
                ids = json.loads(query["query"][0])["selectedItems"]["included"]
            self.asked.append((page, size))
            tasks = [
                {"id": i, "data": {"image": f"data:{i}," + "A" * length}, "updated_at": UPDATED}
                for i in ids
            ]
            body = {"tasks": tasks, "total": 730, "total_annotations": 0, "total_predictions": 0}
            return (200, {"Content-Type": "application/json"}, json.dumps(body).encode())

        self.routes["/api/tasks/"] = answer


@pytest.mark.parametrize(("length", "size"), [(10, 500), (50_000, 100)])
def test_a_page_in_parts_is_the_same_page(length, size):
    with serving(Tasks(length)) as server, Studio(server.url, "key") as studio:
        assert studio.count_tasks(7) == 730
        pages = [studio.tasks_page(7, number) for number in (1, 2)]
        whole = studio.task_data(7, 12)
    assert [t.task_id for page in pages for t in page.tasks] == list(range(1, 731))
    assert {page.total for page in pages} == {730}
    assert {is_digest(t.data["image"]) for page in pages for t in page.tasks} == {length > 8000}
    assert {asked for _, asked in server.asked[1:-1]} == {size}
    assert whole["image"] == "data:12," + "A" * length
