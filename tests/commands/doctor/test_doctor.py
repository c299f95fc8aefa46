"""The doctor's lines, its command, and what it says of a project."""

import json
from typing import cast

import pytest

from fishermask_backend.commands.doctor import examine
from fishermask_backend.commands.doctor.connection import _state
from fishermask_backend.commands.doctor.findings import failed, ok
from fishermask_backend.commands.doctor.project import check_project
from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store
from fishermask_backend.studio import Page, Studio, StudioProject
from tests.command_line import fishermask


def test_lines():
    assert str(ok("key", "is taken")) == "ok       key: is taken"
    line = failed("key", "of two\nlines, /s3cr3t", "see /s3cr3t").without("/s3cr3t")
    assert str(line) == "FAILED   key: of two lines, /<URL_PREFIX> -> see /<URL_PREFIX>"


def test_wrong_setting_is_all_there_is_to_say(with_settings, monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "many")
    load_settings.cache_clear()
    (finding,) = examine()
    assert str(finding).startswith("FAILED   settings: BATCH_SIZE='many': ")


def test_command(with_settings):
    Store(with_settings().database).close()
    ended = fishermask("doctor")
    assert ended.exit_code == 1
    lines = ended.stdout.splitlines()
    assert lines[0] == "ok       settings: valid, of the environment"
    assert lines[1].startswith("ok       MODEL_DIR: ")
    assert lines[-1].startswith(
        "FAILED   Label Studio: http://127.0.0.1:9: Label Studio did not answer"
    )
    ended = fishermask("doctor", "--json")
    assert ended.exit_code == 1
    last = json.loads(ended.stdout.splitlines()[-1])
    assert (last["level"], last["what"]) == ("FAILED", "Label Studio")


@pytest.mark.parametrize(("message", "said"), [(None, "in vain"), ("refused", "in vain: refused")])
def test_a_backend_that_does_not_answer(message, said):
    backend = {"url": "http://backend:9090", "state": "DI", "error_message": message}
    assert _state(backend).how == f"Label Studio calls http://backend:9090 {said}"


class Labelled:
    """As much of Label Studio as the doctor asks about a project's config."""

    def __init__(self, config):
        self.config = config

    def project(self, studio_id):
        return StudioProject(studio_id, 1000, "Birds", self.config, "", "", "")

    def tasks_between(self, studio_id, kind, first, last):
        return Page([], 0)


def test_every_control_that_is_learnt_is_told_and_those_that_are_not(with_settings, store):
    choices = '<Choice value="cat"/><Choice value="dog"/></Choices>'
    config = (
        '<View><Image name="image" value="$image"/><Image name="back" value="$back"/>'
        f'<Choices name="species" toName="image" required="true">{choices}'
        '<Rating name="quality" toName="image" maxRating="2"/>'
        f'<Choices name="other" toName="back">{choices}</View>'
    )
    found = [*check_project(with_settings(), cast("Studio", Labelled(config)), 7)]
    told = [(f.level, f.how) for f in found]
    assert told[:2] == [
        ("ok", "«Birds»: the control 'species' is learnt, of cat, dog"),
        ("ok", "«Birds»: the control 'quality' is learnt, of 1, 2"),
    ]
    assert told[2][1].startswith("the control 'quality' may be submitted empty")
    assert told[3][1].startswith("The control 'other' is not learnt: it labels $back")
    assert len(told) == 5  # there are no tasks
