"""Messages as mail systems and people write them, each read to the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from dongtai_mail.message.feedback import Feedback, Kind, Reason, Severity, read
from dongtai_mail.message.links import reader_links
from dongtai_mail.message.seal import Keyring
from dongtai_mail.message.verp import delivery_id, envelope_sender

SAMPLES = Path(__file__).parents[2] / "data" / "feedback"
HARD, SOFT = Severity.HARD, Severity.SOFT
VERP = "aaaabbbbccccddddeeeeffff2222333344445555"
LEAVE = "zzzzyyyyxxxxwwwwvvvvuuuuttttssssrrrr"

BOUNCED: dict[str, list[tuple[str, Severity, Reason]]] = {
    "postfix-unknown": [("li@example.org", HARD, Reason.USER_UNKNOWN)],
    "postfix-filtered-after-data": [("li@example.org", SOFT, Reason.FILTERED)],
    "postfix-three-fates": [
        ("li@example.org", SOFT, Reason.MAILBOX_FULL),
        ("wang@example.org", HARD, Reason.USER_UNKNOWN),
    ],
    "dsn-international": [("用户@例子.测试", HARD, Reason.USER_UNKNOWN)],
    "dsn-without-blank-lines": [
        ("li@example.org", HARD, Reason.USER_UNKNOWN),
        ("wang@example.org", SOFT, Reason.MAILBOX_FULL),
    ],
    "dsn-wrong-boundary": [("li@example.org", HARD, Reason.USER_UNKNOWN)],
    "dsn-forwarded-by-a-colleague": [("li@example.org", HARD, Reason.USER_UNKNOWN)],
    "dsn-delayed-and-failed": [
        ("li@example.org", SOFT, Reason.USER_UNKNOWN),
        ("wang@example.org", HARD, Reason.USER_UNKNOWN),
    ],
    "dsn-verification-in-progress": [("li@example.org", SOFT, Reason.USER_UNKNOWN)],
    "person-quotes-a-notice": [("wang@example.org", SOFT, Reason.USER_UNKNOWN)],
    "no-mime-dsn": [("li@example.org", SOFT, Reason.EXPIRED)],
    "sendmail-blocked-not-unknown": [("li@example.org", SOFT, Reason.BLOCKED)],
    "qmail-two": [
        ("li@example.org", HARD, Reason.USER_UNKNOWN),
        ("wang@nowhere.example", HARD, Reason.HOST_UNKNOWN),
    ],
    "exim-quota": [("li@example.org", SOFT, Reason.MAILBOX_FULL)],
    "qq-unknown": [("li@qq.example", HARD, Reason.USER_UNKNOWN)],
    "qq-frequency": [("li@qq.example", SOFT, Reason.RATE_LIMITED)],
    "netease-full": [("li@163.example", SOFT, Reason.MAILBOX_FULL)],
    "aliyun-spam": [("li@corp.example", SOFT, Reason.SPAM)],
    "coremail-suspended": [("li@edu.example", SOFT, Reason.SUSPENDED)],
    "gateway-transcript": [("li@example.org", HARD, Reason.USER_UNKNOWN)],
    "mdaemon-transcript": [("li@example.org", HARD, Reason.USER_UNKNOWN)],
    "groupwise-unknown": [("li@example.org", HARD, Reason.USER_UNKNOWN)],
    "mailmarshal-unknown": [("li@example.org", HARD, Reason.USER_UNKNOWN)],
    "exchange-html": [("li@corp.example", HARD, Reason.USER_UNKNOWN)],
    "domino-directory": [("li@corp.example", HARD, Reason.USER_UNKNOWN)],
    "ses-bounce": [("li@example.org", HARD, Reason.USER_UNKNOWN)],
    "qq-unknown-in-html": [("li@qq.example", HARD, Reason.USER_UNKNOWN)],
    "aliyun-unknown": [("li@corp.example", HARD, Reason.USER_UNKNOWN)],
    "yahoo-not-valid": [("li@ymail.example", HARD, Reason.USER_UNKNOWN)],
    "exchange-german": [("li@firma.example", HARD, Reason.USER_UNKNOWN)],
    "exchange-french-full": [("li@firma.example", SOFT, Reason.MAILBOX_FULL)],
    "exchange-chinese": [("li@firma.example", HARD, Reason.USER_UNKNOWN)],
    "exchange-japanese": [("li@firma.example", HARD, Reason.USER_UNKNOWN)],
    "chinese-sender-refused": [("li@corp.example", SOFT, Reason.SENDER)],
}
OTHERS: dict[str, Kind] = {
    "dsn-success": Kind.DELIVERED,
    "mdn-displayed": Kind.DELIVERED,
    "dsn-delayed": Kind.DELAYED,
    "exim-warning": Kind.DELAYED,
    "arf-abuse": Kind.COMPLAINT,
    "arf-not-spam": Kind.COMPLAINT,
    "arf-redacted": Kind.COMPLAINT,
    "arf-as-plain-text": Kind.COMPLAINT,
    "jmrp-forwarded": Kind.COMPLAINT,
    "vacation-chinese": Kind.AUTO_REPLY,
    "vacation-rfc3834": Kind.AUTO_REPLY,
    "vacation-precedence": Kind.AUTO_REPLY,
    "vacation-by-postmaster": Kind.AUTO_REPLY,
    "unsubscribe-by-mail": Kind.UNSUBSCRIBE,
    "person-about-bounces": Kind.UNKNOWN,
    "issue-forwarded": Kind.UNKNOWN,
}


def sample(name: str) -> Feedback:
    return read((SAMPLES / f"{name}.eml").read_bytes())


def test_every_sample_is_expected_to_be_something() -> None:
    assert {path.stem for path in SAMPLES.glob("*.eml")} == BOUNCED.keys() | OTHERS.keys()


@pytest.mark.parametrize("name", BOUNCED)
def test_a_bounce_names_each_recipient_with_its_reason(name: str) -> None:
    feedback = sample(name)
    said = [(report.address, report.severity, report.reason) for report in feedback.recipients]
    assert (feedback.kind, said) == (Kind.BOUNCE, BOUNCED[name])


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_bounce_condemns_nobody(name: str) -> None:
    feedback = sample(name)
    assert feedback.kind is OTHERS[name]
    assert not [report for report in feedback.recipients if report.severity is HARD]


@pytest.mark.parametrize("name", ["arf-abuse", "arf-as-plain-text"])
def test_a_complaint_names_who_complained(name: str) -> None:
    feedback = sample(name)
    assert [report.address for report in feedback.recipients] == ["li@example.org"]
    assert feedback.objection


def test_a_complaint_that_a_colleague_forwards_is_one() -> None:
    raw = (SAMPLES / "arf-abuse.eml").read_bytes()
    head = b"From: wang@example.com\nSubject: Fwd\nContent-Type: multipart/mixed; boundary=f\n\n"
    feedback = read(head + b"--f\nContent-Type: message/rfc822\n\n" + raw + b"\n--f--\n")
    assert feedback.kind is Kind.COMPLAINT
    assert [report.address for report in feedback.recipients] == ["li@example.org"]


def test_a_sentence_that_is_over_does_not_make_the_next_address_a_helpers() -> None:
    head = "From: MAILER-DAEMON@x.example\nSubject: Undelivered Mail\n\n"
    told = "<li@example.org>: Host or domain name not found"
    for line, found in (
        ("For assistance write to our postmaster.", 1),
        ("For assistance write to", 0),
    ):
        assert len(read(f"{head}{line}\n\n{told}\n".encode()).recipients) == found


@pytest.mark.parametrize(
    ("told", "severity"),
    [
        ("退信原因：收件人邮箱不存在\n550 User not found: li@example.org", HARD),
        ("失败原因：用户不存在 (550 User not found)", HARD),
        # Filters say so, too, once they have seen the message.
        ("Remote host said: 550 User not found: li@example.org", SOFT),
        ("退信原因：邮件被对方系统拒收\n550 User not found: li@example.org", SOFT),
    ],
)
def test_an_unknown_user_without_a_status_needs_a_second_word(told: str, severity: str) -> None:
    head = "From: Postmaster <postmaster@mail.example>\nSubject: 系统退信\n"
    raw = f"{head}Content-Type: text/plain; charset=utf-8\n\n收件人： li@example.org\n{told}\n"
    assert [report.severity for report in read(raw.encode()).recipients] == [severity]


@pytest.mark.parametrize(
    ("subject", "kind"),
    [
        *((f"{word}: 3", Kind.DELAYED) for word in ("Demorado", "Задержка", "遅延", "延迟")),
        *((f"{word}: 3", Kind.DELIVERED) for word in ("Доставлено", "Entregue", "已送达")),
        ("Successful Mail Delivery Report", Kind.DELIVERED),
        ("**Message you sent blocked by our bulk email filter**", Kind.BOUNCE),
    ],
)
def test_a_mail_systems_subject_tells_what_it_says(subject: str, kind: Kind) -> None:
    raw = f"From: MAILER-DAEMON@x.example\nSubject: {subject}\n\nYour message to: li@example.org\n"
    blocked = "was blocked by our Spam Firewall. It has NOT BEEN DELIVERED\n"
    assert read((raw + blocked * (kind is Kind.BOUNCE)).encode()).kind is kind


def test_a_redacted_complaint_is_still_traced_by_our_own_marks() -> None:
    feedback = sample("arf-redacted")
    assert feedback.recipients == ()
    assert feedback.original_message_id == "7.42@news.example.com"
    assert VERP in feedback.tokens


def test_a_hotmail_complaint_names_its_reader() -> None:
    assert [r.address for r in sample("jmrp-forwarded").recipients] == ["li@hotmail.example"]


def test_a_reader_who_says_not_spam_has_not_complained() -> None:
    feedback = sample("arf-not-spam")
    assert feedback.feedback_type == "not-spam"
    assert not feedback.objection


def test_a_bounce_carries_what_traces_it_and_why() -> None:
    feedback = sample("postfix-unknown")
    report = feedback.recipients[0]
    assert (report.status, report.code, report.command) == ("5.1.1", 550, "rcpt")
    assert report.evidence.source == "phrase"
    assert "User unknown" in report.diagnostic
    assert feedback.tokens == (VERP, LEAVE)
    assert feedback.original_message_id == "7.42@news.example.com"


def test_a_delay_says_so_though_the_server_says_unknown() -> None:
    report = sample("dsn-delayed").recipients[0]
    assert (report.severity, report.reason) == (SOFT, Reason.USER_UNKNOWN)


def test_words_inside_the_returned_message_are_not_the_notice() -> None:
    assert "chen@example.org" not in {report.address for report in sample("qmail-two").recipients}


@pytest.mark.parametrize("prefix", ["leave", "unsubscribe", "LEAVE"])
def test_the_envelope_recipient_makes_an_unsubscribe(prefix: str) -> None:
    raw = b"From: li@example.org\nTo: news@example.com\nSubject: hello\n\nAutomatic reply\n"
    feedback = read(raw, recipient=f"{prefix}+{LEAVE}@example.com")
    assert (feedback.kind, feedback.tokens) == (Kind.UNSUBSCRIBE, (LEAVE,))


def test_the_door_knows_better_than_the_headers() -> None:
    raw = f"To: leave+{LEAVE}@example.com\nSubject: Re: hello\n\nHi\n".encode()
    assert read(raw).kind is Kind.UNSUBSCRIBE
    assert read(raw, recipient="news@example.com").kind is Kind.UNKNOWN


def test_a_report_sent_to_the_unsubscribe_address_unsubscribes_nobody() -> None:
    raw = (SAMPLES / "arf-abuse.eml").read_bytes()
    assert read(raw, recipient=f"leave+{LEAVE}@example.com").kind is Kind.COMPLAINT


def test_our_own_envelope_sender_is_found_in_what_came_back() -> None:
    keyring = Keyring({1: b"k" * 32})
    sender = envelope_sender(keyring, 4711, "bounce.example.com")
    raw = (SAMPLES / "postfix-unknown.eml").read_bytes()
    returned = raw.replace(f"b+{VERP}@bounce.example.com".encode(), sender.encode())
    found = {delivery_id(keyring, f"+{token}") for token in read(returned).tokens}
    assert 4711 in found
    assert read(b"Subject: x\n\n", recipient=sender).tokens == (sender.split("+")[1].split("@")[0],)


def test_our_own_mailto_link_unsubscribes() -> None:
    links = reader_links(Keyring({1: b"k" * 32}), "https://x.example", "example.com", 7, 8)
    address = links.mailto.removeprefix("mailto:").partition("?")[0]
    feedback = read(f"To: {address}\nSubject: unsubscribe\n\n".encode())
    assert feedback.kind is Kind.UNSUBSCRIBE
    assert feedback.tokens[0] in address
