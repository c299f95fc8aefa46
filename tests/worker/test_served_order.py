"""When a project's order is ours to set, and what is told of it."""

from typing import Any

import pytest

from fishermask_backend.store import queues, rounds
from fishermask_backend.studio import SAMPLING, StudioBackend, StudioProject
from fishermask_backend.worker.served_order import activate, agree, give_back, keep, why_not
from tests.conftest import CONFIG
from tests.store.stored import change

SEQUENTIAL = "Sequential sampling"
TITLE = "FisherMask"


def remote(sampling=SEQUENTIAL, model_version="", shows_predictions=True):
    about = (7, 1000, "Animals", CONFIG, sampling, model_version, "REQUEUE_FOR_OTHERS")
    return StudioProject(*about, shows_predictions)


def former(**more):
    return {"sampling": SEQUENTIAL, "model_version": "", **more}


class FakeStudio:
    """A Label Studio that holds one project's order and the versions of its predictions."""

    def __init__(self, now: StudioProject, *versions: str) -> None:
        self.now, self.versions, self.set = now, versions, []

    def project(self, _id):
        return self.now

    def model_versions(self, _id):
        return list(self.versions)

    def own_backends(self, _id):
        return [StudioBackend("http://backend:9090", TITLE, "fishermask-0", None)]

    def set_order(self, _id: int, *, sampling: str, model_version: str) -> Any:
        self.set.append((sampling, model_version))
        self.now = remote(sampling, model_version, self.now.shows_predictions)
        return self.now


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        # Not looked at yet: nothing is shown, or one of ours, or our own title.
        (None, remote(), ""),
        (None, remote(model_version="fishermask-3"), ""),
        (None, remote(model_version=TITLE), ""),
        (None, remote(model_version="sam-2"), "'sam-2', predictions of another model"),
        (None, remote(model_version="undefined"), "that were imported without one"),
        # The first try to set it was cut off.
        (former(set=False), remote(model_version=TITLE), ""),
        (former(set=False), remote(model_version="sam-2"), "'sam-2', predictions of another model"),
        # Somebody asked for training when another model's was shown.
        (former(set=False, agreed=True), remote(model_version="sam-2"), ""),
        (former(set=False, agreed=True), remote(SAMPLING, "sam-2"), ""),
        (former(set=True, agreed=True), remote(SAMPLING, "sam-2"), "paused, because"),
        # Set by us, and still so, or by somebody else since.
        (former(set=True), remote(SAMPLING, "fishermask-3"), ""),
        (former(set=True), remote(SEQUENTIAL, "fishermask-3"), "paused, because"),
        (former(set=True), remote(SAMPLING, "sam-2"), "paused, because"),
        (former(set=True), remote(SAMPLING, ""), "paused, because"),
        (former(set=False), remote(SAMPLING, "sam-2"), "paused, because"),
        (former(), remote(SEQUENTIAL, ""), "paused, because"),  # of a version without `set`
    ],
)
def test_whose_order_it_is(settings, before, now, reason):
    found = why_not(settings, before, now, [TITLE])
    assert reason in found
    assert bool(found) == bool(reason)


def test_what_label_studio_empties_itself_pauses_nothing(settings):
    before = former(set=True)
    assert why_not(settings, before, remote(SAMPLING, ""), emptied=True) == ""
    assert "paused" in why_not(settings, before, remote(SEQUENTIAL, ""), emptied=True)


@pytest.mark.parametrize("before", [None, former(set=True)])
def test_settings_that_decide_alone(settings, before):
    paused = remote(SEQUENTIAL, "sam-2")
    assert why_not(settings.model_copy(update={"take_over": True}), before, paused) == ""
    left_alone = settings.model_copy(update={"auto_order": False, "take_over": True})
    assert "AUTO_ORDER=false" in why_not(left_alone, before, remote())


def keeps(work, studio):
    work.studio = studio
    keep(work, studio.now)
    return work.project()


def test_an_order_that_is_as_we_set_it_is_left_so(work, served):
    change(work, former=former(set=True), order_note="paused, because of something")
    studio = FakeStudio(remote(SAMPLING, "fishermask-1"), "fishermask-1")
    project = keeps(work, studio)
    assert (project.order_note, project.order_remark, studio.set) == ("", "", [])


def test_a_person_s_change_is_noted_at_once(work, served):
    change(work, former=former(set=True))
    studio = FakeStudio(remote(SEQUENTIAL, "fishermask-1"), "fishermask-1")
    assert "paused, because" in keeps(work, studio).order_note
    assert studio.set == []


@pytest.mark.parametrize("shown", ["", "fishermask-9"])
def test_hidden_predictions_and_late_requests_of_ours_pause_nothing(work, served, shown):
    change(work, former=former(set=True))
    studio = FakeStudio(remote(SAMPLING, shown, shown != ""), "fishermask-1")
    project = keeps(work, studio)
    assert studio.set == [(SAMPLING, "fishermask-1")]
    assert project.order_note == ""
    assert ("Use predictions" in project.order_remark) == (shown == "")


def test_a_version_that_people_emptied_pauses_and_one_that_was_deleted_does_not(work, served):
    change(work, former=former(set=True))
    there = FakeStudio(remote(SAMPLING, ""), "fishermask-1")
    assert "paused, because" in keeps(work, there).order_note
    gone = FakeStudio(remote(SAMPLING, ""))
    assert keeps(work, gone).order_note == ""
    assert there.set == gone.set == []  # its predictions have to be there first


def test_a_publishing_that_was_cut_off_is_not_undone(work, served):
    change(work, former=former(set=True))
    with work.store.begin() as session:
        later = queues.begin(session, rounds.active(session, work.project_id), [3])
        queues.mark_imported(session, later.id)
    studio = FakeStudio(remote(SAMPLING, later.version), "fishermask-1", later.version)
    keeps(work, studio)
    assert studio.set == []
    with work.store.read() as session:
        assert queues.imported(session, work.project_id).id == later.id


def test_without_a_queue_there_is_no_order(work):
    studio = FakeStudio(remote(model_version="sam-2"))
    assert keeps(work, studio).order_note == ""


def test_asking_for_training_is_leave_to_replace_what_is_set(work, served):
    change(work, former=former(set=True))
    work.studio = FakeStudio(remote(SAMPLING, "sam-2"), "fishermask-1", "sam-2")
    agree(work)
    assert work.project().former == former(set=True)  # nothing is paused
    change(work, order_note="paused, because of something")
    agree(work)
    assert work.project().former == {
        "sampling": SAMPLING, "model_version": "sam-2", "set": False, "agreed": True,
    }  # fmt: skip
    keep(work, work.studio.now)
    project = work.project()
    assert (project.order_note, project.former["set"]) == ("", True)
    assert work.studio.now.model_version == "fishermask-1"
    keep(work, remote(SAMPLING, "sam-2"))  # and is no leave for what is set later
    assert "paused, because" in work.project().order_note


def test_an_order_that_somebody_gave_back_stays_away_until_training_is_asked_for(work, served):
    change(work, former=former(set=True, returned=True))
    studio = FakeStudio(remote(SAMPLING, "fishermask-1"), "fishermask-1")
    assert "gave the order back" in keeps(work, studio).order_note
    assert studio.set == [(SEQUENTIAL, "")]
    for _ in range(2):  # nor does a new queue take it
        assert "gave the order back" in keeps(work, studio).order_note
        with work.store.read() as session:
            activate(work, queues.active(session, work.project_id))
    assert studio.set == [(SEQUENTIAL, "")]
    agree(work)
    assert keeps(work, studio).order_note == ""
    assert studio.set[1:] == [(SAMPLING, "fishermask-1")]
    give_back(work)
    assert studio.set[2:] == [(SEQUENTIAL, "")]


def test_whoever_asks_for_training_at_once_keeps_the_order_and_what_was_before_it(work, served):
    change(work, former=former(set=True, returned=True))
    studio = work.studio = FakeStudio(remote(SAMPLING, "fishermask-1"), "fishermask-1")
    agree(work)
    assert keeps(work, studio).order_note == ""
    assert studio.set == []
    give_back(work)
    assert studio.set == [(SEQUENTIAL, "")]


def test_with_auto_order_off_training_is_leave_for_nothing(work, served):
    work.settings = work.settings.model_copy(update={"auto_order": False})
    work.studio = FakeStudio(remote(model_version="sam-2"))
    agree(work)
    assert work.project().former is None


@pytest.mark.parametrize(("shown", "kept"), [("", ""), (TITLE, TITLE), ("fishermask-3", "")])
def test_the_order_before_ours_is_remembered_and_put_back(work, served, shown, kept):
    studio = FakeStudio(remote(SEQUENTIAL, shown), "fishermask-1")
    keeps(work, studio)
    expected = {"sampling": SEQUENTIAL, "model_version": kept, "set": True}
    assert work.project().former == expected
    keeps(work, studio)
    assert work.project().former == expected
    give_back(work)
    assert studio.set[-1] == (SEQUENTIAL, kept)
    project = work.project()
    assert (project.former, project.order_note, project.order_remark) == (None, "", "")


def test_an_order_that_was_emptied_is_put_back_and_a_person_s_is_not(work, served):
    for now, back in ((remote(SAMPLING, "", False), True), (remote(SAMPLING, "sam-2"), False)):
        change(work, former=former(set=True))
        work.studio = FakeStudio(now)
        give_back(work)
        assert bool(work.studio.set) == back


def test_the_queue_is_active_even_where_the_order_is_not_ours(work, served):
    with work.store.read() as session:
        assert queues.active(session, work.project_id).version == "fishermask-1"
