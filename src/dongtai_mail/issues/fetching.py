"""Ask a web server that somebody named, and be led nowhere but to the open web.

Owns: which addresses may be asked, and the one way in which we ask.
Promises: only http and https, on ports 80 and 443, to addresses that everybody can reach; every
address of a name is judged, the connection goes to one that was judged, and each redirect is
judged anew. No cookies, no proxies, no more bytes (unpacked, too) and no more time than allowed.
Fails: ``FetchError``, whose ``problem`` says what it was; its text (in the reader's language)
says what to do.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_URL = 2000
_PORTS = {"http": 80, "https": 443}
_REDIRECTS = {301, 302, 303, 307, 308}
_CHUNK = 65536
_CONNECT_SECONDS = 4.0
_PAGES = ("text/html", "application/xhtml+xml")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f]")
# What IANA has given out for everybody's use. Whatever carries another address inside (mapped,
# compatible, NAT64) lies outside of it; 6to4 and Teredo don't, and are named.
_GLOBAL_V6 = ipaddress.ip_network("2000::/3")
_CARRIERS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))
# Set aside by IANA, yet public to a Python before 3.11.10 (CVE-2024-4032), or one older than
# RFC 9637. The first has a provider's metadata in it (192.0.0.192).
_SET_ASIDE = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("3fff::/20"))
# Public by its number, yet every machine of that provider meets its own host there.
_METADATA = ipaddress.ip_address("168.63.129.16")
_HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; DongtaiMail/0.1)",
    "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1",
    "Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5",
    "Accept-Encoding": "gzip",
    "Connection": "close",
}


class Problem(Enum):
    ADDRESS = gettext_lazy("这不是完整的网址。请粘贴以 http:// 或 https:// 开头的地址。")
    NOT_PUBLIC = gettext_lazy("这个地址不在公开的互联网上，不能读取。请把内容粘贴到正文里。")
    NO_SUCH_HOST = gettext_lazy("找不到这个网站。请检查网址有没有写错。")
    UNRESOLVED = gettext_lazy("暂时查不到这个网站的地址。请稍后再试，或把内容粘贴到正文里。")
    UNREACHABLE = gettext_lazy("连不上这个网站。请稍后再试，或把内容粘贴到正文里。")
    SLOW = gettext_lazy("这个网站答得太慢。请稍后再试，或把内容粘贴到正文里。")
    REDIRECTS = gettext_lazy("这个网址转来转去，没有到达一个页面。请粘贴文章本身的网址。")
    STATUS = gettext_lazy("这个网站没有给出页面。请检查网址，或把内容粘贴到正文里。")
    NOT_A_PAGE = gettext_lazy("这个网址不是网页（可能是文件或图片）。请把内容粘贴到正文里。")
    TOO_LARGE = gettext_lazy("这个页面太大，没有读取。请把内容粘贴到正文里。")
    UNREADABLE = gettext_lazy("这个页面读不懂。请把内容粘贴到正文里。")
    BUSY = gettext_lazy("正在读取别的页面。请过几秒再按一次。")
    NO_TEXT = gettext_lazy("这个页面里没有找到文章。请把内容粘贴到正文里。")


class FetchError(Exception):
    def __init__(self, problem: Problem, status: int | None = None) -> None:
        self.problem = problem
        self.status = status

    def __str__(self) -> str:
        said = str(self.problem.value)
        return said if self.status is None else f"{said}{_('（对方答复 %d）') % self.status}"


def is_open(address: Address, port: int) -> bool:
    """Whether everybody on the Internet reaches this address, and web servers use this port."""
    if port not in _PORTS.values() or address == _METADATA:
        return False
    if any(address in network for network in _SET_ASIDE):
        return False
    if isinstance(address, ipaddress.IPv6Address) and (
        address not in _GLOBAL_V6 or any(address in carrier for carrier in _CARRIERS)
    ):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def look_up(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of ``host``; the system's resolver knows no time limit of its own."""
    answer: Future[list[str]] = Future()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answer.set_result([str(entry[4][0]) for entry in found])
        except (OSError, UnicodeError) as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        return answer.result(seconds)
    except TimeoutError:
        raise FetchError(Problem.UNRESOLVED) from None
    except (OSError, UnicodeError) as error:
        absent = isinstance(error, UnicodeError) or error.errno in _ABSENT
        raise FetchError(Problem.NO_SUCH_HOST if absent else Problem.UNRESOLVED) from error


_ABSENT = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


@dataclass(frozen=True, slots=True)
class Rules:
    """Which addresses may be asked, how names become addresses, how long, how much."""

    allowed: Callable[[Address, int], bool] = is_open
    resolve: Callable[[str, int, float], Sequence[str]] = look_up
    seconds: float = 7.0
    most_bytes: int = 5 * 1024 * 1024
    redirects: int = 5


OPEN_WEB = Rules()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the last server said; ``body`` is unpacked, and empty unless it was asked for."""

    url: str
    status: int
    content_type: str = ""
    body: bytes = b""


def fetch(url: str, rules: Rules = OPEN_WEB) -> Answer:
    """The page at ``url``; raises ``FetchError`` for whatever is not a page."""
    answer = _follow(url, rules, "GET", wants_page=True)
    if answer.status != http.HTTPStatus.OK:
        raise FetchError(Problem.STATUS, answer.status)
    return answer


def ask(url: str, rules: Rules = OPEN_WEB, method: str = "HEAD") -> Answer:
    """What the server at ``url`` says about it, without its content."""
    return _follow(url, rules, method, wants_page=False)


def _follow(url: str, rules: Rules, method: str, *, wants_page: bool) -> Answer:
    deadline = time.monotonic() + rules.seconds
    for _hop in range(rules.redirects + 1):
        exchange = _Exchange(_target(url), rules, deadline)
        try:
            location, answer = exchange.run(method, wants_page=wants_page)
        except TimeoutError:
            raise FetchError(Problem.SLOW) from None
        # ValueError: what http.client makes of a chunk that has a negative size.
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchError(Problem.UNREACHABLE) from error
        if location is None:
            return answer
        url = _joined(answer.url, location)
    raise FetchError(Problem.REDIRECTS)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise FetchError(Problem.ADDRESS) from None


@dataclass(frozen=True, slots=True)
class _Target:
    url: str
    scheme: str
    host: str
    port: int
    path: str

    @property
    def host_header(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def _target(url: str) -> _Target:
    try:
        parts = urlsplit(url.strip())
        host = _ascii(parts.hostname or "")
        port = parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        raise FetchError(Problem.ADDRESS) from None
    known = parts.scheme in _PORTS and host and not _UNPRINTABLE.search(parts.netloc)
    if not known or "@" in parts.netloc or len(url) > LONGEST_URL:
        raise FetchError(Problem.ADDRESS)
    path = quote(parts.path or "/", safe="/%:=&~+!$,;'@()*-._")
    query = f"?{quote(parts.query, safe='/%:=&~+!$,;@()*?-._')}" if parts.query else ""
    return _Target(url.strip(), parts.scheme, host, port, path + query)


def _ascii(host: str) -> str:
    return host if host.isascii() else host.encode("idna").decode()


class _Exchange:
    """One question and its answer, over a connection of its own."""

    def __init__(self, target: _Target, rules: Rules, deadline: float) -> None:
        self._target = target
        self._rules = rules
        self._deadline = deadline

    def run(self, method: str, *, wants_page: bool) -> tuple[str | None, Answer]:
        """Where the server sends us, or what it says."""
        with closing(self._connection()) as connection:
            client = http.client.HTTPConnection(self._target.host, self._target.port)
            client.sock = _Wire(connection, self._deadline)
            headers = {**_HEADERS, "Host": self._target.host_header}
            client.request(method, self._target.path, headers=headers)
            response = client.getresponse()
            kind = response.headers.get_content_type()
            answer = Answer(self._target.url, response.status, kind)
            if response.status in _REDIRECTS and (location := response.getheader("Location")):
                return location.encode("latin-1").decode("utf-8", "replace"), answer
            if not wants_page or response.status != http.HTTPStatus.OK:
                return None, answer
            if kind not in _PAGES:
                raise FetchError(Problem.NOT_A_PAGE)
            full_kind = response.getheader("Content-Type", "")
            return None, Answer(answer.url, answer.status, full_kind, self._body(response))

    def _connection(self) -> socket.socket:
        plain = self._connected(self._addresses())
        if self._target.scheme == "http":
            return plain
        try:
            plain.settimeout(_left(self._deadline))
            return ssl.create_default_context().wrap_socket(
                plain, server_hostname=self._target.host
            )
        except BaseException:
            plain.close()
            raise

    def _addresses(self) -> list[Address]:
        """Where the host is; one address that is not open to everybody closes all of them."""
        target = self._target
        found = self._rules.resolve(target.host, target.port, _left(self._deadline))
        addresses = [ipaddress.ip_address(text) for text in dict.fromkeys(found)]
        if not addresses:
            raise FetchError(Problem.NO_SUCH_HOST)
        if not all(self._rules.allowed(address, target.port) for address in addresses):
            raise FetchError(Problem.NOT_PUBLIC)
        return addresses

    def _connected(self, addresses: Sequence[Address]) -> socket.socket:
        failure: OSError | None = None
        for address in addresses[:4]:
            seconds = min(_left(self._deadline), _CONNECT_SECONDS)
            try:
                return socket.create_connection((str(address), self._target.port), seconds)
            except OSError as error:
                failure = error
        raise failure or ConnectionError

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        packed = response.getheader("Content-Encoding", "").strip().lower()
        if packed not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise FetchError(Problem.UNREADABLE)
        most = self._rules.most_bytes
        unpack = _unpacker() if packed not in ("", "identity") else None
        body = bytearray()
        while chunk := response.read(_CHUNK):
            try:
                body += unpack(chunk, most + 1 - len(body)) if unpack else chunk
            except zlib.error:
                raise FetchError(Problem.UNREADABLE) from None
            if len(body) > most:
                raise FetchError(Problem.TOO_LARGE)
        return bytes(body)


def _unpacker() -> Callable[[bytes, int], bytes]:
    """Unpacks gzip and zlib alike, no more than it is told to."""
    return zlib.decompressobj(wbits=47).decompress


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Wire:
    """A connection as ``http.client`` wants it, in which every wait ends at the deadline.

    A socket's own timeout begins anew with every byte, which lets a server drip for hours.
    """

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._connection.settimeout(_left(self._deadline))
        self._connection.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._connection, self._deadline))

    def close(self) -> None:
        """``http.client`` lets go while the answer is still being read; ``run`` closes."""


class _Incoming(io.RawIOBase):
    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(_left(self._deadline))
        return self._connection.recv_into(buffer)
