"""What could not be read is told, bounded, and gone when it is mended."""

import pytest

from fishermask_backend.store import odd_entries, projects
from fishermask_backend.store.odd_entries import MOST

BOTH_DATABASES = True

WHATS = [f"task {i}: data is null, not an object" for i in range(MOST + 100)]


@pytest.fixture
def change(store, new_project):
    """Changes the project as a function says; what is told then."""

    def change(what, *arguments):
        with store.begin() as session:
            what(projects.get(session, new_project.id), *arguments)
        with store.read() as session:
            return odd_entries.odd_entries(projects.get(session, new_project.id))

    return change


def begin_pass(project):
    project.pass_number += 1


def test_nothing_odd_is_no_sentence(change):
    told = change(odd_entries.note, ())
    assert (told.sentence, told.examples) == ("", [])


def test_what_could_not_be_read_is_told_and_gone_when_a_pass_does_not_meet_it(change):
    told = change(odd_entries.note, WHATS[:2])
    assert told.examples == WHATS[:2]
    assert told.sentence == (
        "2 entries of Label Studio's lists could not be read and are left out, the rest goes on: "
        "task 0: data is null, not an object; task 1: data is null, not an object."
    )
    change(begin_pass)
    change(odd_entries.note, WHATS[1:2])
    assert change(odd_entries.forget_older).examples == WHATS[1:2]
    change(begin_pass)
    assert change(odd_entries.forget_older).count == 0


def test_a_list_full_of_oddities_is_bounded(change):
    told = change(odd_entries.note, WHATS)
    assert told.count == MOST
    assert told.sentence.startswith(f"At least {MOST} entries")
    assert told.sentence.endswith("; ….")
    assert len(told.examples) == odd_entries.EXAMPLES
