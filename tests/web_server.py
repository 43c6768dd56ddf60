"""A web server on loopback that answers as a test wants it to, byte for byte.

``site.pages[path]`` is the whole answer, or yields its parts; ``site.asked`` lists what was asked
for, as "METHOD path". A part may be an ``Event``: the server waits until it is set, or the test
ends.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

Parts = bytes | Iterable[bytes | threading.Event]


def page(text: str, charset: str = "utf-8", header: str | None = None) -> bytes:
    """A page's answer; ``header`` is the Content-Type where it isn't the usual one."""
    return answer(200, text.encode(charset), header or f"text/html; charset={charset}")


def answer(
    status: int, body: bytes = b"", kind: str = "text/html; charset=utf-8", **headers: str
) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Site:
    port: int
    pages: dict[str, Parts] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


class _Handler(StreamRequestHandler):
    site: Site

    def handle(self) -> None:
        with suppress(OSError):
            head = []
            while (line := self.rfile.readline().decode("latin-1").strip()) or not head:
                head.append(line)
            method, path, *_version = head[0].split()
            self.site.asked.append(f"{method} {path}")
            self.site.headers += head[1:]
            self._answer(method, path)

    def _answer(self, method: str, path: str) -> None:
        parts = self.site.pages.get(f"{method} {path}") or self.site.pages.get(path)
        if parts is None:
            parts = answer(404)
        for part in [parts] if isinstance(parts, bytes) else parts:
            if isinstance(part, threading.Event):
                while not part.wait(0.05) and not self.site.over.is_set():
                    pass
            elif not self.site.over.is_set():
                head, _, body = part.partition(b"\r\n\r\n")
                self.wfile.write(head + b"\r\n\r\n" if method == "HEAD" and body else part)


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 50

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what some tests are about."""


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    handler = type("Handler", (_Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        handler.site = site = Site(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield site
        finally:
            site.over.set()
            server.shutdown()
            thread.join()


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
