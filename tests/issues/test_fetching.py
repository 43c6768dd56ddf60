"""What staff name is fetched, and nothing that isn't everybody's to see."""

from __future__ import annotations

import dataclasses
import gzip
import ipaddress
import itertools
import threading
import time
import zlib

import pytest

from dongtai_mail.issues.fetching import FetchError, Problem, Rules, ask, fetch, is_open
from tests import web_server
from tests.certificates import Authority
from tests.web_server import answer, page


def _problem(url: str, rules: Rules) -> Problem:
    with pytest.raises(FetchError) as raised:
        fetch(url, rules)
    return raised.value.problem


def test_a_page_is_fetched_without_cookies(site, rules):
    site.pages["/a"] = page("<p>云港</p>")
    got = fetch(site.url("/a"), rules)
    assert (got.status, got.body.decode(), got.url) == (200, "<p>云港</p>", site.url("/a"))
    assert f"Host: 127.0.0.1:{site.port}" in site.headers
    assert not [line for line in site.headers if line.lower().startswith("cookie")]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - refused, not bound
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "192.0.0.192",
        "169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "2002:7f00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "3fff::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_an_address_that_is_not_everybodys_is_refused(address):
    assert not is_open(ipaddress.ip_address(address), 80)


@pytest.mark.parametrize("address", ["93.184.215.14", "223.5.5.5", "2400:3200::1", "2606:4700::1"])
def test_an_address_of_the_open_web_may_be_asked(address):
    assert is_open(ipaddress.ip_address(address), 80)
    assert is_open(ipaddress.ip_address(address), 443)


@pytest.mark.parametrize("port", [22, 25, 6379, 8000, 8080, 0])
def test_other_ports_are_refused(port):
    assert not is_open(ipaddress.ip_address("223.5.5.5"), port)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "0", "[::1]", "[::]"]
)
def test_every_way_to_write_this_machine_is_refused(site, host):
    assert _problem(f"http://{host}/", Rules()) is Problem.NOT_PUBLIC
    assert _problem(f"http://{host}:{site.port}/", Rules()) is Problem.NOT_PUBLIC
    assert site.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "云港日报",
        "www.example.com/a",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "javascript:alert(1)",
        "http:///a",
        "http://user:secret@example.com/",
        "http://example.com:99999/",
        "http://exa mple.com/",
        "http://[::1",
        "https://例\x00子.example/",
        "http://example.com/" + "a" * 2000,
    ],
)
def test_what_is_no_web_address_is_refused_before_anything_is_asked(url):
    assert _problem(url, Rules(resolve=None)) is Problem.ADDRESS


def test_a_redirect_to_this_machine_is_refused(site, rules):
    with web_server.running() as inside:
        site.pages["/a"] = answer(302, Location=inside.url("/secret"))
        assert _problem(site.url("/a"), rules) is Problem.NOT_PUBLIC
        assert inside.asked == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://[x"])
def test_a_redirect_to_another_scheme_is_refused(site, rules, location):
    site.pages["/a"] = answer(302, Location=location)
    assert _problem(site.url("/a"), rules) is Problem.ADDRESS


def test_redirects_are_followed_five_times_and_no_more(site, rules):
    for number in range(6):
        site.pages[f"/{number}"] = answer(301, Location=f"/{number + 1}")
    site.pages["/6"] = page("终点")
    assert fetch(site.url("/1"), rules).url == site.url("/6")
    assert _problem(site.url("/0"), rules) is Problem.REDIRECTS


def test_a_redirect_may_have_chinese_in_it(site, rules):
    site.pages["/a"] = (
        "HTTP/1.1 302 x\r\nLocation: /云港?a=港\r\nContent-Length: 0\r\n\r\n".encode()
    )
    site.pages["/%E4%BA%91%E6%B8%AF?a=%E6%B8%AF"] = page("到了")
    assert fetch(site.url("/a"), rules).body.decode() == "到了"


def test_the_connection_goes_to_the_address_that_was_judged(site, rules):
    """A name that answers anew at every question is asked once."""
    answers = itertools.chain([["127.0.0.1"]], itertools.repeat(["10.0.0.1"]))
    once = dataclasses.replace(rules, resolve=lambda *_: next(answers))
    site.pages["/a"] = page("云港")
    assert fetch(site.url("/a", "rebinding.example"), once).status == 200
    assert f"Host: rebinding.example:{site.port}" in site.headers
    assert _problem(site.url("/a", "rebinding.example"), once) is Problem.NOT_PUBLIC


def test_one_address_inside_closes_all_of_a_name(site, rules):
    both = dataclasses.replace(rules, resolve=lambda *_: ["127.0.0.1", "192.168.0.1"])
    assert _problem(site.url("/", "both.example"), both) is Problem.NOT_PUBLIC
    assert site.asked == []


def test_a_page_larger_than_allowed_is_refused_before_all_of_it_is_read(site, rules):
    written = []

    def endless():
        yield b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"
        for _ in range(100):
            written.append(1)
            yield b"x" * 1024 * 1024

    site.pages["/a"] = endless()
    assert _problem(site.url("/a"), rules) is Problem.TOO_LARGE
    assert len(written) < 50


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_a_packed_page_is_unpacked(site, rules, pack):
    site.pages["/a"] = answer(200, pack("云港".encode()), Content_Encoding="gzip")
    assert fetch(site.url("/a"), rules).body.decode() == "云港"


def test_a_bomb_is_unpacked_no_further_than_allowed(site, rules):
    bomb = gzip.compress(b"\0" * 300_000_000, 9)
    site.pages["/a"] = answer(200, bomb, Content_Encoding="gzip")
    assert _problem(site.url("/a"), rules) is Problem.TOO_LARGE


@pytest.mark.parametrize(
    ("body", "packed"), [(b"\x1f\x8b broken", "gzip"), (b"x", "br"), (b"x", "gzip, gzip")]
)
def test_a_page_packed_wrongly_is_unreadable(site, rules, body, packed):
    site.pages["/a"] = answer(200, body, Content_Encoding=packed)
    assert _problem(site.url("/a"), rules) is Problem.UNREADABLE


@pytest.mark.parametrize(
    "said", [b"", b"H", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nx"]
)
def test_a_server_that_falls_silent_is_left(site, rules, said):
    site.pages["/a"] = [said, threading.Event()]
    hurried = dataclasses.replace(rules, seconds=0.3)
    started = time.monotonic()
    assert _problem(site.url("/a"), hurried) is Problem.SLOW
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Drop: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", b"x"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["headers", "body", "continue"],
)
def test_a_server_that_drips_gets_no_more_time_than_others(site, rules, first, drop):
    def dripping():
        yield first
        while not site.over.wait(0.02):
            yield drop

    site.pages["/a"] = dripping()
    hurried = dataclasses.replace(rules, seconds=0.4)
    started = time.monotonic()
    assert _problem(site.url("/a"), hurried) in (Problem.SLOW, Problem.UNREACHABLE)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize("kind", ["image/png", "application/pdf", "application/octet-stream"])
def test_what_is_no_page_is_not_read(site, rules, kind):
    site.pages["/a"] = answer(200, b"\x89PNG" * 1000, kind)
    assert _problem(site.url("/a"), rules) is Problem.NOT_A_PAGE


@pytest.mark.parametrize("status", [403, 404, 500])
def test_what_the_server_answered_instead_is_said(site, rules, status):
    site.pages["/a"] = answer(status)
    with pytest.raises(FetchError, match=str(status)) as raised:
        fetch(site.url("/a"), rules)
    assert (raised.value.problem, raised.value.status) == (Problem.STATUS, status)


@pytest.mark.parametrize(
    "parts",
    [
        b"",
        b"220 smtp ready\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 99999,
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
    ],
)
def test_a_server_that_speaks_no_http_is_no_surprise(site, rules, parts):
    site.pages["/a"] = parts
    assert _problem(site.url("/a"), rules) is Problem.UNREACHABLE


def test_nobody_there(rules):
    port = web_server.closed_port()
    anywhere = dataclasses.replace(rules, allowed=lambda *_: True)
    assert _problem(f"http://127.0.0.1:{port}/", anywhere) is Problem.UNREACHABLE


def test_a_name_that_can_not_be_one_is_no_host():
    assert _problem(f"http://{'a' * 70}.example/", Rules()) is Problem.NO_SUCH_HOST


def test_the_resolver_gets_no_more_time_than_there_is(rules):
    def slow(host: str, port: int, seconds: float) -> list[str]:
        assert seconds <= 0.2
        raise FetchError(Problem.UNRESOLVED)

    assert (
        _problem("http://slow.example/", dataclasses.replace(rules, seconds=0.2, resolve=slow))
        is Problem.UNRESOLVED
    )


@pytest.mark.parametrize(
    ("host", "expected"), [("news.example", 200), ("other.example", Problem.UNREACHABLE)]
)
def test_a_site_proves_that_it_is_the_one_that_was_named(tmp_path, monkeypatch, host, expected):
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file()))
    with web_server.running(authority.server("news.example")) as site:
        site.pages["/a"] = page("云港")
        own = Rules(lambda *_: True, lambda *_: ["127.0.0.1"])
        url = f"https://{host}:{site.port}/a"
        got = fetch(url, own).status if expected == 200 else _problem(url, own)
    assert got == expected


def test_asking_about_a_link_reads_nothing_of_it(site, rules):
    site.pages["/file.pdf"] = answer(200, b"x" * 100, "application/pdf")
    got = ask(site.url("/file.pdf"), rules)
    assert (got.status, got.body) == (200, b"")
    assert site.asked == ["HEAD /file.pdf"]
