"""Collecting items, finding them, and putting them into an issue."""

from __future__ import annotations

import datetime

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import include, path, reverse
from django.utils import timezone

from dongtai_mail import urls as all_urls
from dongtai_mail.desk.models import AuditEntry, Membership, Role
from dongtai_mail.desk.views import pool as views
from dongtai_mail.issues import editing, reading
from dongtai_mail.issues.fetching import Rules
from dongtai_mail.issues.models import Item, Publication, Section
from tests import factories, web_server
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.fixture
def writer(publication: Publication) -> User:
    user = User.objects.create_user("lin", password="a long pass phrase")
    Membership.objects.create(user=user, publication=publication, role=Role.EDITOR)
    return user


@pytest.fixture
def client(writer: User) -> Client:
    client = Client()
    client.force_login(writer)
    return client


def collect(publication: Publication, title: str = "一条消息", **values: object) -> Item:
    return editing.new_item(publication, {"title": title, **values}, "lin")


def pool(**asked: object) -> str:
    return reverse("desk:pool", args=["observer"], query=asked or None)


def _bulk(client: Client, do: str, *items: Item, **more: object):
    posted = {"do": do, "item": [item.pk for item in items], **more}
    return client.post("/publications/observer/pool/bulk/", posted, follow=True)


def test_an_empty_pool_says_what_to_do(client):
    page = client.get(pool()).content.decode()
    assert "条目库是空的" in page
    assert "/publications/observer/pool/new/" in page


def test_an_item_is_collected_and_the_form_is_empty_for_the_next(client, publication):
    posted = {
        "title": "口岸开通夜航",
        "body": "正文",
        "url": "https://news.example/1",
        "wanted_section": "要闻",
        "source": "云港日报",
        "date": "2026-11-12",
        "tags": "物流，口岸 物流",
    }
    page = client.post("/publications/observer/pool/new/", posted, follow=True)
    # What is pasted may have pictures from elsewhere.
    assert "img-src 'self' https:" in page["Content-Security-Policy"]
    item = Item.objects.get()
    assert (item.section, item.publication, item.changed_by) == (None, publication, "lin")
    assert item.tags == ["物流", "口岸"]
    assert item.date == datetime.date(2026, 11, 12)
    assert item.revisions.count() == 1
    assert "已收下：口岸开通夜航" in page.content.decode()
    assert 'value="口岸开通夜航"' not in page.content.decode()
    assert "口岸开通夜航" in client.get(pool()).content.decode()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": "not an address at all"}, "请填写 https:// 开头的完整网址"),
        ({"date": "昨天"}, "请把日期写成"),
        ({"tags": "长" * 21}, "标签最多"),
        ({"tags": ",".join(map(str, range(13)))}, "标签最多"),
        ({"title": "长" * 301}, "300"),
        ({"body": "长" * 200_001}, "200000"),
        ({"title": "", "body": ""}, "请写标题，或粘贴正文。"),
    ],
)
def test_what_was_typed_stays_when_something_is_wrong(client, wrong, said):
    posted = {"title": "标题在此", "body": "正文在此", "source": "来源在此", **wrong}
    response = client.post("/publications/observer/pool/new/", posted)
    page = response.content.decode()
    assert response.status_code == 400
    assert said in page
    assert "来源在此" in page
    assert all(value in page for value in wrong.values() if len(value) < 40)
    assert not Item.objects.exists()


def test_what_word_pastes_becomes_markdown(client):
    html = '<p class="MsoNormal" onclick="x()">云港<b>开通</b>夜航</p><script>alert(1)</script>'
    client.post("/publications/observer/pool/new/", {"title": "题", "body_html": html})
    assert Item.objects.get().body == "云港**开通**夜航"


def test_the_list_is_filtered_by_its_address(client, publication, writer):
    day = datetime.date(2026, 11, 12)
    mine = collect(
        publication, "甲：直播新规", tags=["直播", "监管"], wanted_section="政策", date=day
    )
    collect(publication, "乙：口岸夜航", tags=["直播带货"], source="云港日报")
    placed = collect(publication, "丙：已在一期")
    section = make_issue(publication, "别的").sections.get()
    editing.place(placed, section, 0, "lin")
    editing.discard(collect(publication, "丁：丢掉了"), "lin")
    Item.objects.filter(pk=mine.pk).update(holder=writer)
    for asked, titles in {
        (): "乙甲",
        (("tag", "直播"),): "甲",
        (("section", "政策"),): "甲",
        (("holder", "me"),): "甲",
        (("holder", str(writer.pk)),): "甲",
        (("holder", "nobody"),): "乙",
        (("q", "夜航 日报"),): "乙",
        (("q", "夜航 监管"),): "",
        (("since", "2026-11-12"), ("until", "2026-11-12")): "甲",
        (("since", "2026-11-13"),): "",
        (("holder", "x"), ("since", "昨天"), ("tag", "\x00"), ("page", "99")): "乙甲",
    }.items():
        page = client.get(pool(**dict(asked))).context
        assert "".join(item.title[0] for item in page["page"]) == titles, asked


def test_many_are_put_into_the_sections_they_are_wanted_in(client, publication):
    issue = make_issue(publication, "已有一条")
    other = Section.objects.create(issue=issue, position=1, name="政策")
    one = collect(publication, "甲", wanted_section="政策")
    two = collect(publication, "乙", wanted_section="要闻")
    lost = collect(publication, "丙", wanted_section="没有的栏目")
    page = _bulk(client, "place", one, two, lost, target=f"issue-{issue.pk}").content.decode()
    assert "2 条已放进" in page
    assert "1 条没有放" in page
    assert list(other.items.values_list("title", flat=True)) == ["甲"]
    assert Item.objects.get(pk=lost.pk).section is None
    assert [entry.subject for entry in AuditEntry.objects.filter(action="item.placed")] == [
        "乙",
        "甲",
    ]
    _bulk(client, "place", lost, target=f"section-{other.pk}")
    assert list(other.items.values_list("title", flat=True)) == ["甲", "丙"]


def test_what_is_discarded_together_comes_back_together(client, publication):
    items = [collect(publication, title) for title in "甲乙丙"]
    page = _bulk(client, "discard", *items[:2], filters="q=&undo=9")
    assert "已丢弃 2 条" in page.content.decode()
    assert [item.title for item in page.context["page"]] == ["丙"]
    assert AuditEntry.objects.filter(action="item.discarded").count() == 2
    page = _bulk(client, "back", *items[:2])
    assert "已取回 2 条" in page.content.decode()
    assert len(page.context["page"]) == 3


def test_tagging_and_holding_say_how_many(client, publication, writer):
    one, two = collect(publication, "甲", tags=["物流"]), collect(publication, "乙")
    page = _bulk(client, "tag", one, two, tags="物流 夜航").content.decode()
    assert "已给 2 条加上标签" in page
    assert Item.objects.get(pk=one.pk).tags == ["物流", "夜航"]
    other = User.objects.create_user("wang")
    Item.objects.filter(pk=two.pk).update(holder=other)
    page = _bulk(client, "hold", one, two).content.decode()
    assert "1 条现在由您处理" in page
    assert "1 条没有变" in page
    assert Item.objects.get(pk=two.pk).holder == other
    assert "已放下 1 条" in _bulk(client, "release", one, two).content.decode()


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({"do": "discard"}, "请先勾选条目"),
        ({"do": "place", "item": ["1"]}, "请选择要放进哪一期"),
        ({"do": "tag", "item": ["1"]}, "请写要加的标签"),
        ({"do": "tag", "item": ["1"], "tags": "长" * 30}, "标签最多"),
        ({"do": "discard", "item": ["9" * 5000, "²", "-1", "x"]}, "请先勾选条目"),
    ],
)
def test_a_bulk_action_that_can_not_be_done_says_why(client, posted, said):
    page = client.post("/publications/observer/pool/bulk/", posted, follow=True)
    assert said in page.content.decode()


def test_an_item_is_taken_by_one_and_given_back(client, publication, writer):
    item = collect(publication)
    address = f"/pool/{item.pk}/holder/"
    page = client.post(address, {"do": "hold"}, follow=True).content.decode()
    assert "放下" in page
    other = Client()
    other.force_login(User.objects.create_superuser("chen", first_name="陈"))
    page = other.post(address, {"do": "hold", "instead_of": ""}, follow=True).content.decode()
    assert "刚刚有变化" in page
    assert Item.objects.get().holder == writer
    other.post(address, {"do": "hold", "instead_of": writer.pk})
    assert "陈" in client.get(f"/pool/{item.pk}/").content.decode()
    client.post(address, {"do": "release"})
    assert Item.objects.get().holder.username == "chen"


def test_an_item_is_sorted_and_put_into_an_issue(client, publication):
    issue = make_issue(publication, "已有一条")
    item = collect(publication)
    sorting = {"version": "1", "wanted_section": "要闻", "tags": "口岸"}
    client.post(f"/pool/{item.pk}/sorting/", sorting)
    sorted_item = Item.objects.get(pk=item.pk)
    assert (sorted_item.wanted_section, sorted_item.tags, sorted_item.version) == (
        "要闻",
        ["口岸"],
        2,
    )
    target = f"section-{issue.sections.get().pk}"
    response = client.post(f"/pool/{item.pk}/placing/", {"target": target})
    assert response["Location"] == f"/issues/{issue.pk}/?item={item.pk}"
    assert client.get(f"/pool/{item.pk}/")["Location"] == response["Location"]


def test_an_issue_that_went_out_is_offered_after_those_being_made(client, publication):
    being_made = make_issue(publication, "在做的一条", number="8")
    edition = factories.edition(publication)
    Section.objects.create(issue=edition.issue, position=0, name="要闻")
    edition.published_at = timezone.now()
    edition.save(update_fields=["published_at"])
    page = client.get(f"/pool/{collect(publication).pk}/").content.decode()
    places = [
        page.index(f'value="section-{issue.sections.get().pk}"')
        for issue in (being_made, edition.issue)
    ]
    assert places == sorted(places)
    assert page.count("（已发出）") == 1


def test_what_two_sort_at_once_is_shown_before_it_is_overwritten(client, publication):
    item = collect(publication)
    seen = {"version": "1", "base": client.get(f"/pool/{item.pk}/").context["base"]}
    editing.save_item(item, item.version, {"wanted_section": "数据"}, "李")
    mine = {"wanted_section": "要闻", "tags": "口岸"}
    refused = client.post(f"/pool/{item.pk}/sorting/", seen | mine)
    assert refused.status_code == 409
    assert "现在是：数据" in refused.content.decode()
    assert 'value="要闻"' in refused.content.decode()
    assert client.post(f"/pool/{item.pk}/sorting/", mine | {"version": "2"}).status_code == 302
    saved = Item.objects.get(pk=item.pk)
    assert (saved.wanted_section, saved.tags) == ("要闻", ["口岸"])


def test_a_likely_duplicate_is_shown_with_what_both_say(client, publication):
    body = "本月起，云港口岸每晚增开四班货运航班，夜间到港的鲜活货物可在两小时内完成查验放行。"
    issue = make_issue(publication, "口岸夜航", body=body)
    posted = {"title": "", "body": body.replace("本月起", "从本月开始")}
    page = client.post("/publications/observer/pool/alike/", posted).content.decode()
    assert "口岸夜航" in page
    assert str(issue) in page
    assert "云港口岸每晚增开四班货运航班" in page
    new = client.post("/publications/observer/pool/alike/", {"title": "别的事"})
    assert "没有像是重复的" in new.content.decode()
    assert "输入标题或正文时" in client.post("/publications/observer/pool/alike/").content.decode()
    item = collect(publication, "另一题", body=body)
    assert "口岸夜航" in client.get(f"/pool/{item.pk}/alike/").content.decode()


@pytest.mark.parametrize("address", ["pool/", "pool/new/"])
def test_nothing_that_was_collected_runs(client, publication, address):
    item = collect(
        publication,
        EVIL,
        body=f"正文{EVIL} [a](javascript:alert(1))",
        source=EVIL,
        wanted_section=EVIL,
        tags=[EVIL[:20]],
    )
    issue = make_issue(publication, EVIL, body=EVIL)
    Section.objects.filter(issue=issue).update(name=EVIL)
    pages = [
        client.get(f"/publications/observer/{address}?q=&tag=&added={item.pk}&undo={item.pk}"),
        client.get(f"/publications/observer/pool/?q={EVIL}"),
        client.get(f"/publications/observer/pool/new/?url={EVIL}"),
        client.get(f"/pool/{item.pk}/"),
        client.get(f"/pool/{item.pk}/alike/"),
        client.post("/publications/observer/pool/alike/", {"title": EVIL, "body": EVIL}),
        client.post("/publications/observer/pool/new/", {"title": EVIL, "date": EVIL}),
        client.post("/publications/observer/pool/reading/", {"title": EVIL, "url": EVIL}),
    ]
    for page in pages:
        text = page.content.decode()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert 'href="javascript' not in text


def test_another_publications_items_are_out_of_reach(client, publication):
    other = factories.publication("other", "other.example")
    theirs = editing.new_item(other, {"title": "别人的条目"}, "x")
    their_issue = make_issue(other, "别人的一期")
    mine = collect(publication)
    for name in ("", "alike/"):
        assert client.get(f"/pool/{theirs.pk}/{name}").status_code == 404
    for name in ("sorting/", "holder/", "placing/"):
        assert client.post(f"/pool/{theirs.pk}/{name}", {"do": "hold"}).status_code == 404
    _bulk(client, "discard", theirs)
    _bulk(client, "hold", theirs)
    assert Item.objects.get(pk=theirs.pk).discarded_at is None
    assert Item.objects.get(pk=theirs.pk).holder is None
    for target in (
        f"issue-{their_issue.pk}",
        f"section-{their_issue.sections.get().pk}",
        "x-",
        "x",
    ):
        assert _bulk(client, "place", mine, target=target).status_code == 404
        assert client.post(f"/pool/{mine.pk}/placing/", {"target": target}).status_code == 404
    assert "别人的条目" not in client.get(pool(undo=theirs.pk)).content.decode()
    for address in ("", "new/"):
        assert client.get(f"/publications/other/pool/{address}").status_code == 404


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.SENDER, Role.LIST_MANAGER])
def test_who_does_not_write_looks_and_changes_nothing(publication, role):
    item = collect(publication)
    user = User.objects.create_user("reader")
    Membership.objects.create(user=user, publication=publication, role=role)
    client = Client()
    client.force_login(user)
    page = client.get(pool()).content.decode()
    assert "一条消息" in page
    assert "丢弃" not in page
    assert client.get(f"/pool/{item.pk}/").status_code == 200
    assert client.get("/publications/observer/pool/new/").status_code == 403
    for address in ("reading/", "alike/", "bulk/"):
        assert client.post(f"/publications/observer/pool/{address}").status_code == 403
    for address in ("sorting/", "holder/", "placing/"):
        assert client.post(f"/pool/{item.pk}/{address}").status_code == 403


# Reading a page


PAGE = """<html><head><title>口岸开通夜航_云港网</title></head><body>
<h1>口岸开通夜航</h1>
<div>2026年11月12日　来源：云港日报</div>
<div id="artibody"><p>本月起，云港口岸增开四班货运航班，夜间到港货物可在两小时内完成查验放行。</p>
<p>口岸办表示将视需求继续增加班次。</p></div></body></html>"""


class OnLoopback:
    """The desk's own addresses, in which reading is also allowed to ask the test's server."""

    def __init__(self, port: int) -> None:
        rules = Rules(lambda address, asked: address.is_loopback and asked == port, seconds=5.0)
        reading = path(
            "publications/<slug:slug>/pool/reading/", views.read, {"rules": rules}, name="read-here"
        )
        self.urlpatterns = [reading, path("", include(all_urls))]


@pytest.fixture
def site(settings, monkeypatch):
    # How long a busy machine takes to read a page is another matter.
    monkeypatch.setattr(reading, "SECONDS", 120.0)
    with web_server.running() as site:
        settings.ROOT_URLCONF = OnLoopback(site.port)
        yield site


def _read(client: Client, **posted: str):
    return client.post("/publications/observer/pool/reading/", posted)


def test_a_page_fills_what_is_empty_and_leaves_what_was_typed(client, site):
    site.pages["/1"] = web_server.page(PAGE)
    response = _read(
        client, url=site.url("/1"), title="我写的标题", tags="夜航", wanted_section="要闻"
    )
    form, page = response.context["form"], response.content.decode()
    assert form["title"].value() == "我写的标题"
    assert form["source"].value() == "云港日报"
    assert str(form["date"].value()) == "2026-11-12"
    assert form["body"].value().startswith("本月起，云港口岸")
    assert (form["tags"].value(), form["wanted_section"].value()) == ("夜航", "要闻")
    assert "已填好：正文、来源、日期" in page
    assert "您填过的没有改：标题" in page
    assert "<html" in page
    assert not Item.objects.exists()


def test_htmx_gets_the_fields_alone(client, site):
    site.pages["/1"] = web_server.page(PAGE)
    response = client.post(
        "/publications/observer/pool/reading/",
        {"url": site.url("/1")},
        headers={"HX-Request": "true"},
    )
    assert "<html" not in response.content.decode()
    assert "口岸开通夜航</textarea>" in response.content.decode()


def test_a_page_that_can_not_be_read_says_why_and_everything_stays(client, site):
    page = _read(client, url=site.url("/gone"), title="标题", body="正文", date="2026-1", tags="甲")
    form, text = page.context["form"], page.content.decode()
    assert "404" in text
    assert "请检查网址" in text
    said = [form[name].value() for name in ("url", "title", "body", "date", "tags")]
    assert said == [site.url("/gone"), "标题", "正文", "2026-1", "甲"]


def test_reading_leads_nowhere_inside(client):
    with web_server.running() as inside:
        text = _read(client, url=inside.url("/"), title="标题").content.decode()
        assert "不在公开的互联网上" in text
        assert inside.asked == []
