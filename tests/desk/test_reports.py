"""Reports: the numbers of a mailing, right to the last reader, and who may see them."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from dongtai_mail.delivery import reports
from dongtai_mail.delivery.models import Delivery, Mailing, ReturnedMessage
from dongtai_mail.desk import charts
from dongtai_mail.desk.charts import Point
from dongtai_mail.desk.words import percent
from subscribers import leaving
from tests import factories

pytestmark = pytest.mark.django_db
STATE = Delivery.State


@pytest.fixture
def mailing() -> Mailing:
    """Ten readers: seven accepted, two bounced, one passed over; two of the seven leave."""
    begun = timezone.now() - datetime.timedelta(hours=3)
    made = factories.mailing(state="finished", started_at=begun, finished_at=timezone.now())
    addresses = [f"reader{number}@qq.com" for number in range(10)]
    readers = factories.subscribe(made.subscriber_list, *addresses)
    states = [STATE.ACCEPTED] * 7 + [STATE.BOUNCED] * 2 + [STATE.SUPPRESSED]
    for place, (reader, state) in enumerate(zip(readers, states, strict=True)):
        Delivery.objects.create(
            mailing=made,
            subscription=reader,
            address=reader.subscriber.address,
            provider="tencent",
            lane="tencent",
            state=state,
            changed_at=begun + datetime.timedelta(hours=place // 5),
        )
    Mailing.objects.filter(pk=made.pk).update(targeted=10)
    made.refresh_from_db()
    for reader in readers[:2] * 2:
        leaving.leave(reader.pk, "one-click", mailing=made.pk)
        leaving.explain(reader.pk, f"mailing {made.pk}", None)
        leaving.come_back(reader.pk, "page", mailing=made.pk)
    leaving.leave(readers[2].pk, "one-click", f"mailing {made.pk}", mailing=999999)
    ReturnedMessage.objects.create(
        fingerprint="f" * 64,
        door="imap",
        size=1,
        received_at=timezone.now(),
        effect=ReturnedMessage.Effect.COMPLAINED,
        delivery=Delivery.objects.filter(mailing=made).first(),
    )
    return made


@pytest.mark.django_db(transaction=True)
def test_every_number_is_of_this_mailing(mailing):
    said = reports.report(mailing)
    sums = said.figures
    assert (sums.targeted, sums.accepted, sums.bounced) == (10, 7, 2)
    assert (sums.complaints, sums.unsubscribes) == (1, 2)
    assert sums.accepted_share == 0.7
    assert sums.bounced_share == 2 / 9
    assert sums.unsubscribe_share == 2 / 7
    assert [hour.accepted for hour in said.hours] == [5, 2]
    assert sum(day.unsubscribes for day in said.days) == 2
    assert sum(day.complaints for day in said.days) == 1
    assert sum(day.bounced for day in said.days) == 2
    assert [(row.name, row.targeted, row.other) for row in said.providers] == [("tencent", 10, 1)]
    assert [(row.name, row.targeted) for row in said.lists] == [("读者", 10)]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_report_is_of_one_moment_while_mail_goes_out(mailing):
    def one_more() -> None:
        waiting = Delivery.objects.filter(state=STATE.SUPPRESSED)
        waiting.update(state=STATE.ACCEPTED, changed_at=timezone.now())
        connection.close()

    def meanwhile(execute, sql, *rest):
        answer = execute(sql, *rest)
        if not sql.startswith("BEGIN"):
            beside.submit(one_more).result()
        return answer

    with ThreadPoolExecutor() as beside, connection.execute_wrapper(meanwhile):
        said = reports.report(mailing)
    parts = (said.hours, said.providers, said.lists)
    assert [sum(each.accepted for each in part) for part in parts] == [said.figures.accepted] * 3
    assert reports.report(mailing).figures.accepted == 8


def test_the_page_says_the_same_and_the_csv_too(mailing, editor):
    client = Client()
    client.force_login(editor)
    page = client.get(f"/mailings/{mailing.pk}/report/").content.decode()
    assert "70.0 %" in page
    assert "2 人由这封信退订" in page
    lines = client.get(f"/mailings/{mailing.pk}/report.csv").content.decode("utf-8-sig")
    assert f"mailing,{mailing.pk},accepted,7" in lines
    assert "provider,tencent,bounced,2" in lines


def test_a_report_says_when_its_mailing_is_not_done(mailing, editor):
    client = Client()
    client.force_login(editor)
    for state, told in (("finished", False), ("sending", True), ("paused", True)):
        Mailing.objects.filter(pk=mailing.pk).update(state=state)
        page = client.get(f"/mailings/{mailing.pk}/report/").content.decode()
        assert ("还没有发完" in page) is told


def test_an_issue_is_compared_with_those_before(mailing, editor):
    before = factories.mailing(
        state="finished", started_at=timezone.now() - datetime.timedelta(days=14), targeted=4
    )
    (reader,) = factories.subscribe(before.subscriber_list, "earlier@qq.com")
    Delivery.objects.create(
        mailing=before, subscription=reader, address="a@qq.com", provider="tencent", state=2
    )
    rows = reports.report(mailing).earlier
    assert [row.mailing.pk for row in rows] == [before.pk, mailing.pk]
    assert rows[0].accepted_share == 0.25
    client = Client()
    client.force_login(editor)
    page = client.get(f"/mailings/{mailing.pk}/report/").content.decode()
    assert "接收率 70.0 %，此前平均 25.0 %" in page
    overview = client.get("/publications/observer/reports/").content.decode()
    assert overview.count("/report/") == 2


def test_strangers_see_no_report(mailing):
    client = Client()
    client.force_login(User.objects.create_user("stranger"))
    assert client.get(f"/mailings/{mailing.pk}/report/").status_code == 404
    assert client.get(f"/mailings/{mailing.pk}/report.csv").status_code == 404


def test_columns_begin_at_zero_and_keep_their_order():
    chart = charts.columns([Point("一", 5, "5"), Point("二", 10, "10"), Point("三", 0, "0")])
    assert [column.height for column in chart.columns] == [60, 120, 0]
    assert all(column.y + column.height == chart.base for column in chart.columns)
    assert all(column.shown for column in chart.columns)
    many = charts.columns([Point(str(n), n % 7, str(n)) for n in range(200)])
    assert sum(column.shown for column in many.columns) < 6
    assert charts.columns([Point("一", 0, "0")]).columns[0].height == 0


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "—"), (0, "0 %"), (1, "100 %"), (0.986, "98.6 %"), (0.0004, "0.04 %")],
)
def test_small_shares_keep_the_digits_that_matter(share, text):
    assert percent(share) == text
