"""Leaving as RFC 8058 has it, coming back, preferences, and tokens that aren't ours."""

from __future__ import annotations

import re

import pytest

from dongtai_mail.delivery import mailings, queue
from dongtai_mail.keys import keyring
from dongtai_mail.message.links import PURPOSE
from subscribers import leaving
from subscribers.leaving import RETURNS_A_DAY, come_back, leave
from subscribers.models import Subscriber, Subscription
from tests import factories

pytestmark = pytest.mark.django_db

State = Subscription.State


def _token(subscription: Subscription, mailing_id: int = 7) -> str:
    return keyring().seal(PURPOSE, (subscription.pk, mailing_id))


def _state(subscription: Subscription) -> str:
    subscription.refresh_from_db()
    return subscription.state


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("address", ["/u/{}/", "/u/{}", "/p/{}/", "/u/{}/return/"])
def test_opening_a_link_changes_nothing(stranger, reader, method, address):
    response = getattr(stranger, method)(address.format(_token(reader)))
    assert response.status_code == 200
    assert not response.cookies
    assert _state(reader) == State.CONFIRMED
    assert not reader.events.exists()


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"List-Unsubscribe": "One-Click"}},
        {
            "data": "List-Unsubscribe=One-Click",
            "content_type": "application/x-www-form-urlencoded",
        },
        {"data": {}},
        {"data": b"\xff\x00", "content_type": "multipart/form-data; boundary=x"},
        {"data": b"{", "content_type": "application/json"},
    ],
    ids=["multipart", "urlencoded", "empty", "broken multipart", "json"],
)
def test_one_click_leaves_whatever_the_body(stranger, reader, body):
    response = stranger.post(f"/u/{_token(reader)}/", **body)
    assert (response.status_code, response.redirect_chain) == (200, [])
    assert not response.cookies
    assert _state(reader) == State.UNSUBSCRIBED
    assert [(e.state, e.source, e.detail) for e in reader.events.all()] == [
        ("unsubscribed", "one-click", "mailing 7")
    ]


def test_one_click_without_the_final_slash_is_not_redirected(stranger, reader):
    response = stranger.post(f"/u/{_token(reader)}", {"List-Unsubscribe": "One-Click"})
    assert (response.status_code, response.redirect_chain) == (200, [])
    assert _state(reader) == State.UNSUBSCRIBED


def test_a_second_click_changes_nothing(stranger, reader):
    for _ in range(2):
        response = stranger.post(f"/u/{_token(reader)}/", {"List-Unsubscribe": "One-Click"})
        assert response.status_code == 200
    assert reader.events.count() == 1


def test_a_person_leaves_with_the_pages_own_form_and_may_undo_it(stranger, reader):
    page = stranger.get(f"/u/{_token(reader)}/").content.decode()
    assert "z***@example.com" in page
    assert "zhang" not in page
    assert "退订“读者”" in page
    left = stranger.post(_action(page)).content.decode()
    assert _state(reader) == State.UNSUBSCRIBED
    assert "立即生效" in left
    back = stranger.post(_action(left)).content.decode()
    assert _state(reader) == State.CONFIRMED
    assert "已恢复订阅" in back
    assert [e.source for e in reader.events.all()] == ["page", "page"]


def _action(page: str) -> str:
    found = re.search(r'<form method="post" action="([^"]+)"', page)
    assert found
    return found[1].replace("&amp;", "&")


@pytest.mark.parametrize(
    ("address", "form"),
    [
        *(("/u/{}/?by=page", {}), ("/u/{}/return/", {}), ("/u/{}/reason/", {"reason": "太早"})),
        *(("/p/{}/", {"name": "李四"}), ("/p/{}/address/", {"email": "li@example.com"})),
        ("/p/{}/data/", {}),
    ],
)
def test_reloading_what_a_form_led_to_sends_nothing_again(stranger, reader, address, form):
    leave(reader.pk, "page")
    answer = stranger.post(address.format(_token(reader)), form)
    ((to, status),) = answer.redirect_chain
    assert status == 303
    come_back(reader.pk, "page")
    events = reader.events.count()
    assert stranger.get(to).status_code == 200
    assert (_state(reader), reader.events.count()) == (State.CONFIRMED, events)


def test_leaving_always_works_and_coming_back_a_few_times_a_day(stranger, reader, monkeypatch):
    token = _token(reader)
    for _ in range(30):
        stranger.post(f"/u/{token}/")
        assert _state(reader) == State.UNSUBSCRIBED
        stranger.post(f"/u/{token}/return/")
        stranger.post(f"/p/{token}/", {"list": [reader.pk], "name": "张三"})
    assert reader.events.count() == 2 * RETURNS_A_DAY + 1
    assert "请明天再恢复" in stranger.get(f"/u/{token}/").content.decode()
    assert "disabled" in stranger.get(f"/p/{token}/").content.decode()
    monkeypatch.setattr(leaving, "A_DAY", leaving.A_DAY * 0)
    assert "已恢复订阅" in stranger.post(f"/u/{token}/return/").content.decode()


def test_a_running_mailing_leaves_out_who_left(stranger, reader):
    mailing = factories.mailing(subscriber_list=reader.subscriber_list)
    mailings.start(mailing.pk)
    stranger.post(f"/u/{_token(reader, mailing.pk)}/", {"List-Unsubscribe": "One-Click"})
    assert queue.claim(mailing.pk, "", "worker", 10) == []
    assert mailings.ledger(mailing)["suppressed"] == 1


def _wrong_tokens(reader: Subscription) -> list[str]:
    token = _token(reader)
    flipped = token[:-1] + ("A" if token[-1] != "A" else "E")
    return [
        flipped,
        "B" + token[1:],
        token[:-1],
        token + "A",
        "x",
        "中文",
        "a" * 500,
        keyring().seal("verp", (reader.pk, 7)),
        keyring().seal(PURPOSE, (reader.pk,)),
        keyring().seal(PURPOSE, (reader.pk + 1000, 7)),
        keyring().seal(PURPOSE, ((1 << 64) - 1, (1 << 64) - 1)),
    ]


@pytest.mark.parametrize("address", ["/u/{}/", "/p/{}/", "/u/{}/return/"])
def test_every_wrong_token_gets_the_same_answer(stranger, reader, address):
    answers = set()
    for token in _wrong_tokens(reader):
        for method in (stranger.get, stranger.post):
            response = method(address.format(token))
            answers.add((response.status_code, response.content, tuple(response.headers.items())))
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    assert _state(reader) == State.CONFIRMED


def test_a_link_of_before_a_rotation_still_leaves(stranger, reader, settings):
    old = _token(reader)
    settings.SEAL_KEYS = {**settings.SEAL_KEYS, max(settings.SEAL_KEYS) + 1: b"n" * 32}
    keyring.cache_clear()
    try:
        assert _token(reader) != old
        assert stranger.post(f"/u/{old}/", {"List-Unsubscribe": "One-Click"}).status_code == 200
    finally:
        keyring.cache_clear()
    assert _state(reader) == State.UNSUBSCRIBED


def test_the_link_of_an_erased_reader_answers_like_any_wrong_one(stranger, reader):
    token = _token(reader)
    reader.subscriber.delete()
    gone = stranger.post(f"/u/{token}/")
    assert (gone.status_code, gone.content) == (404, stranger.get("/u/x/").content)


@pytest.mark.parametrize("address", ["/u/{}/", "/p/{}/"])
def test_links_are_neither_cached_nor_leaked_nor_indexed(stranger, reader, address):
    for response in (stranger.get(address.format(_token(reader))), stranger.get("/u/wrong/")):
        assert response["Cache-Control"] == "no-store"
        assert response["Referrer-Policy"] == "no-referrer"
        assert "noindex" in response["X-Robots-Tag"]
        assert "default-src 'self'" in response["Content-Security-Policy"]


def test_other_methods_are_refused(stranger, reader):
    assert stranger.put(f"/u/{_token(reader)}/").status_code == 405
    assert stranger.delete(f"/p/{_token(reader)}/").status_code == 405


def test_the_language_is_the_browsers_unless_one_is_chosen(stranger, reader):
    address = f"/u/{_token(reader)}/"
    english = stranger.get(address, headers={"Accept-Language": "en-GB"}).content.decode()
    assert "Unsubscribe from “读者”" in english
    assert "退订“读者”" in stranger.get(f"{address}?lang=xx").content.decode()
    chosen = stranger.get(f"{address}?lang=en")
    assert chosen["Content-Language"] == "en"
    assert "lang=en" in _action(chosen.content.decode())
    assert "Unsubscribed" in stranger.post(_action(chosen.content.decode())).content.decode()


def test_hostile_names_are_shown_and_run_nowhere(stranger, reader):
    hostile = '"><script>alert(1)</script>'
    factories.SubscriberList.objects.update(name=hostile)
    factories.Publication.objects.update(name=hostile, host_name=hostile)
    Subscriber.objects.update(name=hostile, address=f"<b>{hostile}@example.com")
    for address in ("/u/{}/", "/p/{}/"):
        assert "<script" not in stranger.get(address.format(_token(reader))).content.decode()
    assert "<script" not in stranger.post(f"/u/{_token(reader)}/").content.decode()


@pytest.fixture
def second(reader) -> Subscription:
    on = factories.subscriber_list(slug="weekly")
    return Subscription.objects.create(
        subscriber=reader.subscriber, subscriber_list=on, state=State.CONFIRMED
    )


def test_preferences_switch_the_readers_own_lists_and_set_the_name(stranger, reader, second):
    form = {"list": [second.pk], "name": " 张三丰 "}
    page = stranger.post(f"/p/{_token(reader)}/", form).content.decode()
    assert "已保存" in page
    assert (_state(reader), _state(second)) == (State.UNSUBSCRIBED, State.CONFIRMED)
    assert Subscriber.objects.get().name == "张三丰"
    assert [e.source for e in reader.events.all()] == ["preferences"]
    assert not second.events.exists()
    stranger.post(f"/p/{_token(reader)}/", {"list": [reader.pk], "name": ""})
    assert (_state(reader), _state(second)) == (State.CONFIRMED, State.UNSUBSCRIBED)


def test_preferences_reach_nobody_elses_subscription_nor_another_publications(stranger, reader):
    other = factories.subscribe(reader.subscriber_list, "li@example.com")[0]
    elsewhere = factories.subscriber_list(factories.publication("other"), "other")
    abroad = Subscription.objects.create(
        subscriber=reader.subscriber, subscriber_list=elsewhere, state=State.CONFIRMED
    )
    Subscription.objects.filter(pk=other.pk).update(state=State.UNSUBSCRIBED)
    stranger.post(f"/p/{_token(reader)}/", {"list": [reader.pk, other.pk], "name": ""})
    assert _state(other) == State.UNSUBSCRIBED
    assert _state(abroad) == State.CONFIRMED


@pytest.mark.parametrize("state", [State.PENDING, State.BOUNCED, State.COMPLAINED])
def test_saving_preferences_leaves_what_is_not_shown_as_it_is(stranger, reader, second, state):
    Subscription.objects.filter(pk=second.pk).update(state=state)
    stranger.post(f"/p/{_token(reader)}/", {"list": [reader.pk, second.pk], "name": "张三"})
    assert _state(second) == state


@pytest.mark.parametrize("name", ["甲\r\nBcc: x@example.com", "甲\u202e乙", "甲\x00", "长" * 101])
def test_a_name_that_mail_cannot_carry_is_refused_and_nothing_typed_is_lost(
    stranger, reader, second, name
):
    response = stranger.post(f"/p/{_token(reader)}/", {"list": [second.pk], "name": name})
    page = response.content.decode()
    assert "errorlist" in page
    assert "已保存" not in page
    assert f'value="{second.pk}" id="list-{second.pk}" checked' in page
    assert f'value="{reader.pk}" id="list-{reader.pk}">' in page
    assert _state(reader) == State.CONFIRMED
    assert Subscriber.objects.get().name == "张三"


def test_a_complaint_stays_one(stranger, reader):
    Subscription.objects.update(state=State.COMPLAINED)
    token = _token(reader)
    assert "已退订" in stranger.post(f"/u/{token}/").content.decode()
    stranger.post(f"/u/{token}/return/")
    assert _state(reader) == State.COMPLAINED


@pytest.mark.parametrize("state", [State.PENDING, State.BOUNCED])
def test_whoever_was_not_confirmed_may_leave_too(reader, state):
    Subscription.objects.update(state=state)
    left = leave(reader.pk, "mailto")
    assert left is not None
    assert left.state == State.UNSUBSCRIBED


def test_leaving_what_is_gone_answers_none(reader):
    assert leave(reader.pk + 1, "mailto") is None
    assert come_back(reader.pk + 1, "page") is None
