"""A proxy in front of Label Studio that delays, cuts off, refuses or changes what it is told to.

It may have a log-in of its own, and Label Studio may lie below a path there.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx

from fishermask_backend.demo.folder import LOOPBACK, free_port

HOP = {"connection", "transfer-encoding", "content-encoding", "content-length", "host"}


@dataclass(frozen=True)
class Fault:
    """What happens to calls whose `<method> <path and query>` begins like a pattern.

    Attributes:
        calls: The pattern.
        status: Answered instead of Label Studio; 0: no such answer.
        body: Goes with it.
        headers: Go with it.
        delay: Seconds before the call goes on.
        cut: `before` Label Studio has it, or `after`, so that only its answer is lost.
        change: What becomes of the JSON that Label Studio answers.
    """

    calls: str
    status: int = 0
    body: str = '{"detail": "Out of order."}'
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: str = ""
    change: Callable[[Any], Any] | None = None


class FaultyProxy:
    """Listens while it is started; passes on what no fault concerns.

    Attributes:
        url: What a backend takes for Label Studio's address.
        met: Calls that a fault has met.
        refused: Calls that came without what `needs` says, or not below the path.
    """

    def __init__(
        self, upstream: str, *, below: str = "", needs: dict[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}{below}"
        self.below, self.needs = below, needs or {}
        self.refused: list[str] = []
        self.upstream = httpx.Client(base_url=upstream, timeout=120, trust_env=False)
        self.faults: list[Fault] = []
        self.met: list[str] = []

    def start(self) -> Self:
        handler = type("Handler", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer((LOOPBACK, self.port), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        """From now on connections are refused."""
        self._server.shutdown()
        self._server.server_close()

    @contextmanager
    def breaking(self, calls: str, **how: object) -> Iterator[None]:
        """Let a fault concern these calls for the length of the block."""
        fault = Fault(calls, **how)
        self.met.clear()
        self.faults.append(fault)
        try:
            yield
        finally:
            self.faults.remove(fault)

    def fault_of(self, call: str) -> Fault:
        for fault in self.faults:
            if re.match(fault.calls, call):
                self.met.append(call)
                return fault
        return Fault("")


class _Handler(BaseHTTPRequestHandler):
    proxy: FaultyProxy
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        shown = {name: self.headers.get(name) for name in self.proxy.needs}
        if shown != self.proxy.needs or not self.path.startswith(self.proxy.below + "/"):
            self.proxy.refused.append(self.path)
            self._answer(401, {"Content-Type": "text/html"}, b"<html>401 Authorization Required")
            return
        self.path = self.path[len(self.proxy.below) :]
        fault = self.proxy.fault_of(f"{self.command} {self.path}")
        time.sleep(fault.delay)
        if fault.cut == "before":
            self.close_connection = True
        elif fault.status:
            self._answer(fault.status, fault.headers, fault.body.encode())
        else:
            kept = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
            answer = self.proxy.upstream.request(
                self.command, self.path, content=body, headers=kept
            )
            if fault.cut == "after":
                self.close_connection = True
                return
            shown = {k: v for k, v in answer.headers.items() if k.lower() not in HOP}
            content = answer.content
            if fault.change and answer.is_success:
                content = json.dumps(fault.change(answer.json())).encode()
            self._answer(answer.status_code, shown, content)

    do_GET = do_POST = do_PATCH = do_DELETE = do_HEAD = _pass  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
