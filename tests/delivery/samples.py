"""Messages that come back, written for the tests in the forms that mail systems use."""

from __future__ import annotations


def bounce(address: str, returned_from: str = "") -> bytes:
    return _notice(address, "failed", "5.1.1", "550 5.1.1 no such user here", returned_from)


def full(address: str) -> bytes:
    return _notice(address, "failed", "5.2.2", "552 5.2.2 mailbox full, over quota")


def delayed(address: str) -> bytes:
    return _notice(address, "delayed", "4.4.1", "connect to mx.example.net: timed out")


def _notice(address: str, action: str, status: str, said: str, returned_from: str = "") -> bytes:
    """RFC 3464, as Postfix writes it."""
    path = f"Return-Path: <{returned_from}>\n" if returned_from else ""
    return _crlf(f"""\
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

This is the mail system at host mx.example.net.

<{address}>: host mx.example.net said: {said} (in reply to RCPT TO command)

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Final-Recipient: rfc822; {address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {said}

--b1
Content-Type: message/rfc822

{path}Message-ID: <1.1@example.org>
Subject: issue 7

--b1--
""")


def complaint(address: str, header: str = "X-Mailer: none") -> bytes:
    """RFC 5965."""
    return _crlf(f"""\
From: feedback@mx.example.net
Subject: FW: issue 7
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b1"

--b1
Content-Type: text/plain

This is an email abuse report for a message received from 192.0.2.1.

--b1
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Example/1.0
Version: 1
Original-Rcpt-To: {address}

--b1
Content-Type: message/rfc822

From: editor@example.org
{header}
Message-ID: <1.1@example.org>
Subject: issue 7

--b1--
""")


def vacation(address: str) -> bytes:
    return _crlf(f"""\
From: {address}
Subject: Out of office: issue 7
Auto-Submitted: auto-replied (vacation)

I am away. For urgent matters ask wang@example.net; li@example.net: user unknown, he has left.
""")


def receipt(address: str) -> bytes:
    return _crlf(f"""\
From: {address}
Subject: Read: issue 7
MIME-Version: 1.0
Content-Type: multipart/report; report-type=disposition-notification; boundary="b1"

--b1
Content-Type: text/plain

The message was displayed.

--b1
Content-Type: message/disposition-notification

Final-Recipient: rfc822; {address}
Disposition: manual-action/MDN-sent-manually; displayed

--b1--
""")


def _crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()
