"""What staff see of what came back, and what they can do about it."""

from __future__ import annotations

import pytest

from dongtai_mail.delivery import mailings, returns
from dongtai_mail.delivery.models import Delivery, ReturnedMessage
from dongtai_mail.keys import keyring
from dongtai_mail.message.verp import envelope_sender
from tests import factories
from tests.delivery import samples

pytestmark = pytest.mark.django_db


@pytest.fixture
def delivery(publication) -> Delivery:
    factories.readers(2)
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    Delivery.objects.update(state=Delivery.State.ACCEPTED)
    return Delivery.objects.order_by("id")[0]


def _back(raw: bytes, delivery: Delivery) -> ReturnedMessage:
    sender = envelope_sender(keyring(), delivery.pk, "bounce.example.org")
    return returns.receive(raw, sender, "lmtp")


def test_a_bounce_is_listed_with_its_reader_and_its_effect(desk, delivery) -> None:
    _back(samples.bounce(delivery.address), delivery)
    page = desk.get("/publications/observer/returned/").content.decode()
    assert delivery.address in page
    assert "停发：无法送达" in page


def test_the_evidence_is_shown_with_headers_words_and_rule(desk, delivery) -> None:
    row = _back(samples.bounce(delivery.address), delivery)
    page = desk.get(f"/returned/{row.pk}/").content.decode()
    for evidence in ("MAILER-DAEMON@mx.example.net", "550 5.1.1 no such user here", "没有这个用户"):
        assert evidence in page


def test_hostile_octets_are_shown_and_do_nothing(desk, delivery) -> None:
    row = _back(b"Subject: <script>alert(1)</script>\r\n\r\n<img src=x onerror=a>\xff", delivery)
    page = desk.get(f"/returned/{row.pk}/").content.decode()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "看不懂" in page


def test_the_list_can_be_searched(desk, delivery) -> None:
    other = Delivery.objects.order_by("id")[1]
    _back(samples.bounce(delivery.address), delivery)
    _back(samples.vacation(other.address), other)
    for query, found in (
        (f"q={delivery.address}", delivery),
        ("effect=bounced", delivery),
        (f"q={other.address}&status=processed", other),
    ):
        page = desk.get(f"/publications/observer/returned/?{query}").content.decode()
        table = page.partition("<tbody>")[2]
        hidden = other if found is delivery else delivery
        assert found.address in table
        assert hidden.address not in table
    nothing = desk.get("/publications/observer/returned/?status=broken").content.decode()
    assert "没有符合条件的" in nothing


def test_another_publications_returns_stay_there(desk, delivery) -> None:
    _back(samples.bounce(delivery.address), delivery)
    factories.publication("elsewhere", "example.net")
    page = desk.get("/publications/elsewhere/returned/").content.decode()
    assert delivery.address not in page


def test_a_reader_who_was_stopped_shows_why(desk, delivery) -> None:
    row = _back(samples.bounce(delivery.address), delivery)
    page = desk.get(f"/subscriptions/{delivery.subscription_id}/").content.decode()
    assert f'href="/returned/{row.pk}/"' in page
    assert "no such user here" in page


def test_soft_bounces_are_counted_for_staff(desk, delivery) -> None:
    _back(samples.full(delivery.address), delivery)
    page = desk.get(f"/subscriptions/{delivery.subscription_id}/").content.decode()
    assert "暂时退回，计数 1 天" in page


def test_a_message_that_broke_us_can_be_tried_again(desk, delivery, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise RecursionError("too deep")

    with monkeypatch.context() as broken:
        broken.setattr(returns, "read", fail)
        row = _back(samples.bounce(delivery.address), delivery)
    assert row.status == "broken"
    page = desk.get(f"/returned/{row.pk}/").content.decode()
    assert "too deep" in page
    assert desk.post(f"/returned/{row.pk}/second-try/").status_code == 302
    row.refresh_from_db()
    assert (row.status, row.effect, row.note) == ("processed", "bounced", "")


def test_the_original_is_gone_after_its_time_and_the_page_says_so(desk, delivery) -> None:
    row = _back(samples.bounce(delivery.address), delivery)
    ReturnedMessage.objects.update(raw=None)
    page = desk.get(f"/returned/{row.pk}/").content.decode()
    assert "原件已过保存期" in page
    assert "no such user here" in page
    assert "再处理一次" not in page
