"""Pages of tasks that hold their images are asked for in parts."""

import json
import random
from urllib.parse import parse_qs, urlsplit

import pytest

from fishermask_backend.images.kept import is_digest
from fishermask_backend.studio import Studio
from fishermask_backend.studio.page_sizes import MOST_CHARACTERS, PAGE, PageSizes
from fishermask_backend.worker.reading_plan import after, even_ranges
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
            parameters = parse_qs(urlsplit(handler.path).query)
            query, size = json.loads(parameters["query"][0]), int(parameters["page_size"][0])
            ids = query.get("selectedItems", {}).get("included", range(1, 731))
            for each in query.get("filters", {}).get("items", []):
                assert (each["filter"], each["operator"]) == ("filter:tasks:id", "in")
                ids = range(each["value"]["min"], each["value"]["max"] + 1)
            if query.get("ordering") == ["-tasks:id"]:
                ids = ids[::-1]
            self.asked.append(size)
            tasks = [
                {"id": i, "data": {"image": f"data:{i}," + "A" * length}, "updated_at": UPDATED}
                for i in ids[:size]
            ]
            body = {"tasks": tasks, "total": len(ids)}
            return (200, {"Content-Type": "application/json"}, json.dumps(body).encode())

        self.routes["/api/tasks/"] = answer


@pytest.mark.parametrize(("length", "size"), [(10, 500), (50_000, 100)])
def test_a_range_that_does_not_fit_one_answer_comes_in_parts(length, size):
    with serving(Tasks(length)) as server, Studio(server.url, "key") as studio:
        assert studio.extent(7, "tasks") == (730, 1, 730)
        found, plan = [], even_ranges("tasks", 730, 1, 730)
        while plan:
            page = studio.tasks_between(7, *plan[0])
            found += page.tasks
            plan = after(plan, page, random.Random(0))
        whole = studio.task_data(7, 12)
    assert sorted(t.task_id for t in found) == list(range(1, 731))
    assert {is_digest(t.data["image"]) for t in found} == {length > 8000}
    assert server.asked == [1, 1, *[size] * (len(server.asked) - 3), 1]
    assert whole["image"] == "data:12," + "A" * length
