"""Clicks: counted in sum, by day, for people only; and the links lead nowhere else."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from dongtai_mail.delivery import reports
from dongtai_mail.issues import editions
from dongtai_mail.issues.models import ClickCount, Edition, Issue, Item, Section
from tests import factories

pytestmark = pytest.mark.django_db
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}


@pytest.fixture
def issue() -> Issue:
    publication = factories.publication()
    publication.counts_clicks = True
    publication.save()
    made = Issue.objects.create(
        publication=publication, number="7", date=datetime.date(2026, 11, 16), masthead="云港观察"
    )
    section = Section.objects.create(issue=made, position=0, name="要闻")
    body = "见[报道](https://press.example/a?x=1&y=2)。"
    Item.objects.create(section=section, position=0, title="夜航", body=body, source="云港日报")
    return made


@pytest.fixture
def edition(issue: Issue) -> Edition:
    frozen = editions.freeze(issue, "full")
    Edition.objects.filter(pk=frozen.pk).update(published_at=timezone.now())
    return frozen


def _address(edition: Edition, number: int = 0) -> str:
    return f"/l/{edition.key}/{number}"


def test_a_followed_link_leads_on_and_is_counted(client, edition):
    assert f'href="https://news.example.org{_address(edition)}"' in edition.html
    for _ in range(3):
        answer = client.get(_address(edition), headers=BROWSER)
        assert answer.status_code == 302
        assert answer["Location"] == "https://press.example/a?x=1&y=2"
        assert not answer.cookies
    row = ClickCount.objects.get()
    assert (row.count, row.link.item, row.link.section, row.link.source) == (
        3,
        "夜航",
        "要闻",
        "云港日报",
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"User-Agent": "Mozilla/5.0 (compatible; bingbot/2.0)"},
        {"User-Agent": "Barracuda Sentinel (EE)"},
        {"User-Agent": ""},
        {**BROWSER, "Sec-Purpose": "prefetch;prerender"},
    ],
)
def test_programs_are_sent_on_and_not_counted(client, edition, headers):
    assert client.get(_address(edition), headers=headers).status_code == 302
    assert not ClickCount.objects.exists()


def test_looking_ahead_counts_nothing(client, edition):
    assert client.head(_address(edition), headers=BROWSER).status_code == 302
    Edition.objects.filter(pk=edition.pk).update(published_at=None)
    assert client.get(_address(edition), headers=BROWSER).status_code == 302
    assert not ClickCount.objects.exists()


@pytest.mark.parametrize(
    "path", ["/l/nothing/0", "/l/{key}/99", "/l/{key}/0?to=https://evil.example"]
)
def test_an_address_leads_only_to_what_was_frozen(client, edition, path):
    answer = client.get(path.format(key=edition.key), headers=BROWSER)
    assert answer.status_code == 404 or answer["Location"].startswith("https://press.example/")


def test_nothing_is_counted_unless_staff_want_it(issue):
    issue.publication.counts_clicks = False
    issue.publication.save()
    plain = editions.freeze(issue, "full")
    assert "/l/" not in plain.html
    assert not plain.links.exists()


def test_the_text_and_the_web_edition_keep_their_links(edition):
    assert "https://press.example/a" in edition.text
    assert "https://press.example/a" in edition.web_html
    assert "/l/" not in edition.text + edition.web_html


def test_the_report_sums_them_up(client, edition):
    mailing = factories.mailing(edition=edition, state="finished", started_at=timezone.now())
    client.get(_address(edition), headers=BROWSER)
    said = reports.report(mailing)
    assert said.clicks is not None
    assert said.clicks.total == 1
    assert said.clicks.items == [("夜航", 1)]
    assert ["sources", "云港日报", "clicks", "1"] in list(reports.lines(said))
