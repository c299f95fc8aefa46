"""All that a page shows, in one look."""

from fishermask_backend.web.page.facts import index_facts, project_facts


def test_of_a_project_that_is_served(served):
    found = project_facts(7)
    assert found.status["title"] == "Animals"
    (audit,) = found.audits
    assert (audit.control, audit.accuracy, audit.forecast) == ("", None, None)
    assert not found.paused
    assert [p.task_id for p in found.pictures] == [2, 1]
    assert {row.name for row in found.classes} == {"cat", "dog"}


def test_of_none(store):
    assert project_facts(7) is None
    assert index_facts()["projects"] == []
    assert index_facts()["worker"].level == "wrong"
