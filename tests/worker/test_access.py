"""With which key a project's Label Studio is opened."""

import pytest

from fishermask_backend.errors import LabelStudioError, LeaseLost, ProjectGone
from fishermask_backend.settings import load_settings
from fishermask_backend.store.tokens import TokenBox
from fishermask_backend.worker.access import open_studio, stored_keys
from tests.images.image_server import serving
from tests.store.stored import change
from tests.studio.answers import Answers

OLD, NEW, WRONG = ("0" * 39 + x for x in "123")  # legacy tokens


@pytest.fixture
def studio(monkeypatch):
    """A Label Studio that takes the keys OLD and NEW."""
    with serving(Answers(OLD, NEW)) as server:
        monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
        yield server


@pytest.fixture
def with_tokens(studio, work):
    """Stores a token that was offered and one that is in use."""

    def keep(offered, kept):
        box = TokenBox.of(work.settings)
        sealed = [token and box.seal(token) for token in (offered, kept)]
        change(work, offered_token=sealed[0], token=sealed[1])
        return work

    return keep


def opened(work):
    with open_studio(work.settings, work.store, work.lease) as found:
        return found.authorization()["Authorization"]


def keys(work):
    return stored_keys(work.settings, work.project())


def test_the_setting_s_key_is_taken_unasked(studio, with_tokens, monkeypatch):
    work = with_tokens(NEW, OLD)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", WRONG)
    load_settings.cache_clear()
    work.settings = load_settings()
    assert opened(work) == f"Token {WRONG}"
    assert studio.seen == []
    assert keys(work) == (NEW, OLD)


@pytest.mark.parametrize(
    ("offered", "kept", "taken"),
    [
        (NEW, None, NEW),
        (None, OLD, OLD),
        (NEW, OLD, NEW),
        (WRONG, OLD, OLD),  # /setup can be called by anybody
        (OLD, OLD, OLD),
    ],
)
def test_a_token_that_reads_the_project_is_kept(with_tokens, offered, kept, taken):
    work = with_tokens(offered, kept)
    assert opened(work) == f"Token {taken}"
    assert keys(work) == (None, taken)


@pytest.mark.parametrize(("offered", "kept"), [(None, None), (WRONG, None), (WRONG, WRONG)])
def test_without_a_key_it_is_said_where_to_get_one(with_tokens, offered, kept):
    work = with_tokens(offered, kept)
    with pytest.raises(LabelStudioError, match="LABEL_STUDIO_API_KEY and restart") as refused:
        opened(work)
    assert refused.value.status == 401
    assert keys(work) == (offered, kept)


def test_a_token_that_used_to_read_a_deleted_project_says_so(studio, with_tokens):
    studio.put("/api/projects/7/", {"detail": "Not found."}, 404)
    with pytest.raises(LabelStudioError, match="No key"):
        opened(with_tokens(NEW, None))  # may be one of another user
    with pytest.raises(ProjectGone):
        opened(with_tokens(None, OLD))


def test_label_studio_out_of_order_is_no_wrong_key(studio, with_tokens):
    studio.put("/api/projects/7/", {"detail": "Oh no."}, 502)
    work = with_tokens(NEW, OLD)
    with pytest.raises(LabelStudioError, match="502"):
        opened(work)
    assert keys(work) == (NEW, OLD)


def test_another_worker_s_claim_keeps_its_token(with_tokens):
    work = with_tokens(NEW, OLD)
    change(work, fence=work.lease.fence + 1)
    with pytest.raises(LeaseLost):
        opened(work)
    assert keys(work) == (NEW, OLD)
