import base64

import pytest

from fishermask_backend.images.kept import is_digest, kept, same_image

HUGE = "data:image/png;base64," + "A" * 9000


def link(host="", number=7, uri="s3://bucket/a b.png"):
    return (
        f"{host}/tasks/{number}/resolve/?fileuri={base64.urlsafe_b64encode(uri.encode()).decode()}"
    )


@pytest.mark.parametrize("address", ["", "/data/upload/1/a.png", "data:," + "A" * 7000, "s3://b/ü"])
def test_addresses_are_kept_whole(address):
    assert kept(address) == address
    assert not is_digest(address)


@pytest.mark.parametrize(
    "head", ["data:image/png;base64,", "http://h/?x=", "\ud800", "data:\n", ""]
)
def test_very_long_ones_are_kept_by_a_digest(head):
    text = kept(head + "A" * 5_000_000)
    assert len(text) < 150
    assert is_digest(text)
    assert kept(text) == text
    assert text != kept(head + "A" * 5_000_001)


def test_a_digest_says_what_it_is_of():
    assert kept(HUGE).endswith(" of data:image/png;base64…")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/data/upload/3/1a2b3c4d-a.png", "/label-studio/data/upload/3/1a2b3c4d-a.png"),
        ("http://old/data/local-files/?d=a.png", "https://new/ls/data/local-files/?d=a.png"),
        (link("http://old"), link("https://new/ls")),
        (link(), "s3://bucket/a b.png"),
        (link(), link(number=8)),
        (HUGE, kept(HUGE)),
    ],
)
def test_two_addresses_of_one_file(one, other):
    assert same_image(one, other)
    assert same_image(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/data/upload/3/1a2b3c4d-a.png", "/data/upload/4/1a2b3c4d-a.png"),
        ("http://old/a.png", "https://new/a.png"),
        (link(), link(uri="s3://bucket/b.png")),
        (HUGE, HUGE + "A"),
        ("", "/data/upload/3/1a2b3c4d-a.png"),
    ],
)
def test_addresses_of_two_files(one, other):
    assert not same_image(one, other)
