"""Labels to review as pictures."""

from fishermask_backend.images.thumbnails import Thumbnails
from fishermask_backend.store import projects
from fishermask_backend.web.page.facts import project_facts
from fishermask_backend.web.page.review import TITLES, to_review
from fishermask_backend.web.review_status import review_status
from tests.web.test_review_status import to_review as arrange


def test_kinds_of_which_there_are_any_with_their_pictures(store, project, work, tmp_path):
    assert project_facts(7).review == []
    arrange(work, store)
    file = Thumbnails(tmp_path / "thumbnails")
    file.put({0: b"of task 1"})
    with store.read() as session:
        row = projects.get(session, work.project_id)
        found = to_review(session, row, review_status(session, row), file)
    assert [kind.title for kind in found] == [title for title, _ in TITLES.values()]
    assert [kind.count for kind in found] == [1, 2, 1, 1]
    (first,) = found[0].pictures
    assert (first.task_id, first.row, first.control) == (1, 0, "")
    assert (first.label, first.guess) == ((("cat", 0.03),), (("dog", 0.97),))
    assert [(p.task_id, p.row, p.label, p.guess) for p in found[1].pictures] == [
        (1, 0, (("cat", None),), None), (2, None, (("cat", None),), None),
    ]  # fmt: skip
    assert found[3].pictures[0].label == ()
