"""The catcher over the wire, as a separate process."""

from __future__ import annotations

import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dongtai_mail.catcher.store import Caught, Store
from tests.catcher.conftest import Catcher

LETTER = b"From: a@example.org\r\nSubject: =?utf-8?b?5r6c5riv?=\r\n\r\nText\r\n"


def kept(catcher: Catcher) -> list[Caught]:
    """Everything in the store, oldest first."""
    store = Store(catcher.database)
    found = [store.get(line.id) for line in reversed(store.page("", 1000, 0))]
    store.close()
    return [
        Caught(k.received_at, k.envelope_sender, k.recipients, k.author, k.subject, content)
        for k, content in filter(None, found)
    ]


def send(port: int, content: bytes, sender: str = "b@example.org") -> None:
    with smtplib.SMTP("127.0.0.1", port) as session:
        session.sendmail(sender, ["reader@example.test"], content)


def raw_session(catcher: Catcher) -> tuple[socket.socket, object]:
    connection = socket.create_connection(("127.0.0.1", catcher.port), timeout=10)
    replies = connection.makefile("rb")
    replies.readline()
    connection.sendall(b"EHLO me\r\n")
    while replies.readline()[3:4] == b"-":
        pass
    return connection, replies


def test_a_message_is_kept_octet_for_octet_with_its_envelope(catcher: Catcher) -> None:
    with smtplib.SMTP("127.0.0.1", catcher.port) as session:
        session.sendmail("v+1@bounce.example.org", ["x@example.test", "y@example.test"], LETTER)
    (message,) = kept(catcher)
    assert message.content == LETTER
    assert message.envelope_sender == "v+1@bounce.example.org"
    assert message.recipients == ("x@example.test", "y@example.test")
    assert (message.author, message.subject) == ("a@example.org", "澜港")


def test_it_offers_what_the_sender_wants_to_use(catcher: Catcher) -> None:
    with smtplib.SMTP("127.0.0.1", catcher.port) as session:
        session.ehlo()
        offered = {"size", "8bitmime", "smtputf8", "pipelining"}
        assert offered <= set(session.esmtp_features)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b".\r\n",
        b"..\r\n.\r\n",
        b".leading dot\r\n",
        b"\r\n\r\n.\r\n",
        b"a\r\n",
        b"a\r\n.b\r\n..c\r\n.\r\nd\r\n",
        b"bare\nnewline\r\n\r\n\n.\n\r\n",
        b"x: " + b"y" * 3_000_000 + b"\r\n",
        "主题: 八位\r\n\r\n原样\r\n".encode(),
    ],
    ids=range(11),
)
def test_odd_messages_come_through_unchanged(catcher: Catcher, content: bytes) -> None:
    connection, replies = raw_session(catcher)
    stuffed = (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]
    with connection:
        connection.sendall(b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
        assert [replies.readline()[:3] for _ in range(3)] == [b"250", b"250", b"354"]
        connection.sendall(stuffed + b".\r\n")
        assert replies.readline().startswith(b"250")
    assert [message.content for message in kept(catcher)] == [content]


def test_two_messages_in_one_packet_are_two_messages(catcher: Catcher) -> None:
    connection, replies = raw_session(catcher)
    one = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n" + LETTER + b".\r\n"
    with connection:
        connection.sendall(one + one + b"QUIT\r\n")
        codes = [line[:3] for line in replies.readlines()]
    assert codes == [b"250", b"250", b"354", b"250"] * 2 + [b"221"]
    assert [message.content for message in kept(catcher)] == [LETTER, LETTER]


def test_a_null_sender_and_a_chinese_address_are_taken(catcher: Catcher) -> None:
    with smtplib.SMTP("127.0.0.1", catcher.port) as session:
        session.sendmail("", ["r@example.test"], LETTER)
        session.ehlo()
        session.sendmail("a@x.test", ["用户@例子.测试"], LETTER, mail_options=["SMTPUTF8"])
    first, second = kept(catcher)
    assert first.envelope_sender == ""
    assert second.recipients == ("用户@例子.测试",)


def test_a_message_over_the_size_limit_is_refused_and_the_session_lives(catcher: Catcher) -> None:
    connection, replies = raw_session(catcher)
    with connection:
        connection.sendall(b"MAIL FROM:<a@x.test> SIZE=99999999\r\n")
        assert replies.readline().startswith(b"552")
        connection.sendall(b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@x.test>\r\nDATA\r\n")
        for _ in range(3):
            replies.readline()
        connection.sendall(b"x" * 1000 + b"\r\n")
        for _ in range(27):
            connection.sendall((b"y" * 998 + b"\r\n") * 1024)
        connection.sendall(b".\r\n")
        assert replies.readline().startswith(b"552")
        connection.sendall(b"NOOP\r\n")
        assert replies.readline().startswith(b"250")
    assert kept(catcher) == []


def test_data_without_a_recipient_is_refused(catcher: Catcher) -> None:
    connection, replies = raw_session(catcher)
    with connection:
        connection.sendall(b"DATA\r\n")
        assert replies.readline().startswith(b"503")


def test_many_sessions_at_once_lose_and_double_nothing(catcher: Catcher) -> None:
    letters = [b"Subject: %d\r\n\r\n%d\r\n" % (n, n) for n in range(200)]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda letter: send(catcher.port, letter), letters))
    assert sorted(message.content for message in kept(catcher)) == sorted(letters)


def test_what_was_answered_with_250_survives_a_kill(catcher: Catcher) -> None:
    send(catcher.port, LETTER)
    catcher.process.kill()
    catcher.process.wait()
    assert [message.content for message in kept(catcher)] == [LETTER]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_with_a_session_open(catcher: Catcher, number: int) -> None:
    connection, _ = raw_session(catcher)
    with connection:
        catcher.process.send_signal(number)
        output, errors = catcher.process.communicate(timeout=10)
    assert (catcher.process.returncode, output, errors) == (0, "", "")


def test_a_message_that_cannot_be_stored_is_not_accepted(catcher: Catcher) -> None:
    with sqlite3.connect(catcher.database) as connection:
        connection.execute("DROP TABLE source")
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(catcher.port, LETTER)
    assert refused.value.smtp_code == 451
    assert kept(catcher) == []


def test_a_busy_port_is_one_clear_line(catcher: Catcher, tmp_path: Path) -> None:
    second = _run("--port", str(catcher.port), "--database", str(tmp_path / "other"))
    assert second.returncode == 2
    (line,) = second.stderr.splitlines()
    assert f"127.0.0.1:{catcher.port} 已被别的程序占用" in line
    assert "in use" in line


def test_a_store_that_cannot_be_opened_is_one_clear_line(tmp_path: Path) -> None:
    refused = _run("--port", "0", "--database", str(tmp_path / "missing" / "caught"))
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dongtai_mail", "catcher", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)
