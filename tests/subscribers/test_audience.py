"""Audiences by description: what each rule selects, what is frozen, and what is refused."""

from __future__ import annotations

import datetime
import uuid

import pytest
from django.utils import timezone

from dongtai_mail.delivery import audience, mailings, scheduling
from dongtai_mail.delivery.models import Delivery
from dongtai_mail.delivery.scheduling import MailingRefused
from subscribers import membership
from subscribers.audience import AudienceError
from subscribers.models import Subscriber, Subscription, Suppression
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def lists(readers):
    """Three lists: a and b on the first, b and c on the second, c alone on the third."""
    second = factories.subscriber_list(slug="second")
    third = factories.subscriber_list(slug="third")
    factories.subscribe(readers, "a@qq.com", "b@firm.example")
    factories.subscribe(second, "b@firm.example", "c@example.com")
    factories.subscribe(third, "c@example.com")
    Subscriber.objects.filter(key="a@qq.com").update(
        organisation="云港大学", language="en", attributes={"级别": "金"}
    )
    return readers, second, third


def _selected(among, **description) -> set[str]:
    """The first letters of those chosen: who is counted, and who is frozen."""
    chosen = {"lists": [each.pk for each in among], **description}
    readers = membership.ids(audience.select(among[0].publication_id, chosen).readers)
    keys = Subscriber.objects.filter(pk__in=readers).values_list("key", flat=True)
    mailing = factories.mailing(subscriber_list=among[0])
    mailing.audience = chosen
    audience.freeze(mailing, None)
    frozen = Delivery.objects.filter(mailing=mailing).values_list("address", flat=True)
    assert sorted(frozen) == sorted(keys)
    return {address[0] for address in keys}


def _rule(field: str, test: str = "is", value: str = "") -> dict:
    return {"rules": [{"field": field, "test": test, "value": value}]}


def test_several_lists_minus_others_reach_each_person_once(lists):
    assert _selected(lists) == {"a", "b", "c"}
    assert _selected(lists[:2], **{"except": [lists[2].pk]}) == {"a", "b"}
    assert _selected(lists[1:], **{"except": [lists[0].pk]}) == {"c"}


def test_a_segment_can_be_part_and_be_taken_away(lists):
    first, _, third = (each.pk for each in lists)
    tencent = {"lists": [first], **_rule("provider", "is", "tencent")}
    only = {"lists": [], "also": [tencent]}
    assert _selected(lists, **only) == {"a"}
    assert _selected(lists, lists=[third], also=[tencent]) == {"a", "c"}
    assert _selected(lists, without=[tencent]) == {"b", "c"}
    assert _selected(lists, **only, without=[tencent]) == set()


def test_a_segments_own_exceptions_are_its_own(lists):
    _, second, third = (each.pk for each in lists)
    second_alone = {"lists": [second], "except": [third]}
    assert _selected(lists, lists=[third], also=[second_alone]) == {"b", "c"}
    assert _selected(lists, without=[second_alone]) == {"a", "c"}


def test_what_is_taken_away_is_taken_from_segments_too(lists):
    first, second, third = (each.pk for each in lists)
    both = {"lists": [first, second]}
    assert _selected(lists, lists=[], also=[both], **{"except": [third]}) == {"a", "b"}
    assert _selected(lists, lists=[third], also=[both], without=[{"lists": [second]}]) == {"a"}


def test_a_paused_reader_of_a_segment_is_still_taken_away(lists):
    later = timezone.now() + datetime.timedelta(days=1)
    Subscription.objects.filter(subscriber_list=lists[1]).update(paused_until=later)
    assert _selected(lists[:1], without=[{"lists": [lists[1].pk]}]) == {"a"}


def test_a_segment_of_another_publication_is_refused(lists):
    strangers = factories.subscriber_list(factories.publication("other"), "strangers")
    for name in ("also", "without"):
        with pytest.raises(AudienceError, match="不属于这份刊物"):
            _selected(lists, **{name: [{"lists": [strangers.pk]}]})


@pytest.mark.parametrize("parts", ["x", [{}] * 21])
def test_parts_that_make_no_sense_are_refused(lists, parts):
    with pytest.raises(AudienceError):
        _selected(lists, also=parts)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (_rule("organisation", "contains", "大学"), {"a"}),
        (_rule("organisation", "is", "云港"), set()),
        (_rule("organisation", "starts", "云港"), {"a"}),
        (_rule("provider", "is", "tencent"), {"a"}),
        (_rule("domain", "is", "firm.example"), {"b"}),
        (_rule("language", "is", "en"), {"a"}),
        (_rule("attribute:级别", "is", "金"), {"a"}),
        (_rule("attribute:级别", "contains", "银"), set()),
        (_rule("attribute:级别", "set"), {"a"}),
        (_rule("since", "within", "7"), {"a", "b", "c"}),
        (_rule("since", "before", "7"), set()),
        (_rule("engaged", "some", "30"), set()),
        (_rule("engaged", "none", "30"), {"a", "b", "c"}),
    ],
)
def test_each_rule_selects_whom_it_names(lists, rules, expected):
    assert _selected(lists, **rules) == expected


def test_when_somebody_came_is_asked_of_each_subscription(lists):
    factories.subscribe(lists[0], "gone@qq.com")
    Subscription.objects.filter(subscriber__key="gone@qq.com").update(state="unsubscribed")
    old = timezone.now() - datetime.timedelta(days=8)
    Subscription.objects.filter(subscriber__key="a@qq.com").update(created_at=old)
    assert _selected(lists, **_rule("since", "before", "7")) == {"a"}
    assert _selected(lists, **_rule("since", "within", "7")) == {"b", "c"}


def test_rules_are_met_all_or_any(lists):
    rules = (
        _rule("provider", "is", "tencent")["rules"] + _rule("domain", "is", "firm.example")["rules"]
    )
    assert _selected(lists, rules=rules, match="all") == set()
    assert _selected(lists, rules=rules, match="any") == {"a", "b"}


def test_engagement_is_what_servers_accepted(lists):
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    taken = Delivery.objects.get(address="a@qq.com")
    Delivery.objects.filter(pk=taken.pk).update(
        state=Delivery.State.ACCEPTED, changed_at=mailing.scheduled_at
    )
    assert _selected(lists, **_rule("engaged", "some", "30")) == {"a"}
    assert _selected(lists, **_rule("engaged", "none", "30")) == {"b", "c"}


def test_what_another_publication_sends_engages_nobody_here(lists):
    elsewhere = factories.subscriber_list(factories.publication("other"), "elsewhere")
    factories.subscribe(elsewhere, "a@qq.com")
    mailing = factories.mailing(subscriber_list=elsewhere)
    mailings.start(mailing.pk)
    changed = Delivery.objects.update(state=Delivery.State.ACCEPTED, changed_at=timezone.now())
    assert changed == 1
    assert _selected(lists, **_rule("engaged", "some", "30")) == set()


def test_the_count_is_what_is_frozen(lists):
    Suppression.objects.create(key="c@example.com", reason="staff")
    Subscription.objects.filter(subscriber__key="a@qq.com").update(paused_until="2999-01-01T00:00Z")
    described = {"lists": [each.pk for each in lists]}
    mailing = scheduling.schedule(
        factories.edition(), lists[0], request_key=uuid.uuid4().hex, described=described
    )
    mailings.start(mailing.pk)
    mailing.refresh_from_db()
    assert audience.count(lists[0].publication_id, described) == (1, 1)
    assert mailing.targeted == 1
    assert Delivery.objects.get().address == "b@firm.example"


HOSTILE = "x' OR 1=1; DROP TABLE subscribers_subscriber; -- %s %(list)s {0}"


@pytest.mark.parametrize(
    "field",
    ["organisation", "provider", "language", "domain", "attribute:级别", "attribute:isnull"],
)
def test_values_are_never_sql(lists, field):
    described = {"lists": [lists[0].pk], **_rule(field, "is", HOSTILE)}
    mailing = scheduling.schedule(
        factories.edition(), lists[0], request_key=uuid.uuid4().hex, described=described
    )
    mailings.start(mailing.pk)
    assert not Delivery.objects.exists()


@pytest.mark.parametrize("name", ["", "级别' OR 1=1", 'a"b', "a__b", "7", "a%sb", "a{b}", "x" * 51])
def test_names_of_attributes_are_never_sql(lists, name):
    described = {"lists": [lists[0].pk], **_rule(f"attribute:{name}", "contains", "x")}
    try:
        mailing = scheduling.schedule(
            factories.edition(), lists[0], request_key=uuid.uuid4().hex, described=described
        )
    except MailingRefused:
        return
    mailings.start(mailing.pk)
    assert not Delivery.objects.exists()


def test_another_publications_lists_are_refused(lists):
    other = factories.subscriber_list(factories.publication("other", "other.example"), "theirs")
    with pytest.raises(AudienceError, match="不属于"):
        audience.check(lists[0].publication_id, {"lists": [other.pk]})
    with pytest.raises(AudienceError, match="不属于"):
        _selected(lists, **{"except": [other.pk]})


@pytest.mark.parametrize(
    "described",
    [
        {},
        {"lists": []},
        {"lists": "1"},
        {"lists": [True, "x"]},
        {"rules": [{"field": "password"}]},
        {"rules": [{"field": "since", "value": "never"}]},
        {"rules": [{"field": "engaged", "value": "-1"}]},
        {"rules": [{"field": "organisation", "test": "is", "value": " "}]},
        {"rules": [{"field": "organisation", "test": "regex", "value": "("}]},
        {"rules": [{"field": "language"}] * 21},
    ],
)
def test_a_description_without_sense_is_refused(lists, described):
    asked = {"lists": [lists[0].pk], **described} if "rules" in described else described
    for look in (audience.check, audience.select):
        with pytest.raises(AudienceError):
            look(lists[0].publication_id, asked)
