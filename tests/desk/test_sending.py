"""Choosing to whom and when an issue goes, and the last page with its held button."""

from __future__ import annotations

import datetime
import re
from html import unescape
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client

from dongtai_mail.delivery import mailings
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.desk.audience import audience
from dongtai_mail.desk.models import AuditEntry, Membership, Role
from dongtai_mail.issues import reviewing
from dongtai_mail.issues.models import Publication
from subscribers.models import Segment, Subscription, Suppression
from tests import factories
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(publication) -> list[Subscription]:
    return factories.readers(12, factories.subscriber_list(publication))


def _address(issue, last: bool = True, **chosen: object) -> str:
    query = {"kind": "lean", "when": "now", **chosen}
    return f"/issues/{issue.pk}/mailing/{'last/' if last else ''}?{urlencode(query, doseq=True)}"


def _form(page: str) -> dict[str, str]:
    """The fields of the form that sends, with the number typed."""
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    fields.pop("csrfmiddlewaretoken", None)
    return {**fields, "readers": fields.get("shown", "")}


def _send(desk: Client, issue, **chosen: object) -> Mailing:
    address = _address(issue, **chosen)
    response = desk.post(address, _form(desk.get(address).content.decode()))
    assert response.status_code == 302, _errors(response.content.decode())
    return Mailing.objects.get(pk=response["Location"].strip("/").rpartition("/")[2])


def _sentence(page: str) -> str:
    told = page.partition('class="sentence">')[2].partition("</p>")[0]
    return unescape(re.sub(r"<[^>]+>", "", told))


def _errors(page: str) -> list[str]:
    return re.findall(r'role="alert">([^<]*)', page)


def test_one_sentence_says_everything_before_the_button(desk, issue, readers):
    Suppression.objects.create(key=readers[0].subscriber.key, reason="staff")
    on = readers[0].subscriber_list
    page = desk.get(_address(issue, list=on.pk, kind="digest", per_minute=600)).content.decode()
    assert re.fullmatch(
        r"现在把 云港观察 第 7 期（摘要版，[\d,]+ 字节）发给“读者”的 11 人，排除 1 人，"
        r"每分钟最多 600 封，没有答复的会再发。",
        _sentence(page),
    )


def test_choosing_shows_the_same_sentence_and_leads_on(desk, issue, readers):
    page = desk.get(f"/issues/{issue.pk}/mailing/").content.decode()
    assert "发给“读者”的 12 人" in _sentence(page)
    assert f'action="/issues/{issue.pk}/mailing/last/"' in page


def test_sending_makes_a_mailing_of_the_edition_that_was_shown(desk, issue, readers):
    address = _address(issue, list=readers[0].subscriber_list_id)
    form = _form(desk.get(address).content.decode())
    issue.sections.get().items.update(title="改过的标题")
    response = desk.post(address, form)
    mailing = Mailing.objects.get()
    assert response["Location"] == f"/mailings/{mailing.pk}/"
    assert mailing.edition.key == form["edition"]
    assert "改过的标题" not in mailing.edition.html
    assert mailing.edition.kind == "lean"
    assert mailing.created_by == "editor"
    assert AuditEntry.objects.get(action="mailing.scheduled").subject_id == str(mailing.pk)


def test_a_double_click_and_the_way_back_are_one_mailing(desk, issue, readers):
    address = _address(issue, list=readers[0].subscriber_list_id)
    form = _form(desk.get(address).content.decode())
    first, second = (desk.post(address, form) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Mailing.objects.count() == 1


def test_a_second_tab_asks_before_it_sends_again(desk, issue, readers):
    address = _address(issue, list=readers[0].subscriber_list_id)
    one, two = (_form(desk.get(address).content.decode()) for _ in range(2))
    desk.post(address, one)
    page = desk.post(address, two).content.decode()
    assert "有人已经安排过这一期的发送" in _errors(page)[0]
    assert Mailing.objects.count() == 1
    assert desk.post(address, _form(page)).status_code == 302
    assert Mailing.objects.count() == 2


@pytest.mark.parametrize("typed", ["", "11", "十二", "12.0", "-12"])
def test_nothing_is_sent_unless_the_number_is_typed(desk, issue, readers, typed):
    address = _address(issue, list=readers[0].subscriber_list_id)
    form = _form(desk.get(address).content.decode()) | {"readers": typed}
    page = desk.post(address, form).content.decode()
    assert "输入人数 12 来确认" in _errors(page)[0]
    assert not Mailing.objects.exists()


def test_a_number_may_be_typed_as_it_is_shown(desk, issue, readers):
    address = _address(issue, list=readers[0].subscriber_list_id)
    form = _form(desk.get(address).content.decode()) | {"shown": "1,2", "readers": "1，2 "}
    assert desk.post(address, form).status_code == 302


def test_many_more_readers_than_were_shown_are_asked_about_again(desk, issue, readers):
    address = _address(issue, list=readers[0].subscriber_list_id)
    form = _form(desk.get(address).content.decode())
    factories.subscribe(
        readers[0].subscriber_list, *(f"new{number}@example.com" for number in range(9))
    )
    page = desk.post(address, form).content.decode()
    assert "刚才 12，现在 21" in _errors(page)[0]
    assert not Mailing.objects.exists()


def test_a_time_is_meant_in_the_publications_zone(desk, issue, readers):
    Publication.objects.update(timezone="America/New_York")
    chosen = {"list": readers[0].subscriber_list_id, "when": "at", "at": "2031-01-15T09:00"}
    page = desk.get(_address(issue, **chosen)).content.decode()
    assert "2031-01-15 09:00（America/New_York）" in _sentence(page)
    eastern = ZoneInfo("America/New_York")
    at = datetime.datetime(2031, 1, 15, 9, tzinfo=eastern)
    assert _send(desk, issue, **chosen).scheduled_at == at


@pytest.mark.parametrize(
    ("at", "reason"),
    [("2001-01-01T09:00", "已经过去"), ("", "请填写发送时间"), ("soon", "2026-12-01 09:00")],
)
def test_a_time_that_cannot_be_meant_is_explained(desk, issue, readers, at, reason):
    chosen = {"list": readers[0].subscriber_list_id, "when": "at", "at": at}
    page = desk.get(_address(issue, last=False, **chosen)).content.decode()
    assert reason in page
    assert 'form="plan"' not in page
    back = desk.get(_address(issue, **chosen))
    assert back["Location"] == _address(issue, last=False, **chosen).replace(
        "kind=lean&when=at", "kind=lean&when=at"
    )


def test_a_time_filled_in_is_never_sent_at_once(desk, issue, readers):
    chosen = {"list": readers[0].subscriber_list_id, "when": "now", "at": "2031-01-15T09:00"}
    page = desk.get(_address(issue, last=False, **chosen)).content.decode()
    assert "请选“定时”，或清空时间" in page
    form = _form(desk.get(_address(issue, list=chosen["list"])).content.decode())
    desk.post(_address(issue, **chosen), form)
    assert not Mailing.objects.exists()


def test_a_time_that_passed_meanwhile_is_not_sent(desk, issue, readers):
    chosen = {"list": readers[0].subscriber_list_id}
    form = _form(desk.get(_address(issue, **chosen)).content.decode())
    late = _address(issue, **chosen, at="2001-01-01T09:00").replace("when=now", "when=at")
    assert "已经过去" in desk.post(late, form).content.decode()
    assert not Mailing.objects.exists()


def test_the_next_slot_is_offered_and_meant(desk, issue, readers):
    Publication.objects.update(slots=[{"days": [1, 16], "time": "09:00"}])
    page = desk.get(f"/issues/{issue.pk}/mailing/").content.decode()
    slot = re.findall(r'<option value="([^"]+T09:00:00\+08:00)"', page)[0]
    assert f"{slot[:10]} 09:00（北京时间）" in _sentence(page)
    chosen = {"list": readers[0].subscriber_list_id, "when": "slot", "slot": slot}
    assert _send(desk, issue, **chosen).scheduled_at.isoformat() == slot.replace(
        "T09:00:00+08:00", "T01:00:00+00:00"
    )


@pytest.mark.parametrize("slot", ["", "2001-01-01T09:00:00+08:00", "2031-01-02T09:00:00+08:00"])
def test_no_other_time_passes_for_a_slot(desk, issue, readers, slot):
    Publication.objects.update(slots=[{"days": [1], "time": "09:00"}])
    chosen = {"list": readers[0].subscriber_list_id, "when": "slot", "slot": slot}
    assert "固定时间" in _errors(desk.get(_address(issue, False, **chosen)).content.decode())[0]


def test_lists_and_segments_minus_others(desk, issue, publication, readers):
    on = readers[0].subscriber_list
    more, less = (factories.subscriber_list(publication, slug) for slug in ("more", "less"))
    factories.subscribe(more, "reader0@qq.test", "z@qq.com", "y@example.com")
    factories.subscribe(less, "reader1@163.test")
    rule = {"field": "domain", "test": "is", "value": "example.com"}
    segment = Segment.objects.create(
        publication=publication, name="公司", audience={"lists": [on.pk, more.pk], "rules": [rule]}
    )
    chosen = {"list": [on.pk, more.pk], "except_list": less.pk, "except_segment": segment.pk}
    expected = 12 + 2 - 1 - 3
    page = desk.get(_address(issue, **chosen)).content.decode()
    assert "数人数" in page
    assert not _sentence(page)
    page = desk.get(_address(issue, **chosen), headers={"HX-Request": "true"}).content.decode()
    assert f"发给“读者”“读者”的 {expected} 人" in _sentence(page)
    assert "不发给“读者”“公司”里的人" in _sentence(page)
    chosen["count"] = 1
    account = desk.get(_address(issue, False, **chosen).replace("g/?", "g/readers/?"))
    told = account.context["account"]
    assert (told.on_lists, told.duplicates, told.left_out) == (15, 1, 4)
    assert told.on_lists - told.duplicates - told.left_out - told.suppressed == told.readers
    mailing = _send(desk, issue, **chosen)
    mailings.start(mailing.pk)
    assert mailing.deliveries.count() == expected
    assert not Delivery.objects.filter(address__endswith="example.com").exists()


def test_only_a_segment_is_an_audience(desk, issue, publication, readers):
    rule = {"field": "domain", "test": "is", "value": "qq.test"}
    lists = [readers[0].subscriber_list_id]
    segment = Segment.objects.create(
        publication=publication, name="QQ", audience={"lists": lists, "rules": [rule]}
    )
    mailing = _send(desk, issue, segment=segment.pk, count=1)
    segment.delete()
    mailings.start(mailing.pk)
    assert mailing.deliveries.count() == 3
    assert mailing.subscriber_list_id == lists[0]


def test_a_segment_whose_list_is_gone_says_so(desk, issue, publication, readers):
    for number, described in enumerate(({"lists": [999]}, {"all": []}, {})):
        segment = Segment.objects.create(
            publication=publication, name=f"旧 {number}", audience=described
        )
        page = desk.get(_address(issue, False, segment=segment.pk)).content.decode()
        assert f"分组“旧 {number}”：" in _errors(page)[0]


def test_nobody_chosen_says_what_to_do(desk, issue, readers):
    page = desk.get(_address(issue, last=False)).content.decode()
    assert "请至少选一份名单或一个分组" in page
    assert 'form="plan"' not in page


def test_of_several_lists_none_is_chosen_for_the_sender(desk, issue, publication, readers):
    address = f"/issues/{issue.pk}/mailing/"
    assert "发给“读者”的 12 人" in _sentence(desk.get(address).content.decode())
    factories.subscriber_list(publication, slug="inside")
    assert "请至少选一份名单或一个分组" in desk.get(address).content.decode()


def test_some_readers_are_shown_and_who_is_left_out(desk, issue, readers):
    Suppression.objects.create(key=readers[0].subscriber.key, reason="staff")
    later = datetime.datetime(2031, 1, 1, tzinfo=datetime.UTC)
    Subscription.objects.filter(pk=readers[1].pk).update(paused_until=later)
    Subscription.objects.filter(pk=readers[2].pk).update(state="pending")
    address = _address(issue, False, list=readers[0].subscriber_list_id)
    response = desk.get(address.replace("mailing/", "mailing/readers/"))
    told = response.context["account"]
    assert (told.readers, told.suppressed, told.pending, told.paused) == (9, 1, 1, 1)
    shown = {row.pk for row, _ in response.context["sample"]}
    assert len(shown) == 5
    assert not shown & {reader.pk for reader in readers[:3]}


def test_addresses_are_for_those_who_look_after_lists(issue, publication, readers):
    address = _address(issue, False, list=readers[0].subscriber_list_id)
    address = address.replace("mailing/", "mailing/readers/")
    sender = _member(publication, Role.SENDER)
    page = sender.get(address).content.decode()
    assert "r***@" in page
    assert readers[0].subscriber.address not in page
    both = _member(publication, Role.SENDER, Role.LIST_MANAGER)
    assert readers[0].subscriber.address in both.get(address).content.decode()


def _member(publication, *roles: Role) -> Client:
    user = User.objects.create_user(f"person{User.objects.count()}")
    for role in roles:
        Membership.objects.create(user=user, publication=publication, role=role)
    client = Client()
    client.force_login(user)
    return client


def test_pace_stages_and_policy_are_the_mailings(desk, issue, publication, readers):
    staff = factories.subscriber_list(publication, "staff")
    factories.subscribe(staff, "boss@example.com")
    chosen = {
        "list": readers[0].subscriber_list_id,
        "per_minute": 600,
        "first": staff.pk,
        "percents": "10，50",
        "wait_minutes": 30,
        "unconfirmed": "leave",
    }
    page = desk.get(_address(issue, **chosen)).content.decode()
    assert "的 13 人" in _sentence(page)
    assert "先发“读者”，再 10 %，再 50 %，再全部，每批之间至少等 30 分钟" in _sentence(page)
    assert "没有答复的不再发" in _sentence(page)
    page = desk.get(_address(issue, False, **{**chosen, "wait_minutes": 0})).content.decode()
    assert "大于或等于1" in _errors(page)[0]
    mailing = _send(desk, issue, **chosen)
    mailings.start(mailing.pk)
    mailing.refresh_from_db()
    assert (mailing.per_minute, mailing.stage_wait_seconds) == (600, 1800)
    assert mailing.unconfirmed_policy == "leave"
    assert [stage["size"] for stage in mailing.stages] == [1, 2, 7, 13]
    assert mailing.deliveries.order_by("pk")[0].address == "boss@example.com"


@pytest.mark.parametrize(
    ("percents", "why"),
    [*((text, "每一批都要比前一批大") for text in ("10, 5", "0", "101", "nan")), ("x", "只填数字")],
)
def test_stages_that_make_no_sense_are_explained(desk, issue, readers, percents, why):
    chosen = {"list": readers[0].subscriber_list_id, "percents": percents}
    page = desk.get(_address(issue, False, **chosen)).content.decode()
    assert why in _errors(page)[0]


@pytest.mark.parametrize("name", ["list", "except_list", "first", "segment", "except_segment"])
def test_another_publications_lists_and_segments_are_refused(desk, issue, readers, name):
    other = factories.publication("other", "other.example")
    theirs = factories.subscriber_list(other, "strangers")
    if "segment" in name:
        theirs = Segment.objects.create(
            publication=other, name="他们", audience={"lists": [theirs.pk]}
        )
    own = {"list": [readers[0].subscriber_list_id]}
    form = _form(desk.get(_address(issue, **own)).content.decode())
    chosen = {**own, name: [*own.get(name, []), theirs.pk]}
    page = desk.post(_address(issue, **chosen), form).content.decode()
    assert "不在这份刊物里" in _errors(page)[0]
    assert not Mailing.objects.exists()


def test_another_issues_edition_is_not_found(desk, issue, publication, readers):
    other = make_issue(publication, "另一期", "9")
    chosen = {"list": readers[0].subscriber_list_id}
    form = _form(desk.get(_address(other, **chosen)).content.decode())
    assert desk.post(_address(issue, **chosen), form).status_code == 404


@pytest.mark.parametrize("key", ["", "short", "x" * 65, "\0" * 32])
def test_a_form_without_its_request_key_is_refused(desk, issue, readers, key):
    address = _address(issue, list=readers[0].subscriber_list_id)
    form = _form(desk.get(address).content.decode())
    assert desk.post(address, form | {"request_key": key}).status_code == 400


def test_a_missing_dkim_key_is_explained(desk, issue, readers, settings, tmp_path):
    address = _address(issue, list=readers[0].subscriber_list_id)
    form = _form(desk.get(address).content.decode())
    settings.DATA_DIR = tmp_path / "elsewhere"
    assert "还没有 DKIM 密钥" in desk.post(address, form).content.decode()


def test_no_list_and_an_empty_list_offer_no_button(desk, issue, publication):
    assert "还没有名单" in desk.get(f"/issues/{issue.pk}/mailing/").content.decode()
    empty = factories.subscriber_list(publication)
    page = desk.get(_address(issue, list=empty.pk)).content.decode()
    assert "没有可发的" in page
    assert 'name="request_key"' not in page


def test_only_what_is_approved_can_be_sent(desk, issue, publication, readers):
    Publication.objects.update(needs_approval=True)
    chosen = {"list": readers[0].subscriber_list_id, "kind": "auto"}
    page = desk.get(_address(issue, False, **chosen)).content.decode()
    assert "还没有批准" in page
    assert 'form="plan"' not in page
    last = desk.get(_address(issue, **chosen))
    assert 'name="request_key"' not in last.content.decode()
    edition = last.context["edition"]
    forged = {"edition": edition.key, "request_key": "k" * 32, "shown": 12, "readers": 12}
    assert "还没有批准" in desk.post(_address(issue, **chosen), forged).content.decode()
    assert not Mailing.objects.exists()
    reviewing.vouch(edition, "审核")
    mailing = _send(desk, issue, **{**chosen, "kind": "digest"})
    assert mailing.edition == edition


def test_the_count_shown_is_the_audience_frozen(publication, readers):
    on = readers[0].subscriber_list
    Suppression.objects.create(key=readers[0].subscriber.key, reason="staff")
    Suppression.objects.create(
        key=readers[1].subscriber.key, reason="staff", publication=publication
    )
    other = factories.publication("other")
    Suppression.objects.create(key=readers[2].subscriber.key, reason="staff", publication=other)
    Subscription.objects.filter(pk=readers[3].pk).update(state="unsubscribed")
    mailing = factories.mailing(edition=factories.edition(publication), subscriber_list=on)
    mailings.start(mailing.pk)
    mailing.refresh_from_db()
    assert audience(on).readers == mailing.targeted == 9
    assert audience(on).excluded == 2


def test_names_are_inert_in_every_sentence(desk, issue, publication, readers):
    hostile = "<script>alert(1)</script>"
    factories.subscriber_list(publication)
    publication.lists.update(name=hostile)
    chosen = {"list": readers[0].subscriber_list_id, "first": readers[0].subscriber_list_id}
    for last in (True, False):
        page = desk.get(_address(issue, last, **chosen, percents="10")).content.decode()
        assert "&lt;script&gt;" in page
        assert hostile not in page


@pytest.mark.parametrize("role", [Role.EDITOR, Role.REVIEWER, Role.LIST_MANAGER])
def test_only_senders_send(issue, publication, readers, role):
    client = _member(publication, role)
    chosen = {"list": readers[0].subscriber_list_id}
    for address in (_address(issue, **chosen), _address(issue, False, **chosen)):
        assert client.get(address).status_code == 403
    assert client.post(_address(issue, **chosen), {}).status_code == 403


def test_slots_are_edited_by_senders(publication):
    sender = _member(publication, Role.SENDER)
    page = sender.post(
        "/publications/observer/slots/",
        {"days": ["16, 1", "31", ""], "time": ["9:00", "20:30", "08:00"]},
        follow=True,
    ).content.decode()
    publication.refresh_from_db()
    assert publication.slots == [
        {"days": [1, 16], "time": "09:00"},
        {"days": [31], "time": "20:30"},
    ]
    assert "固定发送时间已保存" in page
    assert AuditEntry.objects.get().after == {"slots": publication.slots}
    assert _member(publication, Role.EDITOR).get("/publications/observer/slots/").status_code == 403


def test_a_slot_that_makes_no_sense_keeps_what_was_typed(desk, publication):
    typed = {"days": ["1", "32"], "time": ["9:00", "9:00"]}
    page = desk.post("/publications/observer/slots/", typed).content.decode()
    assert "日期请写成 1 到 31" in page
    assert 'value="32"' in page
    publication.refresh_from_db()
    assert publication.slots == []
