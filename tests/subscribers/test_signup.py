"""Signing up: one answer for all, confirmed by the mailbox alone, and of no use to attackers."""

from __future__ import annotations

import email
import re
import time
from email import policy

import dkim
import pytest
from django.test import Client

from dongtai_mail.delivery import notices
from dongtai_mail.delivery.letters import key_path
from dongtai_mail.environment import Relay
from dongtai_mail.message.dkim import Signer, dns_record
from subscribers import links, outbox, signup, suppression, tokens
from subscribers.models import Notice, Subscriber, Subscription, Suppression
from tests import factories
from tests.smtp_server import SmtpServer
from worker import errands

pytestmark = pytest.mark.django_db

State = Subscription.State


@pytest.fixture
def public(readers):
    readers.public = True
    readers.save()
    return readers


def _sign_up(client: Client, address: str = "li@example.com", **fields: str):
    return client.post("/s/readers/", {"email": address, **fields})


def test_signing_up_and_confirming(stranger, public):
    page = _sign_up(stranger, name="李四").content.decode()
    assert "还差一步" in page
    subscription = Subscription.objects.get()
    assert subscription.state == State.PENDING
    path = tokens.path(Notice.objects.get())
    assert "确认订阅" in stranger.get(path).content.decode()
    subscription.refresh_from_db()
    assert subscription.state == State.PENDING
    assert "已订阅" in stranger.post(path).content.decode()
    subscription.refresh_from_db()
    assert subscription.state == State.CONFIRMED
    history = list(subscription.events.all())
    assert [event.source for event in history] == ["sign-up", "confirmation"]
    assert {event.ip for event in history} == {"127.0.0.1"}
    assert all("云港观察" in event.wording.text for event in history)


def test_the_answer_is_the_same_whatever_is_known(stranger, public):
    factories.subscribe(public, "on@example.com")
    left = factories.subscribe(public, "left@example.com")[0]
    Subscription.objects.filter(pk=left.pk).update(state=State.UNSUBSCRIBED)
    suppression.suppress("gone@example.com", Suppression.Reason.COMPLAINT, "test")
    answers = {
        (response.status_code, response.content)
        for who in ("new", "on", "left", "gone", "new")
        for response in [_sign_up(stranger, f"{who}@example.com")]
    }
    assert len(answers) == 1
    assert answers == {(200, _sign_up(stranger, "x@example.com", website="spam").content)}
    led_to = {
        tuple(_sign_up(stranger, f"{who}@example.com", **more).redirect_chain)
        for who, more in (("another", {}), ("on", {}), ("gone", {}), ("x", {"website": "spam"}))
    }
    assert led_to == {(("/s/readers/?asked&lang=zh-hans", 303),)}


def test_a_program_that_fills_in_everything_signs_nobody_up(stranger, public):
    _sign_up(stranger, website="https://spam.example")
    assert not Subscriber.objects.exists()
    assert not Notice.objects.exists()


def test_what_is_copied_along_is_taken_off_wherever_an_address_is_typed(stranger, public, reader):
    _sign_up(stranger, "mailto:li@example.com ；")
    assert Subscriber.objects.filter(key="li@example.com").exists()
    own = f"/p/{links.reader_token(reader.pk)}"
    stranger.post(f"{own}/address/", {"email": "new@example.com；"})
    assert Notice.objects.get(kind=Notice.Kind.MOVE).move.address == "new@example.com"
    stranger.post(f"{own}/erasure/", {"email": "zhang@example.com ,"})
    assert not Subscriber.objects.filter(key="zhang@example.com").exists()


def test_an_address_gets_one_confirmation_a_day_whoever_asks(stranger, public):
    for spelling in ("li@example.com", "LI@example.com", "ｌｉ@example.com"):
        for _ in range(3):
            _sign_up(stranger, spelling)
    assert Notice.objects.count() == 1


def test_a_mailbox_gets_one_confirmation_a_day_however_it_is_tagged(stranger, public):
    for tag in ("", "+1", "+2", "+2+3"):
        _sign_up(stranger, f"victim{tag}@example.com")
    assert Notice.objects.count() == 1
    for spelling in ("vic.tim@gmail.com", "victim@gmail.com", "v.ictim+1@googlemail.com"):
        _sign_up(stranger, spelling)
    assert Notice.objects.count() == 2


def test_the_answer_takes_as_long_whatever_is_known(stranger, public, reader, monkeypatch):
    monkeypatch.setattr(links, "EVEN_SECONDS", 0.08)
    suppression.suppress("gone@example.com", Suppression.Reason.COMPLAINT, "test")
    for address in ("gone@example.com", "new@example.com", "zhang@example.com"):
        began = time.monotonic()
        _sign_up(stranger, address)
        assert time.monotonic() - began >= 0.08


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        *(("::ffff:192.0.2.7", "192.0.2.7"), ("fe80::1%eth0\x00", "fe80::")),
        *(("2001:db8:0:1::7", "2001:db8:0:1::"), ("nonsense", None), ("", None)),
    ],
)
def test_a_network_is_counted_as_one(stranger, public, said, kept):
    stranger.post("/s/readers/", {"email": "li@example.com"}, REMOTE_ADDR=said)
    assert Notice.objects.get().ip == kept


def test_a_network_gets_few_confirmations_an_hour(stranger, public, monkeypatch):
    monkeypatch.setattr(outbox, "NETWORK_AN_HOUR", 3)
    for number in range(6):
        _sign_up(stranger, f"victim{number}@example.com")
    assert Notice.objects.count() == 3


@pytest.mark.parametrize(
    "addresses",
    [["192.0.2.1"] * 5, [f"2001:db8:0:1::{number}" for number in range(5)]],
    ids=["IPv4", "IPv6"],
)
def test_a_network_signs_few_up_an_hour_where_nobody_is_asked(
    stranger, public, monkeypatch, addresses
):
    monkeypatch.setattr(outbox, "NETWORK_AN_HOUR", 3)
    public.double_opt_in = False
    public.save()
    for number, ip in enumerate(addresses):
        fields = {"email": f"victim{number}@example.com"}
        stranger.post("/s/readers/", fields, REMOTE_ADDR=ip)
    assert Subscription.objects.count() == 3
    for ip in ("192.0.2.2", "2001:db8:0:2::1"):
        stranger.post("/s/readers/", {"email": f"{ip[-1]}@example.com"}, REMOTE_ADDR=ip)
    assert Subscription.objects.count() == 5


def test_the_network_is_what_the_proxy_saw_not_what_the_client_says(stranger, public, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    stranger.post(
        "/s/readers/",
        {"email": "li@example.com"},
        headers={"X-Forwarded-For": "6.6.6.6, 2001:db8::77"},
    )
    assert Notice.objects.get().ip == "2001:db8::"


def test_nobody_else_can_resubscribe_a_reader_who_left(stranger, public, reader):
    Subscription.objects.update(state=State.UNSUBSCRIBED)
    public.double_opt_in = False
    public.save()
    _sign_up(stranger, "zhang@example.com", name="攻击者")
    reader.refresh_from_db()
    assert reader.state == State.UNSUBSCRIBED
    assert reader.subscriber.name == "张三"
    stranger.post(tokens.path(Notice.objects.get()))
    reader.refresh_from_db()
    assert reader.state == State.CONFIRMED


def test_a_list_without_double_opt_in_begins_at_once(stranger, public):
    public.double_opt_in = False
    public.save()
    _sign_up(stranger)
    assert Subscription.objects.get().state == State.CONFIRMED


def test_one_confirmation_confirms_what_else_waits_and_says_so(stranger, public):
    factories.SubscriberList.objects.create(
        publication=public.publication, slug="weekly", name="周报", public=True
    )
    _sign_up(stranger)
    stranger.post("/s/weekly/", {"email": "li@example.com"})
    path = tokens.path(Notice.objects.get())
    page = stranger.get(path).content.decode()
    assert "周报" in page
    factories.SubscriberList.objects.create(
        publication=public.publication, slug="unseen", name="没看到的", public=True
    )
    stranger.post("/s/unseen/", {"email": "li@example.com"})
    foreign = factories.subscribe(public, "wang@example.com")[0]
    Subscription.objects.filter(pk=foreign.pk).update(state=State.PENDING)
    shown = re.findall(r'name="list" value="(\d+)"', page)
    stranger.post(path, {"list": [*shown, foreign.pk]})
    confirmed = Subscription.objects.filter(state=State.CONFIRMED)
    assert set(confirmed.values_list("subscriber_list__slug", flat=True)) == {"readers", "weekly"}
    assert foreign not in confirmed


def test_a_list_that_is_not_public_or_archived_has_no_form(stranger, readers):
    assert stranger.get("/s/readers/").status_code == 404
    readers.public, readers.archived_at = True, readers.created_at
    readers.save()
    assert stranger.get("/s/readers/").status_code == 404
    assert _sign_up(stranger).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "",
        "no",
        "a@b@c.com",
        "a@example.com\r\nBcc: b@example.com",
        "<script>@example.com",
        "a" * 400,
    ],
)
def test_what_is_no_address_is_explained_and_nothing_is_kept(stranger, public, address):
    page = _sign_up(stranger, address).content.decode()
    assert "errorlist" in page
    assert "<script>" not in page
    assert not Subscriber.objects.exists()


def test_hostile_names_do_not_reach_the_page_or_the_mail(stranger, public):
    _sign_up(stranger, name="甲\r\nBcc: x@example.com")
    assert not Subscriber.objects.exists()
    hostile = '"><script>alert(1)</script>'
    _sign_up(stranger, name=hostile)
    factories.SubscriberList.objects.update(name=hostile)
    letter = notices.letter(Notice.objects.get(), outbox.timezone.localtime())
    parsed = email.message_from_bytes(letter.message, policy=policy.default)
    assert "<script" not in parsed.get_body(("html",)).get_content()
    assert "<script" not in stranger.get("/s/readers/").content.decode()


def test_the_address_of_the_page_after_is_never_taken_from_the_request(stranger, public):
    for name in ("next", "redirect", "url", "return"):
        query = f"/s/readers/?{name}=https://evil.example"
        response = stranger.post(query, {"email": "li@example.com"})
        assert response.status_code == 200
        assert b"evil.example" not in response.content


@pytest.mark.parametrize("address", ["/c/{}/", "/m/{}/", "/d/{}/"])
def test_forged_and_foreign_tokens_get_one_answer(stranger, public, reader, address):
    _sign_up(stranger, "zhang@example.com")
    notice = Notice.objects.get()
    own = tokens.path(notice).split("/")[2]
    reader_token = tokens.keyring().seal("reader", (reader.pk, notice.pk))
    forged = [
        own[:-1] + ("A" if own[-1] != "A" else "E"),
        reader_token,
        tokens.keyring().seal("notice confirm", (reader.pk, notice.pk + 1)),
        tokens.keyring().seal("notice confirm", (reader.pk + 1, notice.pk)),
        tokens.keyring().seal("notice confirm", ((1 << 64) - 1, 1)),
        "x",
    ]
    if not address.startswith("/c/"):
        forged.append(own)
    answers = {
        (response.status_code, response.content)
        for token in forged
        for response in (stranger.get(address.format(token)), stranger.post(address.format(token)))
    }
    assert len(answers) == 1
    assert answers.pop()[0] == 404


def test_a_confirmation_link_ends_after_a_month(stranger, public):
    _sign_up(stranger)
    path = tokens.path(Notice.objects.get())
    Notice.objects.update(created_at="2020-01-01T00:00Z")
    assert stranger.post(path).status_code == 404
    assert Subscription.objects.get().state == State.PENDING


def test_an_unconfirmed_sign_up_is_forgotten_after_a_month(stranger, public, reader):
    _sign_up(stranger)
    signup.forget_unconfirmed()
    assert Subscriber.objects.count() == 2
    Subscription.objects.update(changed_at="2020-01-01T00:00Z")
    signup.forget_unconfirmed()
    assert Subscriber.objects.get() == reader.subscriber


@pytest.mark.usefixtures("redis_server")
def test_the_confirmation_is_sent_signed_and_looks_after_itself(stranger, public, settings):
    _sign_up(stranger, "李@example.com".replace("李", "li"))
    with SmtpServer() as smtp:
        settings.RELAYS = (Relay("127.0.0.1", smtp.port, "none"),)
        errands.run()
    (received,) = smtp.received
    assert (received.sender, received.recipient) == ("notices@bounce.example.org", "li@example.com")
    message = email.message_from_bytes(received.data, policy=policy.default)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"] == "请确认订阅《云港观察》"
    link = re.search(r"https://news\.example\.org(/c/[^\s/]+/)", message.get_body().get_content())
    assert link
    assert link[1] in message.get_body(("html",)).get_content()
    assert "已订阅" in stranger.post(link[1]).content.decode()
    signer = Signer("example.org", "dongtai", key_path(public.publication).read_bytes())
    record = dns_record(signer).encode()
    assert dkim.verify(received.data, dnsfunc=lambda *_, **__: record)
    assert Notice.objects.get().state == "sent"


@pytest.mark.usefixtures("redis_server")
def test_a_notice_the_relay_refuses_for_now_is_tried_again(stranger, public, settings):
    _sign_up(stranger)
    replies = {"rcpt": "451 4.7.1 later"}
    with SmtpServer(lambda stage, _: replies.get(stage)) as smtp:
        settings.RELAYS = (Relay("127.0.0.1", smtp.port, "none"),)
        errands.send_notices()
        notice = Notice.objects.get()
        assert (notice.state, notice.attempts) == ("queued", 1)
        assert "451" in notice.note
        assert errands.send_notices() == 0
        replies.clear()
        Notice.objects.update(due_at=notice.created_at)
        errands.send_notices()
    assert len(smtp.received) == 1
    assert Notice.objects.get().state == "sent"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_notice_goes_out_beside_a_process_that_is_busy(stranger, public, settings):
    with SmtpServer() as smtp:
        settings.RELAYS = (Relay("127.0.0.1", smtp.port, "none"),)
        errands.wake()
        assert not errands.POST.busy
        _sign_up(stranger)
        errands.wake()
        errands.POST.wait(60)
    assert [message.recipient for message in smtp.received] == ["li@example.com"]


@pytest.mark.usefixtures("redis_server")
def test_a_suppressed_mailbox_gets_no_notice_that_was_queued_before(stranger, public, settings):
    _sign_up(stranger)
    suppression.suppress("li@example.com", Suppression.Reason.BOUNCE, "test")
    with SmtpServer() as smtp:
        settings.RELAYS = (Relay("127.0.0.1", smtp.port, "none"),)
        errands.send_notices()
    assert not smtp.received
    assert Notice.objects.get().state == "failed"


def test_the_pages_speak_english(stranger, public):
    english = stranger.get("/s/readers/?lang=en").content.decode()
    assert "Subscribe to" in english
    assert not re.search(r"[\u4e00-\u9fff]{3}", re.sub(r"云港观察|读者|中文", "", english))


def test_a_wrong_address_is_refused_in_the_readers_language(stranger, readers):
    factories.SubscriberList.objects.update(public=True)
    english = stranger.post("/s/readers/?lang=en", {"email": "zhang at example"}).content.decode()
    assert "write it as name@domain" in english
    assert "邮箱地址" not in english
    assert "请写成" in stranger.post("/s/readers/", {"email": "zhang"}).content.decode()


def test_no_browser_refuses_a_chinese_address(stranger, public):
    page = stranger.get("/s/readers/").content.decode()
    assert 'inputmode="email"' in page
    assert 'type="email"' not in page
