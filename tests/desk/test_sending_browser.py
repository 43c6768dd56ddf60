"""The pages of sending in a real browser: the button that is held, and what moves by itself."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from dongtai_mail.delivery import mailings, queue
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.issues.models import Publication
from subscribers.models import Segment, Subscription
from tests import factories
from tests.e2e.looking import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def readers(publication) -> list[Subscription]:
    readers = factories.readers(200, factories.subscriber_list(publication))
    factories.subscriber_list(publication, "staff")
    audience = {"lists": [readers[0].subscriber_list_id], "rules": []}
    Segment.objects.create(publication=publication, name="华东的读者", audience=audience)
    Publication.objects.update(slots=[{"days": [1, 16], "time": "09:00"}])
    return readers


def _last(page: Page, issue, readers) -> None:
    chosen = f"?kind=lean&list={readers[0].subscriber_list_id}&when=now&per_minute=600&percents=10"
    page.goto(f"/issues/{issue.pk}/mailing/last/{chosen}")


def test_a_button_let_go_too_soon_sends_nothing_and_held_it_sends(page, issue, readers):
    _last(page, issue, readers)
    look(page, "sending/last")
    button = page.get_by_role("button", name="现在发送")
    button.click()
    button.click(delay=500)
    page.keyboard.press("Enter")
    expect(button).not_to_have_class("button primary hold holding")
    assert not Mailing.objects.exists()
    button.hover()
    with page.expect_navigation(url="**/mailings/*/"):
        page.mouse.down()
    assert Mailing.objects.get().per_minute == 600


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_the_button_can_be_held_by_keyboard(page, issue, readers, key):
    _last(page, issue, readers)
    page.get_by_role("button", name="现在发送").focus()
    with page.expect_navigation(url="**/mailings/*/"):
        page.keyboard.down(key)
    page.keyboard.up(key)
    assert Mailing.objects.count() == 1


def test_whoever_cannot_hold_types_the_number(page, issue, readers):
    _last(page, issue, readers)
    page.get_by_role("button", name="改为输入人数").click()
    page.keyboard.type("20")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("输入人数 200")
    field = page.get_by_label("请输入人数")
    expect(field).to_be_focused()
    expect(field).to_have_value("20")
    field.fill("200")
    with page.expect_navigation(url="**/mailings/*/"):
        page.keyboard.press("Enter")
    assert Mailing.objects.count() == 1


def test_choosing_and_typing_tell_at_once_what_it_would_be(page, issue, readers):
    page.goto(f"/issues/{issue.pk}/mailing/")
    page.locator(f"[name=list][value='{readers[0].subscriber_list_id}']").check()
    expect(page.locator(".account")).to_be_visible()
    look(page, "sending/choose")
    page.get_by_label("每分钟最多几封").fill("600")
    expect(page.locator(".sentence")).to_contain_text("每分钟最多 600 封")
    page.get_by_label("发送时间", exact=True).fill("2031-01-15T09:00")
    expect(page.get_by_role("radio", name="定时", exact=True)).to_be_checked()
    expect(page.locator(".sentence")).to_contain_text("2031-01-15 09:00（北京时间）")
    page.locator("[name=list]:checked").uncheck()
    expect(page.get_by_role("alert")).to_contain_text("请至少选一份名单")


def test_a_mailing_moves_without_reloading_and_keeps_the_keyboards_place(
    page, publication, readers
):
    mailing = factories.mailing(
        edition=factories.edition(publication), subscriber_list=readers[0].subscriber_list
    )
    mailings.start(mailing.pk)
    queue.own_lane("qq.test")
    page.goto(f"/mailings/{mailing.pk}/")
    page.locator("#cancel").focus()
    for state in (Delivery.State.ACCEPTED, Delivery.State.DEFERRED, Delivery.State.UNCONFIRMED):
        first = mailing.deliveries.filter(state=Delivery.State.QUEUED).order_by("pk")[:40]
        Delivery.objects.filter(pk__in=[row.pk for row in first]).update(state=state)
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "40")
    assert page.evaluate("document.activeElement.id") == "cancel"
    look(page, "sending/live")
    page.goto(f"/mailings/{mailing.pk}/cancellation/")
    look(page, "sending/cancellation")
    page.goto(f"/mailings/{mailing.pk}/unconfirmed/")
    look(page, "sending/unconfirmed")
    mailings.cancel(mailing)
    for path, name in (
        (f"mailings/{mailing.pk}/", "over"),
        (f"mailings/{mailing.pk}/following/", "following"),
        ("publications/observer/mailings/", "list"),
        ("publications/observer/slots/", "slots"),
    ):
        page.goto(f"/{path}")
        look(page, f"sending/{name}")
