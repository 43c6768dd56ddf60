"""Links of an issue are looked at by the worker's own code, on a real web server."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator

import pytest
from django.utils import timezone

from dongtai_mail.content import Severity
from dongtai_mail.issues import links
from dongtai_mail.issues.fetching import FetchError, Problem, Rules
from dongtai_mail.issues.models import Issue, Item, LinkCheck, Section
from tests import factories, web_server
from tests.web_server import answer, page
from worker import errands
from worker import links as looking

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def site() -> Iterator[web_server.Site]:
    with web_server.running() as running:
        yield running


@pytest.fixture
def rules(site: web_server.Site) -> Rules:
    """Names end in .test, and all but one are the test's own server."""

    def resolve(host: str, port: int, seconds: float) -> list[str]:
        if host == "nowhere.test":
            raise FetchError(Problem.NO_SUCH_HOST)
        return ["10.0.0.1" if host == "intranet.test" else "127.0.0.1"]

    return Rules(lambda address, port: address.is_loopback, resolve, seconds=2.0)


def _issue(body: str, cover: str | None = None) -> Issue:
    issue = Issue.objects.create(publication=factories.publication())
    section = Section.objects.create(issue=issue, position=0, name="要闻")
    Item.objects.create(section=section, title="一条", body=body, cover_url=cover)
    return issue


def _look(rules: Rules) -> None:
    looking.run(lambda: False, rules, pause=0.0)


def _codes(issue: Issue) -> dict[str, str]:
    return {found.url: found.code for found in links.findings(issue)}


def test_dead_links_are_told_from_uncertain_and_fine_ones(site, rules):
    said = {"fine": 200, "gone": 410, "lost": 404, "wary": 403, "busy": 429, "ill": 503}
    site.pages |= {f"/{name}": answer(status) for name, status in said.items()}
    site.pages["/moved"] = answer(301, Location="/fine")
    paths = [*said, "moved"]
    urls = {name: site.url(f"/{name}", f"{name}.test") for name in paths}
    urls |= {"nowhere": "http://nowhere.test/", "intranet": "http://intranet.test/"}
    issue = _issue("\n\n".join(f"[{name}]({url})" for name, url in urls.items()))
    assert links.ask(issue) == len(urls)
    assert _codes(issue) == {}
    _look(rules)
    assert links.waiting(issue) == 0
    dead = {urls[name]: "link-dead" for name in ("gone", "lost", "nowhere", "intranet")}
    uncertain = {urls[name]: "link-uncertain" for name in ("wary", "busy", "ill")}
    assert _codes(issue) == dead | uncertain


def test_a_finding_says_where_the_link_stands(site, rules):
    url = site.url("/lost_(1)", "news.test")
    issue = _issue(f"前文 **[名]({url})** 后文", cover=site.url("/cover.jpg", "news.test"))
    links.ask(issue)
    _look(rules)
    body, cover = links.findings(issue)
    item = Item.objects.get()
    assert (body.item_id, body.field, body.url) == (item.pk, "body", url)
    assert item.body[slice(*body.span)] == url
    assert "404" in body.message
    assert body.severity is Severity.WARNING
    assert (cover.field, item.cover_url[slice(*cover.span)]) == ("cover_url", item.cover_url)


def test_a_server_that_refuses_head_is_asked_as_browsers_do(site, rules):
    site.pages["HEAD /a"] = answer(405)
    site.pages["GET /a"] = page("有")
    issue = _issue(f"[a]({site.url('/a', 'old.test')})")
    links.ask(issue)
    _look(rules)
    assert site.asked == ["HEAD /a", "GET /a"]
    assert links.findings(issue) == []


def test_an_answer_holds_for_a_day_and_an_uncertain_one_for_an_hour(site, rules):
    site.pages |= {"/fine": answer(200), "/busy": answer(429)}
    issue = _issue(f"[a]({site.url('/fine', 'a.test')}) [b]({site.url('/busy', 'b.test')})")
    links.ask(issue)
    _look(rules)
    asked = len(site.asked)
    assert links.ask(issue) == 0
    _look(rules)
    assert len(site.asked) == asked
    LinkCheck.objects.update(checked_at=timezone.now() - datetime.timedelta(hours=2))
    LinkCheck.objects.update(asked_for_at=timezone.now() - datetime.timedelta(hours=3))
    assert links.ask(issue) == 1
    LinkCheck.objects.update(checked_at=timezone.now() - datetime.timedelta(hours=25))
    LinkCheck.objects.update(asked_for_at=timezone.now() - datetime.timedelta(hours=26))
    assert links.ask(issue) == 2


def test_a_scheduled_issue_is_looked_at_again_by_itself(site, rules, monkeypatch):
    site.pages["/gone"] = answer(404)
    edition = factories.edition()
    body = f"[a]({site.url('/gone', 'a.test')})"
    section = Section.objects.create(issue=edition.issue, position=9, name="要闻")
    Item.objects.create(section=section, title="一条", body=body)
    mailing = factories.mailing(
        edition=edition, scheduled_at=timezone.now() + datetime.timedelta(days=1)
    )
    monkeypatch.setattr(looking, "_looked", 0.0)
    _look(rules)
    assert list(_codes(edition.issue).values()) == ["link-dead"]
    LinkCheck.objects.update(checked_at=timezone.now() - datetime.timedelta(hours=25))
    LinkCheck.objects.update(asked_for_at=timezone.now() - datetime.timedelta(hours=26))
    before = len(site.asked)
    _look(rules)
    assert len(site.asked) == before
    monkeypatch.setattr(looking, "_looked", 0.0)
    _look(rules)
    assert len(site.asked) > before
    assert mailing.state == "scheduled"


def test_a_host_is_asked_one_thing_at_a_time(site, rules):
    """Eight links of one host, and a second worker that comes by in the middle."""
    busy, most, lock = 0, 0, threading.Lock()

    def counted(release: threading.Event):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        release.wait(0.05)
        with lock:
            busy -= 1
        yield answer(200)

    paths = [f"/{number}" for number in range(8)]
    site.pages |= {path: _each(counted) for path in paths}
    issue = _issue("\n\n".join(f"[x]({site.url(path, 'one.test')})" for path in paths))
    links.ask(issue)
    held = links.claim(5)
    assert [len(checks) for checks in held] == [8]
    assert links.claim(5) == []
    links.give_back(held[0])
    _look(rules)
    assert (most, len(site.asked)) == (1, 8)


class _each:
    """An answer that is made anew whenever it is asked for."""

    def __init__(self, make) -> None:
        self.make = make

    def __iter__(self):
        return self.make(threading.Event())


def test_what_a_dead_worker_held_is_taken_over(site, rules):
    site.pages["/a"] = answer(200)
    issue = _issue(f"[a]({site.url('/a', 'a.test')})")
    links.ask(issue)
    links.claim(1)
    assert not links.due()
    LinkCheck.objects.update(leased_until=timezone.now() - datetime.timedelta(seconds=1))
    assert links.due()
    _look(rules)
    assert links.waiting(issue) == 0


def test_who_has_better_things_to_do_asks_no_more(site, rules):
    issue = _issue(f"[a]({site.url('/a', 'a.test')})")
    links.ask(issue)
    looking.run(lambda: True, rules)
    assert site.asked == []
    assert links.due()


def test_no_link_leads_the_worker_inside(site):
    """Among all its errands, with the rules of the open web."""
    issue = _issue(f"[a]({site.url('/a')}) [b](http://127.0.0.1/) [c](http://[::1]/)")
    links.ask(issue)
    errands.run()
    assert site.asked == []
    assert set(_codes(issue).values()) == {"link-dead"}


def test_an_address_too_long_for_a_row_is_left_alone():
    assert links.ask(_issue(f"[a](https://a.test/{'港' * 1500}) [b](https://b.test/)")) == 1


def test_a_link_that_appears_twice_is_asked_about_once(site, rules):
    site.pages["/a"] = answer(200)
    url = site.url("/a", "a.test")
    issue = _issue(f"[a]({url}) [b]({url})")
    assert links.ask(issue) == links.ask(issue) == 1
    _look(rules)
    assert len(site.asked) == 1
