"""A mailing's own page as it goes, what staff do about it, and the list of all."""

from __future__ import annotations

import datetime
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dongtai_mail.delivery import gauges, mailings, queue, stages
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.desk.models import AuditEntry, Membership, Role
from dongtai_mail.message.reply import Reply, Stage
from subscribers.models import Subscription
from tests import factories
from worker.throttle import Throttle

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(publication) -> list[Subscription]:
    return factories.readers(12, factories.subscriber_list(publication))


@pytest.fixture
def sending(publication, readers) -> Mailing:
    mailing = factories.mailing(
        edition=factories.edition(publication), subscriber_list=readers[0].subscriber_list
    )
    mailings.start(mailing.pk)
    mailing.refresh_from_db()
    states = list(Delivery.State) + [Delivery.State.ACCEPTED] * 4
    for delivery, state in zip(mailing.deliveries.all(), states, strict=True):
        Delivery.objects.filter(pk=delivery.pk).update(state=state)
    return mailing


def test_the_ledger_names_every_state_and_adds_up(desk, sending):
    page = desk.get(f"/mailings/{sending.pk}/").content.decode()
    table = page.partition('class="ledger"')[2].partition("</table>")[0]
    counts = [int(number) for number in re.findall(r'<td class="number">(\d+)</td>', table)]
    assert counts[:-1] == [5, 1, 1, 1, 1, 1, 1, 1]
    assert counts[-1] == sum(counts[:-1]) == sending.targeted
    assert "合计，等于目标人数" in page
    shares = re.findall(r'<rect id="bar-\w+" class="\w+" x="[\d.]+%" width="([\d.]+)%"', page)
    assert sum(map(float, shares)) == pytest.approx(100, abs=0.01)


def test_a_ledger_that_does_not_add_up_says_so(desk, sending):
    Mailing.objects.update(targeted=99)
    assert "与目标人数 99 不符" in desk.get(f"/mailings/{sending.pk}/").content.decode()


def test_the_page_asks_again_until_the_mailing_is_over(desk, sending):
    address = f"/mailings/{sending.pk}/progress/"
    assert f'hx-get="{address}"' in desk.get(address).content.decode()
    mailings.cancel(sending)
    assert "hx-get" in desk.get(address).content.decode()
    sending.deliveries.filter(state=Delivery.State.LEASED).update(state=Delivery.State.ACCEPTED)
    fragment = desk.get(address).content.decode()
    assert "hx-get" not in fragment
    assert "<html" not in fragment


def test_without_javascript_the_page_reloads_itself(desk, sending):
    page = desk.get(f"/mailings/{sending.pk}/").content.decode()
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page


def test_pause_resume_and_cancel(desk, sending):
    for act, state in [
        ("pause", "paused"),
        ("resumption", "sending"),
        ("cancellation", "cancelled"),
    ]:
        response = desk.post(f"/mailings/{sending.pk}/{act}/")
        assert response["Location"] == f"/mailings/{sending.pk}/"
        sending.refresh_from_db()
        assert sending.state == state


def test_an_act_that_comes_too_late_says_why(desk, sending):
    mailings.cancel(sending)
    page = desk.post(f"/mailings/{sending.pk}/pause/", follow=True).content.decode()
    assert "只有发送中的才能暂停" in page


def test_cancelling_asks_first(desk, sending):
    page = desk.get(f"/mailings/{sending.pk}/cancellation/").content.decode()
    assert "<strong>5</strong> 人已经收到" in page
    assert "还没发的 <strong>2</strong> 人" in page
    assert "正在发送的 1 封会发完" in page
    sending.refresh_from_db()
    assert sending.state == "sending"


@pytest.mark.parametrize("act", ["pause", "resumption", "policy", "cancellation", "following"])
def test_a_link_never_acts(desk, sending, act):
    Mailing.objects.update(state="paused")
    desk.get(f"/mailings/{sending.pk}/{act}/")
    sending.refresh_from_db()
    assert (sending.state, sending.unconfirmed_policy) == ("paused", "resend")
    assert Mailing.objects.count() == 1


def test_equal_refusals_are_counted_together_and_inert(desk, sending):
    sending.deliveries.update(state=Delivery.State.QUEUED)
    claimed = queue.claim(sending.pk, "", "worker", 3)
    refusal = Reply(Stage.RCPT, 550, "5.1.1 <script>alert(1)</script> no such user")
    queue.record([Outcome(delivery, refusal) for delivery in claimed])
    page = desk.get(f"/mailings/{sending.pk}/").content.decode()
    assert page.count("no such user") == 1
    assert "3 次" in page
    assert "<script>alert" not in page


def test_a_mailing_in_stages_says_how_far_it_is_open(desk, readers, settings):
    settings.STAGE_BOUNCE_PERCENT, settings.STAGE_COMPLAINT_PERCENT = 5.0, 0.3
    mailing = factories.mailing(
        subscriber_list=readers[0].subscriber_list, stages=stages.plan([25])
    )
    mailings.start(mailing.pk)
    page = desk.get(f"/mailings/{mailing.pk}/").content.decode()
    table = re.sub(r"<[^>]+>", " ", page.partition('id="stages"')[2].partition("</table>")[0])
    assert re.search(r"1\. 25 %\s+▶\s*放行中\s+3\s+2\. 全部\s+○\s*还没放行\s+12", table)
    assert "退回超过 5 % 或投诉超过 0.3 %" in page


def test_a_scheduled_mailing_says_when_and_to_how_many(desk, publication, readers):
    mailing = factories.mailing(
        edition=factories.edition(publication),
        subscriber_list=readers[0].subscriber_list,
        scheduled_at=datetime.datetime(2031, 1, 15, 1, tzinfo=datetime.UTC),
    )
    page = desk.get(f"/mailings/{mailing.pk}/").content.decode()
    assert "定于 2031-01-15 09:00（北京时间）发给“读者”，现在是 12 人" in page


def test_mailings_are_listed_and_an_empty_list_says_what_to_do(desk, sending):
    assert "发送中" in desk.get("/publications/observer/mailings/").content.decode()
    factories.publication("other")
    assert "还没有发送过" in desk.get("/publications/other/mailings/").content.decode()


def test_the_catchers_inbox_is_linked_where_there_is_one(desk, sending, settings):
    assert 'href="/catcher/"' in desk.get(f"/mailings/{sending.pk}/").content.decode()
    settings.DONGTAI_CATCHER_DATABASE = ""
    assert 'href="/catcher/"' not in desk.get(f"/mailings/{sending.pk}/").content.decode()


def _numbers(text: str) -> list[int]:
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


def test_the_equation_names_every_part_and_is_right(desk, sending):
    page = desk.get(f"/mailings/{sending.pk}/").content.decode()
    equation = re.sub(r"<[^>]+>", "", page.partition('id="equation">')[2].partition("</p>")[0])
    targeted, *parts = _numbers(equation)
    assert targeted == sum(parts) == 12
    assert len(parts) == len(Delivery.State)
    assert "=" in equation


def test_each_provider_has_its_row_and_they_add_up(desk, sending):
    queue.own_lane("qq.test")
    lanes = desk.get(f"/mailings/{sending.pk}/").context["lanes"]
    assert {lane.name for lane in lanes} == {"qq.test", ""}
    for lane in lanes:
        shown = lane.ledger["accepted"] + lane.ledger["deferred"] + lane.ledger["bounced"]
        assert shown + lane.waiting + lane.other == lane.total
    assert sum(lane.total for lane in lanes) == 12


def test_rate_time_left_and_a_resting_provider_are_told(desk, sending, redis_server, settings):
    redis_server.flushall()
    sending.deliveries.update(state=Delivery.State.QUEUED)
    queue.own_lane("qq.test")
    gauges.tell_accepted(redis_server, {queue.Queued(sending.pk, ""): 10})
    Throttle(redis_server).slower("qq.test", "421 <b>too fast</b>")
    page = desk.get(f"/mailings/{sending.pk}/progress/").content.decode()
    said = desk.get(f"/mailings/{sending.pk}/").context["said"]
    assert said.per_minute == 60
    assert "最近每分钟接收 <strong>60</strong> 封" in page
    assert "还要约 1 分钟" in page
    assert "<strong>qq.test</strong> 要求放慢，已自动暂停，约 1 分钟后接着发；3 人在等" in page
    assert "421 &lt;b&gt;too fast" in page


def test_a_mailing_that_has_just_begun_is_not_called_slow(desk, sending):
    assert "最近一分钟没有" not in desk.get(f"/mailings/{sending.pk}/").content.decode()
    earlier = sending.started_at - datetime.timedelta(minutes=2)
    Mailing.objects.filter(pk=sending.pk).update(started_at=earlier)
    assert "最近一分钟没有" in desk.get(f"/mailings/{sending.pk}/").content.decode()


def test_without_redis_only_the_pace_is_missing(desk, sending, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    page = desk.get(f"/mailings/{sending.pk}/").content.decode()
    assert "暂时看不到速度" in page
    assert "合计，等于目标人数" in page


def test_those_left_out_since_the_start_have_a_reason(desk, sending):
    gone = sending.deliveries.get(state=Delivery.State.SUPPRESSED)
    Subscription.objects.filter(pk=gone.subscription_id).update(state="unsubscribed")
    assert "已退订 1 人" in desk.get(f"/mailings/{sending.pk}/").content.decode()


def test_the_unconfirmed_are_listed_page_by_page(desk, publication):
    on = factories.subscriber_list(publication)
    factories.readers(60, on)
    mailing = factories.mailing(edition=factories.edition(publication), subscriber_list=on)
    mailings.start(mailing.pk)
    mailing.deliveries.update(state=Delivery.State.UNCONFIRMED)
    address = f"/mailings/{mailing.pk}/unconfirmed/"
    first = desk.get(address)
    second = desk.get(f"{address}?after={first.context['next']}")
    seen = [row.pk for page in (first, second) for row, _ in page.context["rows"]]
    assert seen == sorted(mailing.deliveries.values_list("pk", flat=True))
    assert "未确认 60 人" in first.content.decode()
    assert second.context["next"] is None


@pytest.mark.parametrize("after", ["x", "-1", "9" * 30])
def test_a_place_that_makes_no_sense_is_the_first(desk, sending, after):
    page = desk.get(f"/mailings/{sending.pk}/unconfirmed/?after={after}")
    assert len(page.context["rows"]) == 1


def test_what_becomes_of_the_unconfirmed_can_be_changed(desk, sending):
    desk.post(f"/mailings/{sending.pk}/policy/", {"unconfirmed": "leave"})
    desk.post(f"/mailings/{sending.pk}/policy/", {"unconfirmed": "shout"})
    sending.refresh_from_db()
    assert sending.unconfirmed_policy == "leave"
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == ({"unconfirmed": "resend"}, {"unconfirmed": "leave"})


@pytest.fixture
def missed(publication, readers) -> Mailing:
    """It was due yesterday, and no worker was there."""
    mailing = factories.mailing(
        edition=factories.edition(publication),
        subscriber_list=readers[0].subscriber_list,
        scheduled_at=timezone.now() - datetime.timedelta(days=1),
    )
    mailings.start_due()
    return mailing


def test_a_mailing_that_missed_its_time_asks(desk, missed):
    page = desk.get(f"/mailings/{missed.pk}/").content.decode()
    assert "没有发给任何人，要不要发，请您决定" in page
    assert "现在已经晚了约 24 小时" in page
    asked = desk.get(f"/mailings/{missed.pk}/resumption/").content.decode()
    assert 'data-hold="12"' in asked


def test_one_that_missed_its_time_is_sent_only_by_its_number(desk, missed):
    address = f"/mailings/{missed.pk}/resumption/"
    for form in ({}, {"shown": 12, "readers": 11}):
        assert "还没有发送" in desk.post(address, form).content.decode()
        missed.refresh_from_db()
        assert missed.state == "missed"
    desk.post(address, {"shown": 12, "readers": 12})
    missed.refresh_from_db()
    assert missed.state == "scheduled"


@pytest.fixture
def over(sending) -> Mailing:
    mailings.cancel(sending)
    sending.deliveries.filter(state=Delivery.State.LEASED).update(state=Delivery.State.ACCEPTED)
    return sending


def _following(desk: Client, mailing: Mailing, query: str = "") -> dict[str, object]:
    headers = {"HX-Request": "true"}
    page = desk.get(f"/mailings/{mailing.pk}/following/{query}", headers=headers).context
    readers = page["to"].readers
    return {
        "request_key": page["request_key"],
        "newest": page["newest"],
        "edition": page["edition"].key,
        "shown": readers,
        "readers": readers,
    }


def test_those_not_reached_get_the_same_edition_once(desk, over):
    address = f"/mailings/{over.pk}/following/"
    assert "发给没收到的人" in desk.get(f"/mailings/{over.pk}/").content.decode()
    form, other = _following(desk, over), _following(desk, over)
    assert form["readers"] == 5
    first = desk.post(address, form)["Location"]
    assert desk.post(address, form)["Location"] == first
    assert "有人已经补发过" in desk.post(address, other).content.decode()
    made = over.followers.get()
    assert first == f"/mailings/{made.pk}/"
    assert made.edition == over.edition
    mailings.start(made.pk)
    accepted = over.deliveries.filter(state=Delivery.State.ACCEPTED).values("subscription")
    assert not made.deliveries.filter(subscription__in=accepted).exists()
    assert made.deliveries.count() == 5
    assert f'href="/mailings/{over.pk}/"' in desk.get(first).content.decode()
    assert AuditEntry.objects.get(action="mailing.scheduled").after["after"] == over.pk


def test_the_unconfirmed_are_written_to_again_by_choice(desk, over):
    form = _following(desk, over, "?unconfirmed=1")
    assert form["readers"] == 6
    desk.post(f"/mailings/{over.pk}/following/?unconfirmed=1", form)
    mailings.start(over.followers.get().pk)
    assert over.followers.get().deliveries.count() == 6


def test_following_needs_the_number_too(desk, over):
    form = _following(desk, over) | {"readers": ""}
    page = desk.post(f"/mailings/{over.pk}/following/", form).content.decode()
    assert "还没有发送" in page
    assert not over.followers.exists()


def test_a_mailing_under_way_has_nobody_missed_yet(desk, sending):
    response = desk.get(f"/mailings/{sending.pk}/following/")
    assert response["Location"] == f"/mailings/{sending.pk}/"


def test_the_list_has_counts_the_next_one_and_filters_in_the_address(desk, sending, publication):
    later = factories.mailing(
        edition=factories.edition(publication),
        subscriber_list=factories.subscriber_list(publication, "second"),
        scheduled_at=datetime.datetime(2031, 1, 15, 1, tzinfo=datetime.UTC),
    )
    address = "/publications/observer/mailings/"
    page = desk.get(address)
    assert "下一次：2031-01-15 09:00（北京时间）" in page.content.decode()
    ledgers = {mailing.pk: ledger for mailing, ledger in page.context["rows"]}
    assert ledgers[sending.pk] == mailings.ledger(sending)
    for query, expected in {
        "": {sending.pk, later.pk},
        "?state=active": {sending.pk},
        "?state=scheduled": {later.pk},
        "?state=over": set(),
        "?list=second": {later.pk},
        "?state=active&list=second": set(),
        "?state=nonsense&list=nonsense": {sending.pk, later.pk},
    }.items():
        rows = desk.get(address + query).context["rows"]
        assert {mailing.pk for mailing, _ in rows} == expected, query


def test_a_mailing_names_all_its_lists_however_many_mailings_there_are(
    desk, sending, publication, django_assert_max_num_queries
):
    own, second, third = (
        publication.lists.create(slug=slug, name=slug) for slug in ("own", "second", "third")
    )
    one_rule = {"lists": [own.pk], "rules": [{"field": "domain", "value": "example.org"}]}
    segment = publication.segments.create(name="华东", audience=one_rule)
    described = {"lists": [own.pk, second.pk], "except": [third.pk], "also": [one_rule]}
    edition = factories.edition(publication)
    for _number in range(20):
        mailing = factories.mailing(
            edition=edition, subscriber_list=own, audience=described, scheduled_at=timezone.now()
        )
    said = "own、second、{}；不含 third"
    with django_assert_max_num_queries(40):
        page = desk.get("/publications/observer/mailings/").content.decode()
    assert page.count(said.format("华东")) == 21
    for text, known in (("second", True), ("华东", True), ("华北", False)):
        found = desk.get("/publications/observer/search/", {"q": text}).content.decode()
        assert (f"/mailings/{mailing.pk}/" in found) is known
    segment.delete()
    page = desk.get(f"/mailings/{mailing.pk}/").content.decode()
    assert said.format("own里符合条件的人") in page


def _member(publication, *roles: Role) -> Client:
    user = User.objects.create_user(f"person{User.objects.count()}")
    for role in roles:
        Membership.objects.create(user=user, publication=publication, role=role)
    client = Client()
    client.force_login(user)
    return client


ACTS = ("pause", "resumption", "cancellation", "policy", "following")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.REVIEWER, Role.LIST_MANAGER])
def test_only_senders_steer_and_others_see_no_buttons(sending, publication, role):
    client = _member(publication, role)
    page = client.get(f"/mailings/{sending.pk}/").content.decode()
    assert 'id="pause"' not in page
    assert "合计，等于目标人数" in page
    for act in ACTS:
        assert client.post(f"/mailings/{sending.pk}/{act}/").status_code == 403
    sending.refresh_from_db()
    assert sending.state == "sending"


def test_another_publications_people_see_nothing(sending):
    client = _member(factories.publication("other", "other.example"), *Role)
    for part in ("", "progress/", "unconfirmed/", *(f"{act}/" for act in ACTS)):
        assert client.get(f"/mailings/{sending.pk}/{part}").status_code in (404, 405)
        assert client.post(f"/mailings/{sending.pk}/{part}").status_code in (404, 405)


def test_addresses_are_masked_but_for_those_who_look_after_lists(sending, publication):
    address = f"/mailings/{sending.pk}/unconfirmed/"
    reader = sending.deliveries.get(state=Delivery.State.UNCONFIRMED).address
    page = _member(publication, Role.SENDER).get(address).content.decode()
    assert reader not in page
    assert "r***@" in page
    assert reader in _member(publication, Role.LIST_MANAGER).get(address).content.decode()
