"""What Label Studio hands out is read whatever JSON it is, and what is odd is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishermask_backend.studio.records import (
    OddAnswer,
    moment,
    objects,
    read_backend,
    read_project,
    read_projects,
    read_webhooks,
)
from fishermask_backend.studio.tasks import read_page
from tests.controls.json_values import ANY, UNHURRIED
from tests.studio.answers import PROJECT


@pytest.mark.parametrize("odd", [None, "", "yesterday", 5, [], "2026-11-28T12:00:00" + "0" * 99])
def test_dates_that_are_none_are_none(odd):
    assert moment(odd) is None
    assert read_project(PROJECT | {"created_at": odd}, 7).created is None


def test_a_date_without_a_zone_is_of_utc():
    assert moment("1970-01-01T00:00:01") == moment("1970-01-01T01:00:01+01:00") == 1.0


def test_a_project_is_read():
    read = read_project(PROJECT | {"id": None}, 7)
    assert (read.studio_id, read.created, read.title) == (7, 1000, "Animals")
    odd = dict.fromkeys(PROJECT) | {"skip_queue": ["REQUEUE_FOR_ME"]}
    read = read_project(odd, 7)
    assert (read.title, read.label_config, read.sampling, read.model_version) == ("",) * 4
    assert read.skip_queue == "REQUEUE_FOR_OTHERS"


@pytest.mark.parametrize("odd", [None, [], "page", 5, {"tasks": None, "total": 3}, {"tasks": []}])
def test_an_answer_of_another_kind_is_refused(odd):
    with pytest.raises(OddAnswer, match=r"^(is|has) "):
        read_page(odd)


@given(st.fixed_dictionaries({name: st.just(v) | ANY for name, v in PROJECT.items()}))
@UNHURRIED
def test_any_project_is_read(odd):
    read = read_project(odd, 7)
    for words in (read.title, read.label_config, read.sampling, read.model_version):
        assert "\0" not in words
        words.encode()


@given(ANY)
@UNHURRIED
def test_any_answer_is_read_or_refused(odd):
    for read in (read_page, read_projects, read_webhooks, objects):
        try:
            read(odd)
        except OddAnswer as error:
            str(error).encode()
    for each in objects([odd]):
        read_backend(each)
