"""Tasks as a table."""

import json

from fishermask_backend.web.page.tables import HEADER, task_rows
from tests.store.stored import change


def test_every_task_has_its_line(served, work):
    change(work, [4], answer=json.dumps(["cat"]))
    change(work, [3], image_error="It is broken.")
    change(work, [4], tied=True, disputed=True)
    header, *lines = task_rows(7)
    assert header == HEADER
    assert [(line[0], line[1], *line[4:]) for line in lines] == [
        (1, "", 2, "", ""), (2, "", 1, "", ""), (3, "", "", "It is broken.", ""),
        (4, "cat", "", "", "tied"),
    ]  # fmt: skip
    assert lines[2][2] in ("cat", "dog")
    assert lines[2][3] == 0.5
    assert lines[3][2:4] == ["", ""]


def test_before_a_round_there_are_labels_alone(project):
    assert [line[2] for line in task_rows(7)][1:] == [""] * 4
    assert task_rows(8) is None
