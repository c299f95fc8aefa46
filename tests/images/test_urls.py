import base64

import httpx
import pytest

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images.urls import (
    LabelStudioFiles,
    own_path,
    parse_url,
    storage_uri,
    without_secrets,
)


@pytest.mark.parametrize(
    ("url", "theirs"),
    [
        ("https://ls.example/data/upload/1/a.png", True),
        ("https://LS.example:443/data/local-files/?d=a/b.png", True),
        ("https://ls.example/storage-data/uploaded/?filepath=upload/1/a.png", True),
        ("https://ls.example/tasks/7/resolve/?fileuri=czM6", True),
        ("https://ls.example/projects/7/presign/?fileuri=czM6", True),
        ("http://ls.example/data/upload/1/a.png", False),  # the key never goes unencrypted
        ("https://ls.example:8443/data/upload/1/a.png", False),
        ("https://ls.example.evil.example/data/upload/1/a.png", False),
        ("https://ls.example@evil.example/data/upload/1/a.png", False),
        ("https://evil.example/https://ls.example/data/a.png", False),
        ("https://ls.example/api/current-user/token", False),
        ("https://ls.example/data/../api/current-user/token", False),
        ("https://ls.example/data/%2e%2e/api/current-user/token", False),
        ("https://ls.example/data/..%2fapi/current-user/token", False),
        ("https://ls.example/data/local-files/?d=../../etc/passwd", False),
        ("https://ls.example/data/local-files/?d=%2e%2e/etc/passwd", False),
        ("https://ls.example/data/local-files/?d=..", False),
        ("https://ls.example/tasks/x/resolve/", False),
    ],
)
def test_which_urls_may_have_the_key(url, theirs):
    assert LabelStudioFiles("https://ls.example").holds(httpx.URL(url)) is theirs


def test_label_studio_below_a_path():
    files = LabelStudioFiles("http://company.example:8080/labels/")
    expected = "http://company.example:8080/labels/data/upload/1/a.png"
    assert str(files.at("/data/upload/1/a.png")) == expected
    assert str(files.at("/labels/data/upload/1/a.png")) == expected
    assert not files.holds(httpx.URL("http://company.example:8080/data/upload/1/a.png"))


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/label-studio/data/upload/1/a.png", "/data/upload/1/a.png"),
        ("/a/b/c/data/local-files/?d=x/y.png", "/data/local-files/?d=x/y.png"),
        ("/a/data/local-files?d=x.png", "/data/local-files?d=x.png"),
        ("/a/tasks/7/resolve/?fileuri=czM6", "/tasks/7/resolve/?fileuri=czM6"),
        ("/a/data/upload/1/x/data/upload/2/b.png", "/data/upload/1/x/data/upload/2/b.png"),
        ("/data/local-files/?d=a/data/upload/b.png", "/data/local-files/?d=a/data/upload/b.png"),
    ],
)
@pytest.mark.parametrize("address", ["http://ls:8080", "http://ls:8080/labels"])
def test_a_path_that_label_studio_once_lay_below(address, path, own):
    assert str(LabelStudioFiles(address).at(path)) == address + own


def test_a_path_that_only_begins_like_label_studios():
    assert LabelStudioFiles("http://ls:8080/lab").at("/labels/data/a.png") is None
    assert LabelStudioFiles("http://ls:8080").at("/images/data/a.png") is None
    assert LabelStudioFiles("http://ls:8080").at("/x/data/upload/../../api/a") is None


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("/data/upload/3/1a2b3c4d-cat.png", True),
        ("https://labels.example/data/upload/3/1a2b3c4d-cat%20b.png", True),
        ("https://labels.example:8443/ls/data/upload/1a2b3c4d-cat.png", True),
        ("HTTP://labels.example/data/local-files/?d=scans/a.png", True),
        ("https://labels.example/tasks/7/resolve/?fileuri=czM6Ly9i", True),
        ("https://labels.example/projects/7/presign/?fileuri=czM6Ly9i", True),
        ("https://labels.example/storage-data/uploaded/?filepath=upload/1/a.png", True),
        ("https://cdn.example/data/upload/3/cat.png", False),
        ("https://cdn.example/data/cats/1.png", False),
        ("https://cdn.example/static/samples/a.png", False),
        ("https://b.example/data/upload/3/1a2b3c4d-cat.png?X-Amz-Signature=a", False),
        ("https://cdn.example/tasks/7/resolve/", False),
        ("https://cdn.example/?u=/data/upload/3/1a2b3c4d-cat.png", False),
        ("s3://bucket/data/upload/3/1a2b3c4d-cat.png", False),
        ("data/upload/3/1a2b3c4d-cat.png", False),
        ("", False),
    ],
)
def test_paths_that_only_label_studio_has(address, own):
    assert (own_path(address) is not None) is own


def test_what_a_link_to_a_storage_leads_to():
    encoded = base64.urlsafe_b64encode("s3://bücket/a b?.png".encode()).decode()
    for link in (
        f"/tasks/7/resolve/?fileuri={encoded}",
        f"https://x/p/tasks/7/presign/?fileuri={encoded}",
    ):
        assert storage_uri(link) == "s3://bücket/a b?.png"
        assert storage_uri(link.rstrip("=")) == "s3://bücket/a b?.png"
    for link in (
        "/tasks/7/resolve/?fileuri=aHR0cDovL2E=",
        "/tasks/7/resolve/?fileuri=%%",
        "/a.png",
    ):
        assert storage_uri(link) is None


def test_cloud_objects_are_asked_of_label_studio_by_encoded_name():
    today, before = LabelStudioFiles("http://ls:8080").resolving("s3://bücket/a?b c.png", 12)
    assert today.path == "/tasks/12/resolve/"
    assert before.path == "/tasks/12/presign/"
    assert base64.urlsafe_b64decode(today.params["fileuri"]).decode() == "s3://bücket/a?b c.png"
    assert today.query == before.query


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "file: addresses are not fetched"),
        ("ftp://host/a.png", "ftp: addresses"),
        ("http:///a.png", "not fetched"),
        ("http://[::1", "not a valid URL"),
        ("http://host:99999/", "no port 99999"),
        ("http://a\x00b/", "not a valid URL"),
        ("http://\ud800/", "not a valid URL"),
        ("http://user:pw@host/a.png", "user name or password"),
    ],
)
def test_urls_that_are_refused(url, problem):
    with pytest.raises(ImageUnavailable, match=problem):
        parse_url(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://b.example/a.png?X-Amz-Signature=abc#f", "https://b.example/a.png?…"),
        ("https://user:pw@b.example/img@2x.png", "https://b.example/img@2x.png"),
        ("https://user:p/w@b.example/a.png", "https://…"),
        ("/data/local-files/?d=a/b.png", "/data/local-files/?d=a/b.png"),
        ("/data/local-files/?d=a&token=b", "/data/local-files/?…"),
        ("s3://bucket/a@b.png", "s3://bucket/a@b.png"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,…"),
        ("http://h/a\nERROR forged", "http://h/a�ERROR forged"),
    ],
)
def test_urls_are_shown_without_their_secrets(url, shown):
    assert without_secrets(url) == shown


def test_long_urls_are_shown_shortened():
    assert len(without_secrets("http://h/" + "a" * 5000 + ".png")) == 200
