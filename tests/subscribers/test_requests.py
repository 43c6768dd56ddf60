"""What readers may ask for: a pause, a new address, their data, and being forgotten."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.core.management.sql import emit_post_migrate_signal
from django.db import OperationalError, connection
from django.test import Client

from dongtai_mail.delivery import mailings, notices, proof_sends, queue, returns
from dongtai_mail.delivery.models import Attempt, Delivery, ProofLetter
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.issues.models import Publication
from dongtai_mail.keys import keyring
from dongtai_mail.message.links import PURPOSE
from dongtai_mail.message.reply import Reply, Stage
from subscribers import (
    exporting,
    importing,
    outbox,
    signup,
    staging,
    suppression,
    tables,
    tokens,
)
from subscribers.erasure import erase
from subscribers.fingerprint import fingerprint
from subscribers.leaving import leave
from subscribers.models import (
    AddressChange,
    ImportRow,
    ImportRun,
    Notice,
    Subscriber,
    SubscriberList,
    Subscription,
    SubscriptionEvent,
    Suppression,
)
from tests import factories
from tests.delivery import samples

pytestmark = pytest.mark.django_db

State = Subscription.State


def _token(subscription: Subscription) -> str:
    return keyring().seal(PURPOSE, (subscription.pk, 7))


def _targeted() -> int:
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    mailing.refresh_from_db()
    return mailing.targeted


def test_a_paused_reader_is_left_out_until_the_pause_ends(stranger, reader):
    address = f"/p/{_token(reader)}/"
    page = stranger.post(address, {"list": [reader.pk], "name": "张三", "pause": "30"})
    assert "暂停到" in page.content.decode()
    assert _targeted() == 0
    stranger.post(address, {"list": [reader.pk], "name": "张三", "pause": "keep"})
    assert _targeted() == 0
    Subscription.objects.update(paused_until="2020-01-01T00:00Z")
    assert _targeted() == 1
    stranger.post(address, {"list": [reader.pk], "name": "张三", "pause": "999999999"})
    assert _targeted() == 1


def test_preferences_are_saved_all_or_none(stranger, reader):
    def fail(execute, sql, *rest):
        if "subscriptionevent" in sql:
            raise OperationalError("disk full")
        return execute(sql, *rest)

    with connection.execute_wrapper(fail), pytest.raises(OperationalError):
        stranger.post(f"/p/{_token(reader)}/", {"name": "李四", "pause": "30"})
    kept = Subscription.objects.get()
    assert (kept.subscriber.name, kept.paused_until, kept.state) == ("张三", None, "confirmed")


def test_the_language_is_kept(stranger, reader):
    chosen = {"list": [reader.pk], "language": "en"}
    page = stranger.post(f"/p/{_token(reader)}/?lang=zh-hans", chosen)
    assert Subscriber.objects.get().language == "en"
    assert page.headers["Content-Language"] == "en"
    assert "Saved" in page.content.decode()
    stranger.post(f"/p/{_token(reader)}/", {"list": [reader.pk], "language": "<x>"})
    assert Subscriber.objects.get().language == "en"


def test_a_reason_for_leaving_is_kept_and_never_needed(stranger, reader):
    stranger.post(f"/u/{_token(reader)}/reason/", {"reason": "太早"})
    assert not reader.events.exists()
    stranger.post(f"/u/{_token(reader)}/?by=page")
    page = stranger.post(f"/u/{_token(reader)}/reason/", {"reason": "太长\r\n了"})
    assert "已记下" in page.content.decode()
    for _ in range(3):
        stranger.post(f"/u/{_token(reader)}/reason/", {"reason": "还是太长"})
    assert [(e.source, e.detail) for e in reader.events.all()][1:] == [("reason", "太长了")]
    stranger.post(f"/u/{_token(reader)}/return/")
    stranger.post(f"/u/{_token(reader)}/")
    stranger.post(f"/u/{_token(reader)}/reason/", {"reason": "又太长"})
    assert [e.detail for e in reader.events.filter(source="reason")] == ["太长了", "又太长"]


def test_history_can_not_be_changed(reader):
    event = SubscriptionEvent.objects.create(subscription=reader, state="confirmed", source="test")
    with pytest.raises(Exception, match="only ever added"):
        event.save()
    with pytest.raises(Exception, match="only ever added"), outbox.transaction.atomic():
        SubscriptionEvent.objects.update(source="forged")


def _move(stranger, reader, to: str):
    return stranger.post(f"/p/{_token(reader)}/address/", {"email": to})


def test_a_new_address_counts_once_its_mailbox_confirms(stranger, reader):
    assert "原来的地址" in _move(stranger, reader, "new@Example.net").content.decode()
    path = tokens.path(Notice.objects.get())
    assert "new@example.net" in stranger.get(path).content.decode()
    assert Subscriber.objects.get().key == "zhang@example.com"
    assert "地址已更换" in stranger.post(path).content.decode()
    person = Subscriber.objects.get()
    assert (person.address, person.hash) == ("new@example.net", fingerprint("new@example.net"))
    assert person.provider == "example.net"
    assert [event.source for event in reader.events.all()] == ["address change"]


def test_moving_to_a_known_address_tells_nothing_and_makes_one_reader_of_two(stranger, reader):
    weekly = factories.subscriber_list(slug="weekly")
    factories.subscribe(weekly, "other@example.com")
    unknown = _move(stranger, reader, "unknown@example.com").content
    assert _move(stranger, reader, "other@example.com").content == unknown
    notice = Notice.objects.get(recipient_hash=fingerprint("other@example.com"))
    stranger.post(tokens.path(notice))
    person = Subscriber.objects.get()
    assert person.key == "other@example.com"
    assert person.subscriptions.count() == 2


def _merged(stranger, reader, there: str) -> Subscription:
    """The reader moved to an address that was on the same list in the state ``there``."""
    other = factories.subscribe(reader.subscriber_list, "other@example.com")[0]
    Subscription.objects.filter(pk=other.pk).update(state=there)
    SubscriptionEvent.objects.create(subscription=other, state=there, source="one-click")
    _move(stranger, reader, "other@example.com")
    stranger.post(tokens.path(Notice.objects.get()))
    assert Subscriber.objects.get().key == "other@example.com"
    return Subscription.objects.get()


@pytest.mark.parametrize(
    ("here", "there", "after"),
    [
        (State.CONFIRMED, State.UNSUBSCRIBED, State.CONFIRMED),
        (State.CONFIRMED, State.PENDING, State.CONFIRMED),
        (State.CONFIRMED, State.BOUNCED, State.CONFIRMED),
        (State.CONFIRMED, State.CONFIRMED, State.CONFIRMED),
        (State.UNSUBSCRIBED, State.CONFIRMED, State.CONFIRMED),
        (State.UNSUBSCRIBED, State.PENDING, State.PENDING),
        (State.CONFIRMED, State.COMPLAINED, State.COMPLAINED),
        (State.COMPLAINED, State.CONFIRMED, State.COMPLAINED),
    ],
)
def test_of_two_subscriptions_one_goes_on_with_both_histories(stranger, here, there, after):
    reader = factories.subscribe(factories.subscriber_list(), "zhang@example.com")[0]
    Subscription.objects.update(state=here)
    SubscriptionEvent.objects.create(subscription=reader, state=here, source="import")
    at = SubscriptionEvent.objects.get().at
    kept = _merged(stranger, reader, there)
    assert kept.state == after
    history = exporting.personal(kept.subscriber)["subscriptions"][0]["history"]
    assert [each["how"] for each in history] == ["import", "one-click", "address change"]
    assert history[0]["at"] == at.isoformat()
    assert (history[-1]["state"], "joined" in history[-1]["detail"]) == (after, True)
    assert _targeted() == (after == State.CONFIRMED)


def test_links_in_what_was_sent_by_either_subscription_open_the_one_that_goes_on(stranger, reader):
    old = _token(reader)
    kept = _merged(stranger, reader, State.CONFIRMED)
    assert kept.pk != reader.pk
    assert "o***@example.com" in stranger.get(f"/p/{old}/").content.decode()
    stranger.post(f"/u/{old}/", {"List-Unsubscribe": "One-Click"})
    kept.refresh_from_db()
    assert kept.state == State.UNSUBSCRIBED
    third = factories.subscribe(kept.subscriber_list, "third@example.com")[0]
    stranger.post(f"/p/{old}/address/", {"email": "third@example.com"})
    link = tokens.path(Notice.objects.filter(kind=Notice.Kind.MOVE).latest("pk"))
    assert "地址已更换" in stranger.post(link).content.decode()
    leave(third.pk, "page")
    assert "恢复订阅" in stranger.get(f"/u/{old}/").content.decode()
    erase(Subscriber.objects.get())
    assert stranger.post(f"/u/{old}/").content == stranger.post("/u/x/").content


@pytest.mark.parametrize("before", [State.CONFIRMED, State.PENDING])
@pytest.mark.parametrize("known", [False, True])
def test_a_bounce_ends_with_the_address_that_bounced(stranger, reader, before, known):
    for state in (before, State.BOUNCED):
        Subscription.objects.update(state=state)
        SubscriptionEvent.objects.create(subscription=reader, state=state, source="imap")
    if known:
        factories.subscribe(factories.subscriber_list(slug="weekly"), "other@example.com")
    _move(stranger, reader, "other@example.com")
    stranger.post(tokens.path(Notice.objects.get()))
    reader.refresh_from_db()
    assert (reader.state, reader.subscriber.key) == (before, "other@example.com")
    assert (reader.events.last().state, reader.events.last().source) == (before, "address change")


def test_what_was_suppressed_meanwhile_stays_so_unless_an_erasure_did_it(stranger, reader):
    _move(stranger, reader, "other@example.com")
    factories.subscribe(reader.subscriber_list, "other@example.com")
    elsewhere = factories.publication("elsewhere", "example.net")
    suppression.suppress("other@example.com", Suppression.Reason.ERASURE, "reader")
    here = reader.subscriber_list.publication_id
    suppression.suppress("other@example.com", Suppression.Reason.COMPLAINT, "lmtp", here)
    suppression.suppress("other@example.com", Suppression.Reason.BOUNCE, "lmtp", elsewhere.pk)
    stranger.post(tokens.path(Notice.objects.get()))
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"complaint", "bounce"}
    assert suppression.Release.objects.get().suppressed_for == "erasure"
    assert _targeted() == 0


@pytest.mark.parametrize("left", [False, True])
def test_what_was_sent_to_either_address_is_told_apart_again(stranger, reader, left):
    thief = factories.subscribe(reader.subscriber_list, "thief@example.net")[0]
    for each in (reader, thief):
        Subscription.objects.update(paused_until="2100-01-01T00:00Z")
        Subscription.objects.filter(pk=each.pk).update(paused_until=None)
        mailings.start(factories.mailing().pk)
    Delivery.objects.update(state=Delivery.State.ACCEPTED)
    if left:
        leave(thief.pk, "page")
    old = _token(reader)
    _moves(stranger, reader, "thief@example.net")
    assert len(exporting.personal(Subscriber.objects.get())["mailings"]) == 2
    stranger.post(_taking_back("zhang@example.com"))
    assert "z***@example.com" in stranger.get(f"/u/{old}/").content.decode()
    own = Subscriber.objects.get(key="zhang@example.com")
    told = exporting.personal(own)["mailings"]
    assert [each["to"] for each in told] == ["zhang@example.com"]
    erase(own)
    kept = Delivery.objects.exclude(address="").get()
    assert kept.address == "thief@example.net"
    assert kept.subscription.subscriber.key == "thief@example.net"


def test_who_left_by_a_mail_to_the_former_address_stays_away_there(stranger, reader):
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    Delivery.objects.update(state=Delivery.State.ACCEPTED)
    factories.subscribe(reader.subscriber_list, "thief@example.net")
    _moves(stranger, reader, "thief@example.net")
    old = keyring().seal(PURPOSE, (reader.pk, mailing.pk))
    stranger.post(f"/u/{old}/", {"List-Unsubscribe": "One-Click"})
    stranger.post(_taking_back("zhang@example.com"))
    own = Subscription.objects.get(subscriber__key="zhang@example.com")
    assert own.state == State.UNSUBSCRIBED


@pytest.mark.parametrize("both", [False, True])
def test_what_was_sent_to_either_address_is_forgotten_with_the_reader(stranger, reader, both):
    other = factories.subscribe(reader.subscriber_list, "other@example.com")[0]
    if not both:
        Subscription.objects.filter(pk=other.pk).update(paused_until="2100-01-01T00:00Z")
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    Delivery.objects.update(state=Delivery.State.ACCEPTED)
    _move(stranger, reader, "other@example.com")
    stranger.post(tokens.path(Notice.objects.get()))
    assert Delivery.objects.filter(subscription=Subscription.objects.get()).count() == 1
    erase(Subscriber.objects.get())
    assert "zhang@example.com" not in _dump()
    assert mailings.ledger(mailing)["accepted"] == 1 + both


def test_what_waits_for_one_who_moves_goes_to_the_reader_that_both_become(stranger, reader):
    other = factories.subscribe(reader.subscriber_list, "other@example.net")[0]
    leave(other.pk, "page")
    mailings.start(factories.mailing().pk)
    _moves(stranger, reader, "other@example.net")
    waiting = Delivery.objects.get(state=Delivery.State.QUEUED)
    assert (waiting.address, waiting.provider) == ("other@example.net", "example.net")
    assert waiting.subscription == Subscription.objects.get(state=State.CONFIRMED)


@pytest.mark.parametrize("state", [Delivery.State.LEASED, Delivery.State.UNCONFIRMED])
def test_what_is_on_its_way_to_one_who_moves_is_lost_to_nobody(stranger, reader, state):
    other = factories.subscribe(reader.subscriber_list, "other@example.net")[0]
    leave(other.pk, "page")
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    claimed = queue.claim(mailing.pk, "", "worker", 1)
    Delivery.objects.update(state=state)
    _moves(stranger, reader, "other@example.net")
    assert queue.departed([claimed[0].batch_id]) == set()
    begun = Delivery.objects.get()
    assert (begun.state, begun.address) == (state, "zhang@example.com")
    assert begun.subscription == Subscription.objects.get(state=State.CONFIRMED)


def test_opening_the_link_again_changes_nothing(stranger, reader):
    _move(stranger, reader, "new@example.net")
    for _ in range(2):
        assert (
            "地址已更换"
            in stranger.post(
                tokens.path(Notice.objects.get(kind=Notice.Kind.MOVE))
            ).content.decode()
        )
    assert AddressChange.objects.get().former == "zhang@example.com"
    assert reader.events.count() == 1


def test_a_link_moves_nobody_back_once_it_was_used_or_another_came_after_it(stranger, reader):
    links = []
    for to in ("b@example.com", "mistyped@example.com", "c@example.com"):
        _move(stranger, reader, to)
        links.append(tokens.path(Notice.objects.latest("pk")))
    first, mistyped, last = links
    stranger.post(first)
    stranger.post(last)
    for link in (first, mistyped):
        page = stranger.post(link).content.decode()
        assert "地址没有改变" in page
        assert "/p/" not in page
        assert Subscriber.objects.get().key == "c@example.com"
    assert [event.source for event in reader.events.all()] == ["address change"] * 2


def _taking_back(former: str) -> str:
    notice = Notice.objects.get(kind=Notice.Kind.MOVED, move__former=former)
    assert notices.recipient(notice) == former
    return tokens.path(notice)


def _moves(stranger, reader, to: str) -> str:
    """Carried out by the new mailbox; answers the link that did it."""
    _move(stranger, reader, to)
    path = tokens.path(Notice.objects.filter(kind=Notice.Kind.MOVE).latest("pk"))
    stranger.post(path)
    return path


@pytest.mark.parametrize("again", [False, True])
def test_the_former_mailbox_takes_a_move_back_and_all_after_it(stranger, reader, again):
    used = _moves(stranger, reader, "thief@example.net")
    link = _taking_back("zhang@example.com")
    page = stranger.get(link).content.decode()
    assert "zhang@example.com" in page
    assert "t***@example.net" in page
    if again:
        _moves(stranger, reader, "second@example.net")
    _move(stranger, reader, "waiting@example.net")
    waiting = tokens.path(Notice.objects.filter(kind=Notice.Kind.MOVE).latest("pk"))
    assert Subscriber.objects.get().key != "zhang@example.com"
    assert "已改回" in stranger.post(link).content.decode()
    for path in (used, waiting):
        stranger.post(path)
    assert Subscriber.objects.get().key == "zhang@example.com"
    _moves(stranger, reader, "third@example.net")
    stranger.post(link)
    assert Subscriber.objects.get().key == "zhang@example.com"
    assert not Notice.objects.filter(move__former="thief@example.net").exists()


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("again", [False, True])
def test_taken_back_one_reader_is_two_again_and_neither_has_the_others_history(
    stranger, reader, joined, again
):
    SubscriptionEvent.objects.create(subscription=reader, state="confirmed", source="import")
    thiefs = reader.subscriber_list if joined else factories.subscriber_list(slug="weekly")
    factories.subscribe(thiefs, "thief@example.net")
    _moves(stranger, reader, "thief@example.net")
    link = _taking_back("zhang@example.com")
    if again:
        factories.subscribe(reader.subscriber_list, "second@example.net")
        _moves(stranger, Subscription.present(reader.pk), "second@example.net")
    stranger.post(link)
    own = Subscriber.objects.get(key="zhang@example.com")
    assert own.subscriptions.get().subscriber_list == reader.subscriber_list
    assert own.subscriptions.get().state == State.CONFIRMED
    assert Subscription.present(reader.pk).subscriber == own
    thief = Subscriber.objects.exclude(pk=own.pk).get()
    told = exporting.personal(thief)["subscriptions"]
    assert "import" not in json.dumps([each["history"] for each in told])
    assert _targeted() == 1 + (joined or again)


def test_taken_back_one_keeps_the_addresses_before_and_nobody_else_learns_them(stranger, reader):
    factories.subscribe(reader.subscriber_list, "thief@example.net")
    _moves(stranger, reader, "second@example.com")
    _moves(stranger, reader, "thief@example.net")
    stranger.post(_taking_back("second@example.com"))
    told = {each.key: exporting.personal(each)["moves"] for each in Subscriber.objects.all()}
    assert told["thief@example.net"] == []
    assert [(each["from"], each["to"]) for each in told["second@example.com"]] == [
        ("zhang@example.com", "second@example.com"),
        ("second@example.com", "t***@example.net"),
    ]


def test_whoever_signed_up_anew_at_the_former_address_takes_the_rest_back(stranger, reader):
    _moves(stranger, reader, "thief@example.net")
    factories.subscribe(factories.subscriber_list(slug="weekly"), "zhang@example.com")
    stranger.post(_taking_back("zhang@example.com"))
    assert Subscriber.objects.get().subscriptions.count() == 2


def test_nobody_gets_or_erases_the_data_while_a_move_can_be_taken_back(stranger, reader):
    stranger.post(f"/p/{_token(reader)}/data/")
    asked = tokens.path(Notice.objects.get())
    _moves(stranger, reader, "thief@example.net")
    assert "收信地址刚换过" in stranger.post(f"/p/{_token(reader)}/data/").content.decode()
    assert "attachment" not in stranger.post(asked).headers.get("Content-Disposition", "")
    assert Notice.objects.filter(kind=Notice.Kind.DATA).count() == 1
    stranger.post(f"/p/{_token(reader)}/erasure/", {"email": "thief@example.net"})
    stranger.post(_taking_back("zhang@example.com"))
    assert "attachment" in stranger.post(asked).headers["Content-Disposition"]
    _moves(stranger, reader, "honest@example.net")
    AddressChange.objects.exclude(moved_at=None).update(moved_at="2020-01-01T00:00Z")
    assert "attachment" in stranger.post(asked).headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("typed", "left"), [("zhang@example.com", "other"), ("other@example.com", "zhang")]
)
def test_of_two_whom_a_move_made_one_each_erases_only_themselves(stranger, reader, typed, left):
    kept = _merged(stranger, reader, State.CONFIRMED)
    page = stranger.post(f"/p/{_token(kept)}/erasure/", {"email": typed}).content.decode()
    assert "已删除" in page
    assert Subscriber.objects.get().key == f"{left}@example.com"
    assert Subscription.objects.get().state == State.CONFIRMED
    assert Suppression.objects.get().hash == fingerprint(typed)


@pytest.mark.parametrize(
    ("typed", "left"),
    [("zhang@example.com", ["other"]), ("other@example.com", ["thief"]), ("thief@example.com", [])],
)
def test_an_address_between_two_moves_erases_nobody(stranger, reader, typed, left):
    factories.subscribe(reader.subscriber_list, "other@example.com")
    for to in ("thief@example.com", "other@example.com"):
        _moves(stranger, reader, to)
    stranger.post(f"/p/{_token(reader)}/erasure/", {"email": typed})
    assert Subscriber.objects.get().key == f"{(left or ['other'])[0]}@example.com"
    assert Suppression.objects.count() == len(left)


def test_one_household_moves_to_few_addresses_an_hour(stranger, reader, monkeypatch):
    monkeypatch.setattr(outbox, "NETWORK_AN_HOUR", 3)
    for number in range(5):
        to, ip = {"email": f"victim{number}@example.com"}, f"2001:db8:0:1::{number}"
        stranger.post(f"/p/{_token(reader)}/address/", to, REMOTE_ADDR=ip)
    assert list(Notice.objects.values_list("ip", flat=True)) == ["2001:db8:0:1::"] * 3


def test_a_suppressed_address_is_no_way_out(stranger, reader):
    suppression.suppress("gone@example.com", Suppression.Reason.COMPLAINT, "test")
    _move(stranger, reader, "gone@example.com")
    assert not Notice.objects.exists()
    assert not AddressChange.objects.exists()


def test_ones_own_data_comes_only_by_the_mailbox(stranger, reader):
    SubscriptionEvent.objects.create(subscription=reader, state="confirmed", source="import")
    address = f"/p/{_token(reader)}/data/"
    assert "zhang@" not in stranger.get(address).content.decode()
    assert "zhang@" not in stranger.post(address).content.decode()
    path = tokens.path(Notice.objects.get())
    assert b"attachment" not in stranger.get(path).content
    answer = stranger.post(path)
    document = json.loads(answer.content)
    assert "attachment" in answer["Content-Disposition"]
    assert (document["address"], document["name"]) == ("zhang@example.com", "张三")
    assert document["subscriptions"][0]["history"][0]["how"] == "import"


def test_erasing_asks_first_and_is_done_at_once(stranger, reader):
    address = f"/p/{_token(reader)}/erasure/"
    assert "不能恢复" in stranger.get(address).content.decode()
    for typed in ({}, {"email": "friend@example.com"}, {"email": "zhang"}):
        assert "errorlist" in stranger.post(address, typed).content.decode()
    assert Subscriber.objects.exists()
    own = {"email": " Ｚhang@EXAMPLE.com "}
    assert "已删除" in stranger.post(address, own).content.decode()
    assert not Subscriber.objects.exists()
    assert stranger.post(address, own).status_code == 404


def _dump() -> str:
    """Every row of every table, as text."""
    with connection.cursor() as cursor:
        rows = []
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [
                [bytes(cell) if isinstance(cell, memoryview) else cell for cell in row]
                for row in cursor.fetchall()
            ]
    return repr(rows).lower()


OLD, NEW = "hapax@legomenon.example", "hapax@elsewhere.example"


@pytest.fixture
def everywhere(transactional_db, settings, stranger) -> ImportRun:
    """A reader about whom something stands in every table, under an old and a new address."""
    readers = factories.subscriber_list()
    data = (
        f"邮箱,姓名,单位\n{OLD},独一无二,孤本公司\n{OLD},独一无二,孤本公司\n"
        f'<{OLD}>,独一无二,\n"{OLD},独一无二\n'
    )
    run = importing.receive(readers, [data.encode()], "readers.csv")
    importing.begin_here(run, proceed=True)
    reader = Subscription.objects.get()
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    claimed = queue.claim(mailing.pk, "", "worker", 5)
    said = f"5.1.1 <{OLD.title()}>: unknown to {OLD}"
    queue.record([Outcome(claimed[0], Reply(Stage.RCPT, 550, said))])
    Subscription.objects.update(state=State.CONFIRMED)
    for address in (OLD, NEW):
        returns.receive(samples.bounce(address), "b+@bounce.example.org", "lmtp")
    delivery = Delivery.objects.get()
    own = f"b+{keyring().seal_caseless('verp', (delivery.pk,))}@bounce.example.org"
    returns.receive(samples.bounce("someone@legomenon.example"), own, "imap")
    _by_staff(readers, reader)
    stranger.post(f"/p/{_token(reader)}/data/")
    _moves(stranger, reader, NEW)
    stranger.post(f"/u/{_token(reader)}/?by=page")
    stranger.post(f"/u/{_token(reader)}/reason/", {"reason": f"{NEW} 独一无二"})
    proof_sends.post(
        mailing.edition, proof_sends.addresses(f"{OLD.title()} desk@example.org"), "wu"
    )
    written = [OLD.title(), NEW, "desk@example.org"]
    Publication.objects.update(proof_addresses=written)
    _half_read(readers)
    return run


def _half_read(readers: SubscriberList) -> None:
    """Another file that names the reader is being read: behind what has been, and before it."""
    data = f"邮箱,姓名\n{OLD},独一无二\nli@example.com,\n<{NEW}>，独一无二\n{NEW},独一无二\n"
    run = importing.receive(readers, [data.encode()], "again.csv")
    importing.begin(run)
    shape = tables.Shape(run.encoding, run.delimiter)
    rows = list(tables.rows(run.path, shape))[1:3]
    staging.write(staging.Reader(run.pk, run.columns).batches(rows))
    ImportRun.objects.filter(pk=run.pk).update(position=rows[-1][0])


def _by_staff(readers: SubscriberList, reader: Subscription) -> None:
    """A member of staff looks the reader up, suppresses them and takes that back, naming them."""
    desk = Client()
    desk.force_login(User.objects.create_superuser("editor"))
    desk.get(f"/lists/{readers.slug}/?q={OLD}")
    desk.get(f"/subscriptions/{reader.pk}/")
    desk.get(f"/lists/{readers.slug}/readers.csv")
    suppressions = f"/publications/{readers.publication.slug}/suppressions/"
    for _ in range(2):
        desk.post(suppressions, {"address": OLD, "reason": f"{OLD} 来电"})
        row = Suppression.objects.get()
        desk.post(f"{suppressions}{row.pk}/release/", {"reason": f"{OLD} 又来电"})
    suppression.suppress(NEW, Suppression.Reason.STAFF, f"editor: {NEW}", None)
    suppression.release(Suppression.objects.get(), f"不再停发 {NEW}", "editor")


def test_erasure_leaves_the_keyed_hash_and_nothing_else_anywhere(everywhere, settings):
    person = Subscriber.objects.get()
    assert person.key == NEW
    before = _dump()
    for trace in (OLD, NEW, "独一无二", "孤本"):
        assert trace in before
    assert SubscriptionEvent.objects.filter(source="reason").exists()
    erase(person)
    (reading,) = importing.waiting()
    assert importing.advance(reading)
    assert list(ImportRow.objects.values_list("key", flat=True)) == ["li@example.com"]
    assert Publication.objects.get().proof_addresses == ["desk@example.org"]
    assert ProofLetter.objects.get().address == "desk@example.org"
    left = _dump()
    assert [trace for trace in ("hapax", "独一无二", "孤本") if trace in left] == []
    kept_hashes = set(Suppression.objects.values_list("hash", flat=True))
    assert kept_hashes == {fingerprint(NEW), fingerprint(OLD)}
    assert not everywhere.path.exists()
    kept = [path for path in settings.DATA_DIR.rglob("*") if path.is_file()]
    assert not any(b"hapax" in path.read_bytes() for path in kept)


def test_ones_own_data_is_all_of_it(everywhere):
    document = exporting.personal(Subscriber.objects.get())
    assert document["address"] == NEW
    assert document["mailings"][0]["to"] == OLD
    assert {each["kind"] for each in document["notices"]} == {"move", "moved", "data"}
    history = document["subscriptions"][0]["history"]
    assert history[-1]["detail"] == f"{NEW} 独一无二"
    assert [(each["from"], each["to"]) for each in document["moves"]] == [(OLD, NEW)]
    assert {each["name"] for each in document["imported_rows"]} == {"独一无二"}
    assert document["suppressions_taken_back"]
    assert json.dumps(document)


def test_an_erased_reader_is_not_written_to_in_the_middle_of_a_send(stranger, reader):
    factories.subscribe(reader.subscriber_list, "li@example.com")
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    claimed = queue.claim(mailing.pk, "", "worker", 1)
    departures = queue.Departures()
    assert [each.address for each in claimed] == ["zhang@example.com"]
    Attempt.objects.create(
        delivery_id=claimed[0].id,
        mailing=mailing,
        at=mailing.scheduled_at,
        stage="rcpt",
        text="451 Zhang@example.com: try again",
    )
    erase(reader.subscriber)
    assert departures.among(claimed) == {claimed[0].id}
    assert Attempt.objects.get().text == "451 [erased]: try again"
    assert sum(mailings.ledger(mailing).values()) == 2


def test_no_import_brings_an_erased_reader_back_but_their_own_act_does(stranger, reader):
    readers = reader.subscriber_list
    readers.public = True
    readers.save()
    erase(reader.subscriber)
    run = importing.receive(readers, ["邮箱\nZhang@example.com\n".encode()], "again.csv")
    importing.begin_here(run, proceed=True)
    assert run.counts["suppressed"] == 1
    assert not Subscriber.objects.exists()
    stranger.post("/s/readers/", {"email": "zhang@example.com"})
    stranger.post(tokens.path(Notice.objects.get()))
    assert _targeted() == 1


def test_whoever_signs_an_erased_reader_up_brings_the_address_back_for_a_month_at_most(
    stranger, reader
):
    reader.subscriber_list.public = True
    reader.subscriber_list.save()
    suppression.suppress("zhang@example.com", Suppression.Reason.STAFF, "elsewhere", _elsewhere())
    erase(reader.subscriber)
    stranger.post("/s/readers/", {"email": "zhang@example.com"})
    assert set(Suppression.objects.values_list("key", flat=True)) == {"zhang@example.com"}
    Subscription.objects.update(changed_at="2020-01-01T00:00Z")
    signup.forget_unconfirmed()
    assert Suppression.objects.count() == 2
    assert "zhang@" not in _dump()


def _elsewhere() -> int:
    return factories.publication("elsewhere", "example.net").pk


def test_a_suppression_is_taken_back_only_with_a_reason_and_on_record():
    suppression.suppress("zhang@example.com", Suppression.Reason.STAFF, "by hand")
    row = Suppression.objects.get()
    with pytest.raises(suppression.ReleaseRefused):
        suppression.release(row, "  ", "editor")
    suppression.release(row, "读者来电要求恢复", "editor")
    assert not Suppression.objects.exists()
    kept = suppression.Release.objects.get()
    assert (kept.reason, kept.actor, kept.hash) == (
        "读者来电要求恢复",
        "editor",
        fingerprint("zhang@example.com"),
    )


def test_what_an_erasure_left_is_not_taken_back_by_hand(reader):
    erase(reader.subscriber)
    with pytest.raises(suppression.ReleaseRefused, match="本人"):
        suppression.release(Suppression.objects.get(), "读者来电要求恢复", "editor")
    assert Suppression.objects.exists()


def test_the_fingerprint_survives_a_rotation_of_the_keys():
    from dongtai_mail.message.seal import Keyring

    old, new = b"o" * 32, b"n" * 32
    before = Keyring({1: old}).fingerprint("suppression", b"zhang@example.com")
    assert Keyring({1: old, 2: new}).fingerprint("suppression", b"zhang@example.com") == before
    assert Keyring({2: new}).fingerprint("suppression", b"zhang@example.com") != before


@pytest.mark.django_db(transaction=True)
def test_history_is_guarded_again_after_a_migration_that_made_its_table_anew():
    reader = factories.subscribe(factories.subscriber_list(), "zhang@example.com")[0]
    SubscriptionEvent.objects.create(subscription=reader, state="confirmed", source="test")
    with connection.cursor() as cursor:
        on = "" if connection.vendor == "sqlite" else f" ON {SubscriptionEvent._meta.db_table}"
        cursor.execute(f"DROP TRIGGER subscribers_history{on}")
    assert SubscriptionEvent.objects.update(source="unguarded") == 1
    emit_post_migrate_signal(0, False, "default")
    with pytest.raises(Exception, match="only ever added"), outbox.transaction.atomic():
        SubscriptionEvent.objects.update(source="forged")
