"""Which address a task's URL is fetched from, and who gets the API key."""

import base64
import traceback

import pytest

from fishermask_backend.errors import ImageUnavailable, LabelStudioError
from fishermask_backend.images import ImageLoader, ImageUnreachable
from fishermask_backend.studio import Studio
from tests.images.image_server import KEY, png

THE_KEY = KEY["Authorization"]
OK = (200, {}, png())


def resolve(uri, task_id=7):
    """Path and query under which Label Studio is asked for a cloud object."""
    return f"/tasks/{task_id}/resolve/?fileuri={base64.urlsafe_b64encode(uri.encode()).decode()}"


def test_an_upload_is_fetched_from_label_studio_with_the_key(label_studio, loader_for):
    pixels = loader_for(label_studio).load("/data/upload/1/a.png", task_id=7).pixels
    assert pixels.shape == (3, 8, 8)
    assert pixels.dtype == "uint8"
    assert pixels[:, 4, 4].tolist() == [255, 0, 0]
    assert label_studio.keys_seen() == [THE_KEY]


@pytest.mark.parametrize(
    "url",
    [
        "{ls}/data/upload/1/a.png",
        "  /data/upload/1/a.png\n",
        "/data/local-files/?d=folder/a%20b.png",
        "/data/local-files?d=a.png",
        "/storage-data/uploaded/?filepath=upload/1/a.png",
        "/static/samples/a.png",
        "/tasks/7/resolve/?fileuri=czM6Ly9iL2sucG5n",
    ],
)
def test_label_studios_own_files_get_the_key(label_studio, loader_for, url):
    url = url.format(ls=label_studio.url)
    path = url.strip().removeprefix(label_studio.url)
    label_studio.routes[path.partition("?")[0]] = OK
    loader_for(label_studio).load(url, task_id=7)
    assert label_studio.seen[-1][0] == path
    assert label_studio.keys_seen() == [THE_KEY]


@pytest.mark.parametrize(
    "url", ["http://localhost:8080/data/upload/1/a.png", "http://0.0.0.0:8080/data/upload/1/a.png"]
)
def test_label_studio_as_its_users_browser_knows_it(label_studio, loader_for, url):
    loader_for(label_studio).load(url, task_id=7)
    assert label_studio.keys_seen() == [THE_KEY]


def test_label_studio_below_a_path(label_studio, loader_for):
    label_studio.routes["/labels/data/upload/1/a.png"] = OK
    loader = loader_for(label_studio.url + "/labels/")
    loader.load("/data/upload/1/a.png", task_id=7)
    loader.load("/labels/data/upload/1/a.png", task_id=7)
    assert label_studio.paths() == ["/labels/data/upload/1/a.png"] * 2


PUBLIC = "https://labels.company.invalid"  # no name server has it


@pytest.mark.parametrize("below", ["", "/label-studio"])
@pytest.mark.parametrize("inside", ["", "/labels"])
@pytest.mark.parametrize(
    "path",
    [
        "/data/upload/3/1a2b3c4d-a.png",
        "/data/local-files/?d=scans/a.png",
        "/storage-data/uploaded/?filepath=upload/1/a.png",
        "/tasks/7/resolve/?fileuri=czM6Ly9iL2sucG5n",
    ],
)
def test_its_public_name_need_not_lead_there_from_here(
    label_studio, loader_for, path, below, inside
):
    label_studio.routes[inside + path.partition("?")[0]] = OK
    loader = loader_for(label_studio.url + inside)
    for address in (PUBLIC + below + path, below + path):
        loader.load(address, task_id=7)
    assert label_studio.seen[0][0] == label_studio.seen[1][0] == inside + path
    assert label_studio.keys_seen() == [THE_KEY] * 2


def test_its_public_name_may_stand_in_the_list_of_hosts(serve, label_studio, loader_for):
    """That was the advice once, and led to a 401."""
    public = serve()
    label_studio.routes["/data/local-files/"] = OK
    loader = loader_for(label_studio, public)
    loader.load(f"{public.url}/data/local-files/?d=a.png", task_id=7)
    assert public.seen == []


def test_a_link_of_a_task_that_has_moved_is_opened_by_its_own_number(label_studio, loader_for):
    label_studio.routes["/tasks/9/resolve/"] = OK
    loader_for(label_studio).load(f"{PUBLIC}{resolve('s3://b/k.png', 7)}", task_id=9)
    assert label_studio.paths() == [resolve("s3://b/k.png", 7), resolve("s3://b/k.png", 9)]


def test_a_link_s_missing_object_is_told_as_the_bucket_s(label_studio, loader_for):
    label_studio.routes["/tasks/7/resolve/"] = (424, {}, b"")
    with pytest.raises(ImageUnavailable, match="the credentials of the storage in Label Studio"):
        loader_for(label_studio).load(PUBLIC + resolve("s3://b/k.png"), task_id=7)


def test_other_pages_of_label_studio_do_not_get_the_key(label_studio, loader_for):
    label_studio.routes["/api/a.png"] = OK
    loader_for(label_studio).load(f"{label_studio.url}/api/a.png", task_id=7)
    assert label_studio.keys_seen() == [None]


def test_another_host_does_not_get_the_key(serve, label_studio, loader_for):
    other = serve({"/data/upload/1/a.png": OK})
    loader_for(label_studio, other).load(f"{other.url}/data/upload/1/a.png", task_id=7)
    assert other.keys_seen() == [None]
    assert label_studio.seen == []


@pytest.mark.parametrize("uri", ["s3://bücket/a b+c?.png", "gs://b/k.png", "azure-blob://c/k.png"])
def test_a_presigned_address_is_followed_without_the_key(serve, label_studio, loader_for, uri):
    bucket = serve({"/k.png": OK})
    label_studio.routes["/tasks/7/resolve/"] = (303, {"Location": f"{bucket.url}/k.png?sig=1"}, b"")
    assert loader_for(label_studio, bucket).load(uri, task_id=7).pixels.any()
    assert label_studio.seen[0][0] == resolve(uri)
    assert label_studio.keys_seen() == [THE_KEY]
    assert bucket.paths() == ["/k.png?sig=1"]
    assert bucket.keys_seen() == [None]


def test_bytes_that_label_studio_proxies_itself(label_studio, loader_for):
    label_studio.routes["/tasks/7/resolve/"] = OK
    assert loader_for(label_studio).load("s3://b/k.png", task_id=7).pixels.any()


def test_an_older_label_studio_is_asked_at_its_older_path(label_studio, loader_for):
    label_studio.routes["/tasks/7/presign/"] = OK
    assert loader_for(label_studio).load("s3://b/k.png", task_id=7).pixels.any()
    assert [path.partition("?")[0] for path in label_studio.paths()] == [
        "/tasks/7/resolve/",
        "/tasks/7/presign/",
    ]


def test_an_object_missing_in_the_bucket_is_asked_for_once(serve, label_studio, loader_for):
    bucket = serve()
    label_studio.routes["/tasks/7/resolve/"] = (303, {"Location": f"{bucket.url}/k.png"}, b"")
    with pytest.raises(
        ImageUnavailable, match="answered 404; the object is gone, or the credentials"
    ):
        loader_for(label_studio, bucket).load("s3://b/k.png", task_id=7)
    assert len(label_studio.seen) == 1


def test_a_name_that_utf8_cannot_write_is_merely_missing(label_studio, loader_for):
    with pytest.raises(ImageUnavailable, match="connect the bucket"):
        loader_for(label_studio).load("s3://b/\ud800.png", task_id=7)


def test_the_key_does_not_come_back_after_a_detour(serve, label_studio, loader_for):
    there = serve({"/b": (302, {"Location": f"{label_studio.url}/data/upload/1/a.png"}, b"")})
    label_studio.routes["/data/upload/1/x.png"] = (302, {"Location": f"{there.url}/b"}, b"")
    loader_for(label_studio, there).load("/data/upload/1/x.png", task_id=7)
    assert there.keys_seen() == [None]
    assert label_studio.keys_seen() == [THE_KEY, None]


def test_the_key_stays_across_redirects_between_label_studios_files(label_studio, loader_for):
    label_studio.routes["/data/upload/1/x.png"] = (302, {"Location": "a.png"}, b"")
    loader_for(label_studio).load("/data/upload/1/x.png", task_id=7)
    assert label_studio.keys_seen() == [THE_KEY, THE_KEY]


def test_a_redirect_to_the_log_in_page_loses_the_key_and_is_no_image(label_studio, loader_for):
    label_studio.routes["/data/upload/1/x.png"] = (302, {"Location": "/user/login/"}, b"")
    label_studio.routes["/user/login/"] = (200, {}, b"<!DOCTYPE html><title>Log in</title>")
    with pytest.raises(ImageUnavailable, match="an HTML page"):
        loader_for(label_studio).load("/data/upload/1/x.png", task_id=7)
    assert label_studio.keys_seen() == [THE_KEY, None]


def test_the_key_is_asked_for_at_each_request(label_studio):
    keys = iter([{"Authorization": "Bearer 1"}, {"Authorization": "Bearer 2"}])
    loader = ImageLoader(
        label_studio_url=label_studio.url, authorization=lambda: next(keys), image_size=8
    )
    for _ in range(2):
        loader.load("/data/upload/1/a.png", task_id=7)
    loader.close()
    assert label_studio.keys_seen() == ["Bearer 1", "Bearer 2"]


def test_a_proxy_s_headers_go_where_the_key_goes(serve, label_studio):
    other = serve({"/a.png": OK})
    label_studio.routes["/api/a.png"] = OK
    label_studio.routes["/data/upload/1/x.png"] = (302, {"Location": f"{other.url}/a.png"}, b"")
    with Studio(label_studio.url, "abc", headers={"X-Gate": "open"}) as studio:
        loader = ImageLoader(
            label_studio_url=label_studio.url,
            authorization=studio.authorization,
            image_size=8,
            allowed_hosts=[other.address],
        )
        for url in (f"{other.url}/a.png", "/data/upload/1/x.png", f"{label_studio.url}/api/a.png"):
            loader.load(url, task_id=7)
        loader.close()
    assert [headers.get("X-Gate") for _, headers in other.seen] == [None, None]
    assert [headers.get("X-Gate") for _, headers in label_studio.seen] == ["open", None]


def test_a_token_that_cannot_be_had_is_label_studios_error_not_the_images(label_studio):
    def refused():
        raise LabelStudioError("the token was revoked", status=401)

    loader = ImageLoader(label_studio_url=label_studio.url, authorization=refused, image_size=8)
    with pytest.raises(LabelStudioError):
        loader.load("/data/upload/1/a.png", task_id=7)


def test_data_urls_are_decoded_and_bounded(label_studio, loader_for):
    encoded = base64.b64encode(png()).decode()
    loader = loader_for(label_studio, max_bytes=len(png()))
    assert loader.load(f"data:image/png;base64,{encoded}", task_id=7).pixels.any()
    assert loader.load(f"data:;base64,{encoded.replace('+', '%2B')}", task_id=7).pixels.any()
    lines = "\n".join(encoded[i : i + 20] for i in range(0, len(encoded), 20))
    for url in (
        f"data:image/png;base64,{lines}\n",
        f"data:image/png;base64,{lines.replace(chr(10), '%0D%0A')}",
        f"data:image/png;base64, {encoded.rstrip('=')}",
        f"data:image/png;base64,{encoded.replace('=', '%3D')}",
        f"DATA:image/png;charset=utf-8;BASE64,{encoded}",
        f"data:image/png; base64,{encoded}",
    ):
        assert loader.load(url, task_id=7).pixels.any()
    for url, problem in [
        (f"data:image/png;base64,{encoded}{'A' * 100}", "MAX_IMAGE_BYTES|base64 is damaged"),
        (f"data:image/png;base64,{encoded.rstrip('=')}{'A' * 100}", "MAX_IMAGE_BYTES"),
        (f"data:image/png;base64,{encoded[:-5]}!", "base64 is damaged"),
        ("DATA:text/html;base64,PGh0bWw+", "an HTML page"),
        ("data:image/png,abc", "needs «;base64,»"),
        ("data:image/svg+xml;base64," + base64.b64encode(b"<svg/>").decode(), "an SVG drawing"),
    ]:
        with pytest.raises(ImageUnavailable, match=problem) as raised:
            loader.load(url, task_id=7)
        assert not isinstance(raised.value, ImageUnreachable)  # nothing to try again


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("images/[1].png", "not an address"),
        ("images/a.png", "not an address"),
        ("/images/a.png", "not a file of Label Studio's"),
        ("/data/../api/current-user/token", "not a file of Label Studio's"),
        ("/data/%2e%2e/api/current-user/token", "not a file of Label Studio's"),
        ("/data/local-files/?d=../../etc/passwd", "not a file of Label Studio's"),
        ("/data/\ud800", "not a file of Label Studio's"),
        ("//host/a.png", "not an address"),
        ("C:\\images\\a.png", "c: addresses are not fetched"),
        ("file:///etc/passwd", "file: addresses are not fetched"),
        ("http://user:pw@127.0.0.1/a.png", "user name or password"),
        ("http://127.0.0.1:1/a.png", "ALLOWED_IMAGE_HOSTS"),
        ("http://[::1]:1/a.png", "ALLOWED_IMAGE_HOSTS"),
        ("http://169.254.169.254/latest/meta-data", "ALLOWED_IMAGE_HOSTS"),
        ("http://h/" + "a" * 9000, "more than 8000 characters"),
        ("s3://b/" + "a" * 90000, "more than 8000 characters"),
    ],
)
def test_addresses_that_are_refused_without_a_request(label_studio, loader_for, url, problem):
    with pytest.raises(ImageUnavailable, match=problem) as refused:
        loader_for(label_studio).load(url, task_id=7)
    assert str(refused.value).startswith("Task 7, image ")
    assert label_studio.seen == []


@pytest.mark.parametrize(
    ("url", "status", "advice"),
    [
        ("/data/upload/1/b.png", 401, "LABEL_STUDIO_API_KEY is missing or no longer valid"),
        ("/data/upload/1/b.png", 500, "it does so for uploads that were deleted"),
        ("/data/local-files/?d=b.png", 403, "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED"),
        ("/data/local-files/?d=b.png", 404, "no storage of the project holds it"),
        ("s3://b/k.png", 404, "connect the bucket to the project"),
        ("s3://b/k.png", 424, "the credentials of the storage in Label Studio"),
        ("s3://b/k.png", 403, "the key's user may not see this project"),
        ("{other}/b.png", 403, "goes to LABEL_STUDIO_URL only: make the image public"),
    ],
)
def test_what_to_do_about_a_refusal(serve, label_studio, loader_for, url, status, advice):
    other = serve({"/b.png": (status, {}, b"")})
    for path in ("/data/upload/1/b.png", "/data/local-files/", "/tasks/7/resolve/"):
        label_studio.routes[path] = (status, {"Retry-After": "0"}, b"")
    with pytest.raises(ImageUnreachable) as failed:
        loader_for(label_studio, other).load(url.format(other=other.url), task_id=7)
    assert f"answered {status}; " in str(failed.value)
    assert advice in str(failed.value)


@pytest.mark.parametrize(
    ("body", "later"),
    [
        (b"<html>Log in</html>", True),
        (b"<?xml version='1.0'?><Error>AccessDenied</Error>", True),
        (b'{"detail": "Invalid token."}', True),
        (b"<svg/>", False),
        (b"%PDF-1.7", False),
        (b"", False),
        (png()[:50], False),
    ],
)
def test_a_page_instead_of_an_image_is_not_a_broken_image(label_studio, loader_for, body, later):
    label_studio.routes["/data/upload/1/a.png"] = (200, {}, body)
    with pytest.raises(ImageUnavailable) as failed:
        loader_for(label_studio).load("/data/upload/1/a.png", task_id=7)
    assert isinstance(failed.value, ImageUnreachable) is later


def test_a_task_without_an_image_says_so(label_studio, loader_for):
    with pytest.raises(ImageUnavailable, match=r"^Task 7, image: the field .* is missing or empty"):
        loader_for(label_studio).load("  ", task_id=7)


def test_no_secret_in_errors_or_their_tracebacks(serve, label_studio, loader_for):
    other = serve({"/a.png": lambda h: h.wfile.write(b"nonsense\r\n") and None})
    urls = [f"{other.url}/a.png?Signature=very-secret", f"{other.url}/b.png?Signature=very-secret"]
    for url in [*urls, "/data/upload/1/b.png", "https://me:very-secret@h/a.png"]:
        with pytest.raises(ImageUnavailable) as failed:
            loader_for(label_studio, other, timeout=1).load(url, task_id=7)
        assert "very-secret" not in str(failed.value)
        assert "very-secret" not in "".join(traceback.format_exception(failed.value))


def test_a_key_that_no_header_can_carry_is_not_shown(label_studio):
    loader = ImageLoader(
        label_studio_url=label_studio.url,
        authorization=lambda: {"Authorization": "Token very-secret\n"},
        image_size=8,
    )
    with pytest.raises(ImageUnavailable) as failed:
        loader.load("/data/upload/1/a.png", task_id=7)
    assert "very-secret" not in "".join(traceback.format_exception(failed.value))


def test_a_wrong_entry_of_the_list_of_hosts_stops_the_start(label_studio):
    with pytest.raises(ValueError, match="'http://minio:9000' is not a host"):
        ImageLoader(
            label_studio_url=label_studio.url,
            authorization=dict,
            image_size=8,
            allowed_hosts=["http://minio:9000"],
        )
