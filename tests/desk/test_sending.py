"""The page before a mailing, and a mailing's own page."""

from __future__ import annotations

import datetime
import re
from zoneinfo import ZoneInfo

import pytest

from dongtai_mail.delivery import mailings, queue, stages
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.desk.audience import audience
from dongtai_mail.issues.models import Publication
from dongtai_mail.message.reply import Reply, Stage
from subscribers.models import Subscription, Suppression
from tests import factories
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def readers(publication) -> list[Subscription]:
    return factories.readers(12, factories.subscriber_list(publication))


def _form(page: str) -> dict[str, str]:
    """The hidden fields of the form that sends."""
    form = page[page.index('name="request_key"') - 40 :]
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form)
    return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}


def test_one_sentence_says_everything_before_the_button(desk, issue, readers):
    Suppression.objects.create(key=readers[0].subscriber.key, reason="staff")
    page = desk.get(f"/issues/{issue.pk}/mailing/?kind=digest").content.decode()
    sentence = re.sub(r"<[^>]+>", "", page.partition('class="sentence">')[2].partition("</p>")[0])
    assert re.fullmatch(
        r"现在把 云港观察 第 7 期（摘要版，[\d,]+ 字节）发给“读者”的 11 人，排除 1 人。", sentence
    )


def test_sending_makes_a_mailing_of_the_edition_that_was_shown(desk, issue, readers):
    form = _form(desk.get(f"/issues/{issue.pk}/mailing/?kind=lean").content.decode())
    issue.sections.get().items.update(title="改过的标题")
    response = desk.post(f"/issues/{issue.pk}/mailing/", form)
    mailing = Mailing.objects.get()
    assert response["Location"] == f"/mailings/{mailing.pk}/"
    assert mailing.edition.key == form["edition"]
    assert "改过的标题" not in mailing.edition.html
    assert mailing.edition.kind == "lean"
    assert mailing.created_by == "editor"


def test_a_double_click_is_one_mailing(desk, issue, readers):
    form = _form(desk.get(f"/issues/{issue.pk}/mailing/").content.decode())
    first, second = (desk.post(f"/issues/{issue.pk}/mailing/", form) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert Mailing.objects.count() == 1


def test_a_time_is_meant_in_the_publications_zone(desk, issue, readers):
    Publication.objects.update(timezone="America/New_York")
    chosen = {"list": readers[0].subscriber_list_id, "when": "at", "at": "2031-01-15T09:00"}
    page = desk.get(f"/issues/{issue.pk}/mailing/", chosen).content.decode()
    assert "2031-01-15 09:00（America/New_York）" in page
    desk.post(f"/issues/{issue.pk}/mailing/", _form(page))
    eastern = ZoneInfo("America/New_York")
    assert Mailing.objects.get().scheduled_at == datetime.datetime(2031, 1, 15, 9, tzinfo=eastern)


@pytest.mark.parametrize(
    ("at", "reason"),
    [("2001-01-01T09:00", "已经过去"), ("", "请填写发送时间"), ("soon", "2026-12-01 09:00")],
)
def test_a_time_that_cannot_be_meant_is_explained(desk, issue, readers, at, reason):
    chosen = {"list": readers[0].subscriber_list_id, "when": "at", "at": at}
    page = desk.get(f"/issues/{issue.pk}/mailing/", chosen).content.decode()
    assert reason in page
    assert 'name="request_key"' not in page


def test_a_time_filled_in_is_never_sent_at_once(desk, issue, readers):
    chosen = {"list": readers[0].subscriber_list_id, "when": "now", "at": "2031-01-15T09:00"}
    page = desk.get(f"/issues/{issue.pk}/mailing/", chosen).content.decode()
    assert "请选“定时”，或清空时间" in page
    assert 'name="request_key"' not in page
    form = _form(desk.get(f"/issues/{issue.pk}/mailing/").content.decode())
    desk.post(f"/issues/{issue.pk}/mailing/", form | chosen)
    assert not Mailing.objects.exists()


def test_a_time_that_passed_meanwhile_is_not_sent(desk, issue, readers):
    form = _form(desk.get(f"/issues/{issue.pk}/mailing/").content.decode())
    late = form | {"when": "at", "at": "2001-01-01T09:00"}
    assert "已经过去" in desk.post(f"/issues/{issue.pk}/mailing/", late).content.decode()
    assert not Mailing.objects.exists()


def test_another_publications_list_is_refused(desk, issue, readers):
    other = factories.subscriber_list(factories.publication("other"), "strangers")
    form = _form(desk.get(f"/issues/{issue.pk}/mailing/").content.decode())
    desk.post(f"/issues/{issue.pk}/mailing/", form | {"list": other.pk})
    assert not Mailing.objects.exists()


def test_another_issues_edition_is_not_found(desk, issue, publication, readers):
    other = make_issue(publication, "另一期", "9")
    form = _form(desk.get(f"/issues/{other.pk}/mailing/").content.decode())
    assert desk.post(f"/issues/{issue.pk}/mailing/", form).status_code == 404


@pytest.mark.parametrize("key", ["", "short", "x" * 65])
def test_a_form_without_its_request_key_is_refused(desk, issue, readers, key):
    form = _form(desk.get(f"/issues/{issue.pk}/mailing/").content.decode())
    response = desk.post(f"/issues/{issue.pk}/mailing/", form | {"request_key": key})
    assert response.status_code == 400


def test_a_missing_dkim_key_is_explained(desk, issue, readers, settings, tmp_path):
    form = _form(desk.get(f"/issues/{issue.pk}/mailing/").content.decode())
    settings.DATA_DIR = tmp_path / "elsewhere"
    page = desk.post(f"/issues/{issue.pk}/mailing/", form).content.decode()
    assert "还没有 DKIM 密钥" in page


def test_no_list_and_an_empty_list_offer_no_button(desk, issue, publication):
    page = desk.get(f"/issues/{issue.pk}/mailing/").content.decode()
    assert "还没有名单" in page
    factories.subscriber_list(publication)
    page = desk.get(f"/issues/{issue.pk}/mailing/").content.decode()
    assert "没有可发的" in page
    assert 'name="request_key"' not in page


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
    assert "还没发的 <strong>2</strong> 人" in page
    sending.refresh_from_db()
    assert sending.state == "sending"


@pytest.mark.parametrize("act", ["pause", "resumption"])
def test_a_link_never_acts(desk, sending, act):
    assert desk.get(f"/mailings/{sending.pk}/{act}/").status_code == 405


def test_equal_refusals_are_counted_together_and_inert(desk, sending):
    sending.deliveries.update(state=Delivery.State.QUEUED)
    claimed = queue.claim(sending.pk, "", "worker", 3)
    refusal = Reply(Stage.RCPT, 550, "5.1.1 <script>alert(1)</script> no such user")
    queue.record([Outcome(delivery, refusal) for delivery in claimed])
    page = desk.get(f"/mailings/{sending.pk}/").content.decode()
    assert page.count("no such user") == 1
    assert "3 次" in page
    assert "<script>alert" not in page


def test_a_mailing_in_stages_says_how_far_it_is_open(desk, readers):
    mailing = factories.mailing(
        subscriber_list=readers[0].subscriber_list, stages=stages.plan([25])
    )
    mailings.start(mailing.pk)
    page = desk.get(f"/mailings/{mailing.pk}/").content.decode()
    assert "第 1 批，共 2 批（25 %）：已放行 3 / 12 人。" in page


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
