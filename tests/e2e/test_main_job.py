"""From manuscript to inbox, with every part real: PostgreSQL, Redis, Celery, SMTP, HTTP."""

from __future__ import annotations

import email
import email.policy
import http.client
import re
import socket
import subprocess
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import dkim
import psycopg
import pytest

from dongtai_mail.demo import sample_manuscript
from tests.conftest import MANUSCRIPTS
from tests.installation import Installation, wait_until
from tests.smtp_server import Received, SmtpServer

READERS = 2000
LEAVING = 10
DOMAINS = ("qq.test", "163.test", "example.com", "example.net", "post.test")


@pytest.fixture
def manuscript() -> Path:
    """The longer of the real issues where it is present, else the sample."""
    real = sorted(MANUSCRIPTS.glob("002*.txt"))
    return real[0] if real else sample_manuscript()


def _prepare(installation: Installation, manuscript: Path, count: int = READERS) -> str:
    """A publication, a list of readers and an issue; answers the DKIM record."""
    installation.run(
        *("publication", "add", "observer", "--name", "云港观察"),
        *("--from-name", "云港观察编辑部", "--from-address", "editor@news.example.org"),
    )
    installation.run("publication", "add-list", "observer", "readers", "读者")
    record = installation.run("publication", "dkim", "observer").strip().splitlines()[-1]
    table = installation.directory / "readers.csv"
    rows = (f"reader{n}@{DOMAINS[n % 5]},读者{n},单位{n}" for n in range(count))
    table.write_text("邮箱,姓名,单位\n" + "\n".join(rows), encoding="gb18030")
    report = installation.run("subscribers", "import", table, "--list", "readers")
    assert f"新增 {count:,}，已有 0，未导入 0" in report
    installation.run("import", manuscript, "--publication", "observer")
    return record


def test_an_issue_reaches_every_reader_once_and_those_who_leave_get_no_more(
    installation: Installation, smtp: SmtpServer, manuscript: Path
) -> None:
    record = _prepare(installation, manuscript)
    installation.start("worker", "worker", "--concurrency", "2")
    installation.start("scheduler")

    account = installation.run("send", 1, "--list", "readers", "--wait")
    assert f"targeted {READERS:,} = accepted {READERS:,} + deferred 0 + bounced 0" in account
    first = list(smtp.received)
    assert _one_each(first) == READERS
    _assert_personal_and_signed(first, record)
    assert _spam_score(first[0].data) <= 0.1

    for message in first[:LEAVING]:
        _leave(installation, message)
    smtp.received.clear()
    again = installation.run("send", 1, "--list", "readers", "--again", "--wait")
    assert f"targeted {READERS - LEAVING:,} = accepted {READERS - LEAVING:,} +" in again
    assert _one_each(smtp.received) == READERS - LEAVING
    assert not {m.recipient for m in first[:LEAVING]} & set(smtp.recipients())


def _one_each(messages: list[Received]) -> int:
    counts = Counter(message.recipient for message in messages)
    assert set(counts.values()) == {1}
    return len(counts)


def _assert_personal_and_signed(messages: list[Received], record: str) -> None:
    links, ids, senders = set(), set(), set()
    for message in messages:
        parsed = email.message_from_bytes(message.data, policy=email.policy.default)
        url = _one_click(message.data)
        assert message.recipient in str(parsed["To"])
        for part in parsed.iter_parts():
            body = part.get_content()
            assert body.count(url) == 1
            assert "personal.invalid" not in body
        links.add(url)
        ids.add(parsed["Message-ID"])
        senders.add(message.sender)
    assert len(links) == len(ids) == len(senders) == len(messages)
    for message in messages[:: len(messages) // 20]:
        _assert_signed(message.data, record)


def _assert_signed(data: bytes, record: str) -> None:
    assert dkim.verify(data, dnsfunc=lambda name, **_: record.encode())
    signature = email.message_from_bytes(data)["DKIM-Signature"]
    signed = re.sub(r"\s", "", re.search(r"h=([^;]+)", signature)[1]).lower().split(":")
    fields = {"from", "to", "subject", "date", "message-id", "list-id", "list-unsubscribe"}
    assert {*fields, "list-unsubscribe-post"} <= set(signed)


def _one_click(data: bytes) -> str:
    parsed = email.message_from_bytes(data)
    assert parsed["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    return re.search(r"<(https://[^>]+)>", parsed["List-Unsubscribe"])[1]


def _spam_score(data: bytes) -> float:
    command = ["spamassassin", "-L", "-t", "--cf=skip_rbl_checks 1"]
    judged = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    return float(re.search(rb"\((-?[\d.]+) points", judged)[1])


def _leave(installation: Installation, message: Received) -> None:
    """What a mail client does at one click: a POST without cookie or login (RFC 8058)."""
    if "web" not in installation.processes:
        _start_web(installation)
    path = urlsplit(_one_click(message.data)).path
    status, _ = _request(installation, "GET", path)
    assert status == 200
    status, _ = _request(installation, "POST", path, "List-Unsubscribe=One-Click")
    assert status == 200


def _start_web(installation: Installation) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        installation.environment["PORT"] = str(probe.getsockname()[1])
    bind = f"127.0.0.1:{installation.environment['PORT']}"
    installation.start("web", "web", "--bind", bind, "--workers", "1")
    wait_until(lambda: _answers(installation), "the web server answers")


def _answers(installation: Installation) -> bool:
    try:
        return _request(installation, "GET", "/health/live")[0] == 200
    except OSError:
        return False


def _request(
    installation: Installation, method: str, path: str, body: str | None = None
) -> tuple[int, bytes]:
    port = int(installation.environment["PORT"])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Host": "news.example.org", "X-Forwarded-Proto": "https"}
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    answer = response.status, response.read()
    connection.close()
    return answer


def test_a_mailing_waits_for_its_time(installation: Installation, smtp: SmtpServer) -> None:
    _prepare(installation, sample_manuscript(), 20)
    installation.run("send", 1, "--list", "readers", "--at", "2099-01-01T09:00")
    installation.start("worker", "worker", "--concurrency", "1")
    installation.start("scheduler", DONGTAI_LOG_LEVEL="DEBUG")
    with psycopg.connect(installation.database_url, autocommit=True) as database:
        wait_until(lambda: "due task" in installation.log("scheduler"), "the scheduler ticks")
        assert not smtp.received
        database.execute("UPDATE delivery_mailing SET scheduled_at = now()")
        wait_until(lambda: len(smtp.received) == 20, "the mailing is sent")
