"""What the buttons note."""

from fishermask_backend.store import projects
from fishermask_backend.web.page import actions


def stored(store, project):
    with store.read() as session:
        return projects.get(session, project.id)


def test_training_is_asked_for(store, served):
    before = stored(store, served).events
    actions.train(7)
    assert stored(store, served).train_asked_at > 0
    assert stored(store, served).events == before + 1


def test_an_order_that_was_set_can_be_given_back(store, served):
    actions.give_back(7)
    assert stored(store, served).former is None  # there is none to give back
    with store.begin() as session:
        former = {"sampling": "s", "model_version": "", "set": True}
        projects.get(session, served.id).former = former
    actions.give_back(7)
    assert stored(store, served).former == {**former, "returned": True}
    actions.give_back(8)  # nobody knows it
