"""Several people change an issue: nothing is overwritten unseen, everything is written down."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from dongtai_mail.issues import editing
from dongtai_mail.issues.editing import Conflict
from dongtai_mail.issues.editing.starting import next_number
from dongtai_mail.issues.models import Issue, Item, Revision, Section
from dongtai_mail.issues.signals import issue_changed
from tests import factories
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db
DAY = datetime.date(2026, 11, 16)


@pytest.fixture
def issue() -> Issue:
    """要闻: 甲, 乙, 丙; 数据: 丁."""
    made = make_issue(factories.publication(), "甲")
    first = made.sections.get()
    for position, title in enumerate("乙丙", 1):
        Item.objects.create(section=first, position=position, title=title, body="正文。")
    second = Section.objects.create(issue=made, position=1, name="数据")
    Item.objects.create(section=second, position=0, title="丁", body="正文。")
    return made


@pytest.fixture
def told() -> Iterator[list[tuple[int, str]]]:
    heard: list[tuple[int, str]] = []

    def hear(sender: object, issue_id: int, actor: str, **_: object) -> None:
        heard.append((issue_id, actor))

    issue_changed.connect(hear)
    yield heard
    issue_changed.disconnect(hear)


def _item(title: str) -> Item:
    return Item.objects.get(title=title)


def _outline(issue: Issue) -> str:
    return " ".join(
        section.name + "".join(item.title for item in section.items.all())
        for section in Issue.objects.get(pk=issue.pk).sections.all()
    )


def _dense(issue: Issue) -> bool:
    return all(
        [item.position for item in section.items.all()] == list(range(section.items.count()))
        for section in issue.sections.all()
    )


def test_a_saved_item_has_the_next_version_a_revision_and_says_so(issue, told) -> None:
    saved = editing.save_item(_item("甲"), 1, {"title": "甲一", "date": DAY}, "林")
    assert (saved.title, saved.version, saved.changed_by) == ("甲一", 2, "林")
    assert told == [(issue.pk, "林")]
    kept = {each.version: each.values["title"] for each in saved.revisions.all()}
    assert kept == {1: "甲", 2: "甲一"}


def test_a_stale_version_is_refused_with_what_stands_now(issue, told) -> None:
    editing.save_item(_item("甲"), 1, {"body": "林写的。"}, "林")
    with pytest.raises(Conflict) as refused:
        editing.save_item(_item("甲"), 1, {"body": "王写的。"}, "王")
    assert refused.value.current.body == "林写的。"
    assert refused.value.names == {"body"}
    assert _item("甲").body == "林写的。"
    assert len(told) == 1


def test_different_fields_of_two_people_are_joined_when_both_say_what_they_began_from(issue):
    base = {"title": "甲", "body": "正文。"}
    editing.save_item(_item("甲"), 1, {"title": "甲", "body": "林写的。"}, "林", base=base)
    joined = editing.save_item(_item("甲"), 1, {"title": "新题", "body": "正文。"}, "王", base=base)
    assert (joined.title, joined.body, joined.version) == ("新题", "林写的。", 3)


def test_the_same_field_of_two_people_is_never_joined(issue) -> None:
    base = {"title": "甲", "body": "正文。"}
    editing.save_item(_item("甲"), 1, {"body": "林写的。"}, "林", base=base)
    with pytest.raises(Conflict):
        editing.save_item(_item("甲"), 1, {"title": "新题", "body": "王的。"}, "王", base=base)
    assert _item("甲").body == "林写的。"


def test_saving_what_stands_there_already_changes_nothing(issue, told) -> None:
    editing.save_item(_item("甲"), 1, {"title": "甲一"}, "林")
    again = editing.save_item(_item("甲一"), 1, {"title": "甲一"}, "林")
    assert again.version == 2
    assert len(told) == 1


def test_what_readers_do_not_get_is_saved_without_telling(issue, told) -> None:
    editing.save_item(_item("甲"), 1, {"url": "https://example.org/a", "tags": ["急"]}, "林")
    assert _item("甲").tags == ["急"]
    assert told == []


def test_minutes_of_typing_are_one_revision_and_what_stood_before_stays(issue) -> None:
    for version, body in enumerate(("一", "一二", "一二三"), 1):
        editing.save_item(_item("甲"), version, {"body": body}, "林")
    editing.save_item(_item("甲"), 4, {"body": "一二三四"}, "王")
    kept = [(each.version, each.actor, each.values["body"]) for each in Revision.objects.all()]
    assert kept == [(5, "王", "一二三四"), (4, "林", "一二三"), (1, "", "正文。")]


@pytest.mark.parametrize(
    "values", [{"title": "长" * 301}, {"cover_url": "javascript:alert(1)"}, {"url": "no"}]
)
def test_what_has_no_room_is_refused_and_leaves_the_row(issue, values) -> None:
    with pytest.raises(ValidationError):
        editing.save_item(_item("甲"), 1, values, "林")
    assert _item("甲").version == 1


def test_only_what_editors_write_can_be_saved(issue) -> None:
    with pytest.raises(ValueError, match="section"):
        editing.save_item(_item("甲"), 1, {"section": None}, "林")


def test_a_number_that_another_issue_has_is_refused(issue) -> None:
    make_issue(issue.publication, "旧", number="6")
    with pytest.raises(ValidationError, match="期号"):
        editing.save_issue(issue, 1, {"number": "6"}, "林")
    assert Issue.objects.get(pk=issue.pk).version == 1


def test_moving_others_does_not_stop_whoever_writes_the_facts(issue) -> None:
    editing.place(_item("丙"), issue.sections.first(), 0, "王")
    saved = editing.save_issue(issue, 1, {"subject": "主题"}, "林", base={"subject": None})
    assert (saved.subject, saved.version) == ("主题", 3)


@pytest.mark.parametrize(
    ("title", "section", "position", "after"),
    [
        ("丙", "要闻", 0, "要闻丙甲乙 数据丁"),
        ("甲", "要闻", 1, "要闻乙甲丙 数据丁"),
        ("甲", "要闻", 99, "要闻乙丙甲 数据丁"),
        ("乙", "数据", 0, "要闻甲丙 数据乙丁"),
        ("乙", "数据", -3, "要闻甲丙 数据乙丁"),
    ],
)
def test_an_item_goes_where_it_is_put(issue, told, title, section, position, after) -> None:
    editing.place(_item(title), issue.sections.get(name=section), position, "林")
    assert _outline(issue) == after
    assert _dense(issue)
    assert Issue.objects.get(pk=issue.pk).version == 2
    assert told == [(issue.pk, "林")]
    assert _item(title).version == 1


def test_putting_an_item_where_it_is_changes_nothing(issue, told) -> None:
    editing.place(_item("乙"), issue.sections.first(), 1, "林")
    assert Issue.objects.get(pk=issue.pk).version == 1
    assert told == []


def test_an_item_goes_to_the_pool_and_from_there_to_another_issue(issue, told) -> None:
    other = make_issue(issue.publication, "旧", number="6")
    pooled = editing.to_pool(_item("乙"), "林")
    assert (pooled.section, pooled.wanted_section) == (None, "要闻")
    assert _outline(issue) == "要闻甲丙 数据丁"
    editing.place(pooled, other.sections.get(), 0, "林")
    assert _outline(other) == "要闻乙旧"
    assert told == [(issue.pk, "林"), (other.pk, "林")]


def test_an_item_stays_in_its_publication(issue) -> None:
    other = make_issue(factories.publication("other"), "旧")
    with pytest.raises(ValueError, match="publication"):
        editing.place(_item("乙"), other.sections.get(), 0, "林")


def test_a_discarded_item_comes_back_to_its_place(issue) -> None:
    editing.discard(_item("乙"), "林")
    assert _outline(issue) == "要闻甲丙 数据丁"
    editing.bring_back(_item("乙"), "林")
    assert _outline(issue) == "要闻甲乙丙 数据丁"
    assert _item("乙").discarded_at is None


def test_a_discarded_item_whose_section_is_gone_comes_back_to_the_pool(issue) -> None:
    editing.discard(_item("丁"), "林")
    editing.remove_section(issue.sections.get(name="数据"), "林")
    back = editing.bring_back(_item("丁"), "林")
    assert (back.section, back.discarded_at) == (None, None)


def test_discarding_from_the_pool_comes_back_to_the_pool(issue) -> None:
    editing.to_pool(_item("乙"), "林")
    editing.discard(_item("乙"), "林")
    assert editing.bring_back(_item("乙"), "林").section is None


def test_whoever_writes_in_an_item_that_is_discarded_is_told(issue) -> None:
    editing.discard(_item("乙"), "王")
    with pytest.raises(Conflict) as refused:
        editing.save_item(_item("乙"), 1, {"body": "写到一半"}, "林", base={"body": "正文。"})
    assert refused.value.current.discarded_at is not None


def test_a_removed_section_leaves_its_items_in_the_pool(issue) -> None:
    editing.remove_section(issue.sections.first(), "林")
    assert _outline(issue) == "数据丁"
    pool = Item.objects.filter(section=None, discarded_at=None)
    assert {item.title for item in pool} == set("甲乙丙")
    assert {item.wanted_section for item in pool} == {"要闻"}


def test_sections_are_added_renamed_and_moved(issue) -> None:
    added = editing.add_section(issue, "书讯", "林", position=1)
    assert _outline(issue) == "要闻甲乙丙 书讯 数据丁"
    editing.move_section(added, 0, "林")
    editing.rename_section(added, "新书", "林")
    assert _outline(issue) == "新书 要闻甲乙丙 数据丁"
    assert Issue.objects.get(pk=issue.pk).version == 4


def test_a_section_without_a_name_is_refused(issue) -> None:
    with pytest.raises(ValidationError):
        editing.add_section(issue, "", "林")
    assert issue.sections.count() == 2


def test_a_new_item_stands_in_its_section_or_in_the_pool(issue) -> None:
    editing.new_item(issue.publication, {"title": "戊"}, "林", section=issue.sections.first())
    assert _outline(issue) == "要闻甲乙丙戊 数据丁"
    assert editing.new_item(issue.publication, {"title": "己"}, "林").section is None
    assert _item("己").revisions.get().values["title"] == "己"


def test_a_new_issue_goes_on_from_the_last_one(issue) -> None:
    publication = issue.publication
    publication.section_names = ["要闻", "书讯"]
    publication.slots = [{"days": [1, 16], "time": "09:00"}]
    publication.host_name = "云港市"
    publication.save()
    made = editing.new_issue(publication, "林", datetime.date(2026, 11, 20))
    assert (made.number, made.date) == ("8", datetime.date(2026, 12, 1))
    assert (made.masthead, made.host_name) == ("云港观察", "云港市")
    assert _outline(made) == "要闻 书讯"
    assert made.revisions.count() == 1
    assert editing.new_issue(publication, "林", datetime.date(2026, 11, 20)).number == "9"


def test_the_first_issue_of_a_publication_suggests_nothing_it_does_not_know() -> None:
    made = editing.new_issue(factories.publication(), "林", DAY)
    assert (made.number, made.date, made.period_from) == (None, None, None)


@pytest.mark.parametrize(
    ("number", "after"),
    [
        ("7", "8"),
        ("第23期", "第24期"),
        ("2026年第09期", "2026年第10期"),
        ("2026年第3期（总第99期）", "2026年第3期（总第100期）"),
        ("特刊", None),
        ("2026", None),
    ],
)
def test_the_next_number(number, after) -> None:
    assert next_number(number) == after


def test_a_new_year_begins_with_one() -> None:
    last, date = datetime.date(2026, 12, 16), datetime.date(2027, 1, 1)
    assert next_number("2026年第24期", last, date) == "2027年第1期"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_is_told() -> None:
    make_issue(factories.publication(), "甲")
    together = Barrier(2)

    def save(name: str) -> bool:
        together.wait()
        try:
            editing.save_item(_item("甲"), 1, {"body": name}, name)
        except Conflict:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(save, ("林", "王"))) == [False, True]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_who_move_at_once_all_are_heard_and_positions_stay_dense() -> None:
    issue = make_issue(factories.publication(), "甲")
    section = issue.sections.get()
    for position, title in enumerate("乙丙丁", 1):
        Item.objects.create(section=section, position=position, title=title)
    together = Barrier(4)

    def move(title: str) -> None:
        together.wait()
        try:
            editing.place(_item(title), section, 0, title)
            editing.place(_item(title), section, 3, title)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(move, "甲乙丙丁"))
    assert sorted(_outline(issue)[2:]) == sorted("甲乙丙丁")
    assert _dense(issue)
