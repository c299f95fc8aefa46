"""Servers that misbehave, each a real one on the loopback address."""

import email.utils
import gzip
import logging
import socket
import threading
import time
import tracemalloc

import pytest

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images import ImageUnreachable
from tests.images.image_server import png

OK = (200, {}, png())


def load(loader, server, path="/a.png"):
    return loader.load(server.url + path, task_id=7).pixels


def to(location):
    return (302, {"Location": location}, b"")


def head(handler, *lines):
    handler.wfile.write("".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", *lines, "")).encode())


def until_hung_up(handler, chunk, pause=0.0):
    """Write for ever; the client's hanging up ends it with an OSError."""
    handler.close_connection = True
    while True:
        handler.wfile.write(chunk)
        time.sleep(pause)


def test_redirects_are_followed_from_host_to_host(serve, label_studio, loader_for):
    there = serve({"/b.png": OK})
    here = serve({"/a.png": to("/moved.png"), "/moved.png": to(f"{there.url}/b.png")})
    assert load(loader_for(label_studio, here, there), here).shape == (3, 8, 8)
    assert here.paths() == ["/a.png", "/moved.png"]


def test_a_redirect_loop_ends(serve, label_studio, loader_for):
    server = serve({"/a.png": to("/a.png")})
    with pytest.raises(ImageUnavailable, match="more than 5 redirects"):
        load(loader_for(label_studio, server), server)
    assert len(server.seen) == 6


def test_a_redirect_to_a_private_address_is_refused_and_named(serve, label_studio, loader_for):
    bucket = serve({"/b.png": OK})
    server = serve({"/a.png": to(f"{bucket.url}/b.png?X-Amz-Signature=secret")})
    with pytest.raises(ImageUnavailable) as refused:
        load(loader_for(label_studio, server), server)
    assert f"add {bucket.address} to ALLOWED_IMAGE_HOSTS" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert bucket.seen == []


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://h/a", "data:image/png;base64,AAAA", "http://a:b/", "s3://b/k"],
)
def test_a_redirect_to_anything_but_http_is_refused(serve, label_studio, loader_for, location):
    server = serve({"/a.png": to(location)})
    with pytest.raises(ImageUnavailable, match="redirected"):
        load(loader_for(label_studio, server), server)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "part", ["status line", "headers", "body", "chunks", "interim answers", "flood"]
)
def test_a_server_that_drips_is_left_when_the_time_is_over(serve, label_studio, loader_for, part):
    def drip(handler):
        if part == "status line":
            until_hung_up(handler, b"H", pause=0.02)
        elif part == "headers":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
            until_hung_up(handler, b"x", pause=0.02)
        elif part == "interim answers":
            until_hung_up(handler, b"HTTP/1.1 103 Early Hints\r\n\r\n", pause=0.02)
        elif part == "flood":
            until_hung_up(handler, b"HTTP/1.1 103 Early Hints\r\n\r\n")
        elif part == "chunks":
            head(handler, "Transfer-Encoding: chunked")
            until_hung_up(handler, b"1\r\nx\r\n", pause=0.02)
        head(handler, "Content-Length: 100000")
        until_hung_up(handler, b"x", pause=0.02)

    server = serve({"/a.png": drip})
    with pytest.raises(
        ImageUnreachable, match=r"did not send it within IMAGE_TIMEOUT=0\.3 seconds"
    ):
        load(loader_for(label_studio, server, timeout=0.3), server)
    assert len(server.seen) == 1  # no second attempt without time


@pytest.mark.timeout(20)
def test_a_server_that_accepts_and_is_silent_is_left(label_studio, loader_for):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        loader = loader_for(label_studio, address, timeout=0.2)
        for scheme in ("http", "https"):
            with pytest.raises(ImageUnreachable, match="IMAGE_TIMEOUT"):
                loader.load(f"{scheme}://{address}/a.png", task_id=7)


@pytest.mark.timeout(20)
def test_redirects_share_one_time_limit(serve, label_studio, loader_for):
    def slow(handler):
        time.sleep(0.15)
        return to("/a.png")

    server = serve({"/a.png": slow})
    with pytest.raises(ImageUnreachable, match="IMAGE_TIMEOUT"):
        load(loader_for(label_studio, server, timeout=0.4), server)
    assert len(server.seen) < 6


@pytest.mark.timeout(30)
@pytest.mark.parametrize("framing", ["Transfer-Encoding: chunked", "Connection: close"])
def test_an_endless_body_is_cut_off_at_the_size_limit(serve, label_studio, loader_for, framing):
    def endless(handler):
        head(handler, framing)
        chunk = b"x" * 4096
        until_hung_up(handler, b"1000\r\n" + chunk + b"\r\n" if "chunked" in framing else chunk)

    server = serve({"/a.png": endless})
    with pytest.raises(ImageUnavailable, match="more than MAX_IMAGE_BYTES=100000 bytes"):
        load(loader_for(label_studio, server, max_bytes=100_000), server)


def test_a_body_announced_as_too_large_is_not_read(serve, label_studio, loader_for):
    server = serve({"/a.png": lambda h: head(h, "Content-Length: 100001")})
    with pytest.raises(ImageUnavailable, match="MAX_IMAGE_BYTES=100000"):
        load(loader_for(label_studio, server, max_bytes=100_000), server)


def test_a_compression_bomb_is_not_unpacked(serve, label_studio, loader_for):
    bomb = gzip.compress(bytes(50_000_000))
    server = serve({"/a.png": (200, {"Content-Encoding": "gzip"}, bomb)})
    loader = loader_for(label_studio, server, max_bytes=100_000)
    tracemalloc.start()
    with pytest.raises(ImageUnavailable, match="MAX_IMAGE_BYTES"):
        load(loader, server)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_body_as_large_as_allowed_is_read(serve, label_studio, loader_for):
    server = serve({"/a.png": OK})
    assert load(loader_for(label_studio, server, max_bytes=len(OK[2])), server).any()


def test_a_body_shorter_than_announced_is_no_image(serve, label_studio, loader_for):
    def short(handler):
        head(handler, f"Content-Length: {len(png())}")
        handler.wfile.write(png()[:-1])
        handler.close_connection = True

    server = serve({"/a.png": short})
    with pytest.raises(ImageUnreachable, match="broke off"):
        load(loader_for(label_studio, server), server)
    assert len(server.seen) == 2


def test_an_unasked_compression_is_undone(serve, label_studio, loader_for):
    packed = {"Content-Encoding": "gzip"}
    server = serve(
        {
            "/a.png": (200, packed, gzip.compress(png())),
            "/broken.png": (200, packed, png()),
            "/brotli.png": (200, {"Content-Encoding": "br"}, png()),
        }
    )
    loader = loader_for(label_studio, server)
    assert load(loader, server).shape == (3, 8, 8)
    for path, problem in [("broken", "damaged"), ("brotli", "br")]:
        with pytest.raises(ImageUnavailable, match=problem):
            load(loader, server, f"/{path}.png")


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_gets_one_second_attempt(serve, label_studio, loader_for, status):
    answers = iter([(status, {"Retry-After": "0"}, b""), OK])
    server = serve({"/a.png": lambda _: next(answers)})
    assert load(loader_for(label_studio, server), server).shape == (3, 8, 8)

    server.routes["/a.png"] = (status, {"Retry-After": "0"}, b"")
    server.seen.clear()
    with pytest.raises(ImageUnreachable, match=f"answered {status}"):
        load(loader_for(label_studio, server), server)
    assert len(server.seen) == 2


def test_a_date_in_retry_after_is_waited_for(serve, label_studio, loader_for):
    date = email.utils.format_datetime(email.utils.localtime())  # now: no wait, unlike the default
    answers = iter([(503, {"Retry-After": date}, b""), OK])
    server = serve({"/a.png": lambda _: next(answers)})
    assert load(loader_for(label_studio, server, timeout=0.4), server).shape == (3, 8, 8)


@pytest.mark.parametrize("wait", ["3600", "Wed, 21 Oct 2899 07:28:00 GMT", "9" * 400])
def test_a_wait_beyond_the_time_limit_is_not_begun(serve, label_studio, loader_for, wait):
    server = serve({"/a.png": (429, {"Retry-After": wait}, b"")})
    with pytest.raises(ImageUnreachable, match="answered 429"):
        load(loader_for(label_studio, server), server)
    assert len(server.seen) == 1


@pytest.mark.parametrize("wait", ["soon", "²", "Mon, 01 Jan 0001 00:00:00 -0000"])
def test_a_senseless_wait_is_passed_over(serve, label_studio, loader_for, wait):
    answers = iter([(503, {"Retry-After": wait}, b""), OK])
    server = serve({"/a.png": lambda _: next(answers)})
    assert load(loader_for(label_studio, server), server).shape == (3, 8, 8)


@pytest.mark.parametrize("status", [204, 206, 304, 400, 401, 403, 404, 410])
def test_any_other_status_gets_no_second_attempt(serve, label_studio, loader_for, status):
    server = serve({"/a.png": (status, {}, b"")})
    with pytest.raises(ImageUnavailable, match=f"{server.url} answered {status}"):
        load(loader_for(label_studio, server), server)
    assert len(server.seen) == 1


def test_a_refused_connection_is_tried_again_later(label_studio, loader_for):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ImageUnreachable, match="cannot be reached"):
        loader_for(label_studio, address).load(f"http://{address}/a.png", task_id=7)


def test_no_http_at_all_is_an_ordinary_failure(serve, label_studio, loader_for):
    def babble(handler):
        handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n" * 3)
        handler.close_connection = True

    server = serve({"/a.png": babble})
    with pytest.raises(ImageUnreachable, match="answered wrongly"):
        load(loader_for(label_studio, server), server)


def test_a_name_is_resolved_once_and_its_checked_address_used(
    serve, label_studio, loader_for, monkeypatch
):
    """DNS that changes between check and use: the second answer is never asked for."""
    server = serve({"/a.png": OK})
    answers = iter(["127.0.0.1", "10.66.66.66"])
    resolve = socket.getaddrinfo
    asked = []

    def changing(host, port, *args, **kwargs):
        if host != "rebind.example":
            return resolve(host, port, *args, **kwargs)
        asked.append(host)
        return resolve(next(answers), port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    loader = loader_for(label_studio, f"127.0.0.1:{server.server_port}")
    url = f"http://rebind.example:{server.server_port}/a.png"
    assert loader.load(url, task_id=7).pixels.shape == (3, 8, 8)
    assert asked == ["rebind.example"]
    assert server.seen[0][1]["Host"] == f"rebind.example:{server.server_port}"


def test_a_dead_address_of_a_name_leaves_time_for_the_next(
    serve, label_studio, loader_for, monkeypatch
):
    server = serve({"/a.png": OK})
    stream = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    both = [(*stream, (a, server.server_port)) for a in ("127.0.0.9", "127.0.0.1")]
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda h, *a, **k: both if h == "two.example" else resolve(h, *a, **k),
    )
    loader = loader_for(label_studio, "two.example")
    assert loader.load(f"http://two.example:{server.server_port}/a.png", task_id=7).pixels.any()


def test_threads_share_a_loader_and_its_connections(serve, label_studio, loader_for):
    connections = set()

    def remember(handler):
        connections.add(handler.client_address)
        return OK

    server = serve({"/a.png": remember})
    loader = loader_for(label_studio, server)
    failures = []

    def work():
        try:
            for _ in range(10):
                load(loader, server)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(server.seen) == 80
    assert len(connections) <= 8


def test_refusals_leave_no_connection_behind(serve, label_studio, loader_for):
    server = serve({"/a.png": OK})
    refusing = loader_for(label_studio)
    for _ in range(30):
        with pytest.raises(ImageUnavailable):
            load(refusing, server)
    assert refusing.load("/data/upload/1/a.png", task_id=7).pixels.any()


def test_signatures_in_redirects_stay_out_of_debug_logs(serve, label_studio, loader_for, caplog):
    server = serve({"/a.png": to("/b.png?Signature=secret"), "/b.png": OK})
    with caplog.at_level(logging.DEBUG):
        load(loader_for(label_studio, server), server)
    assert "secret" not in caplog.text
