"""What was before, how it differs, and going back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dongtai_mail.issues import editing, history
from dongtai_mail.issues.differences import Kind, runs, shortened
from dongtai_mail.issues.models import Item, Section
from dongtai_mail.issues.readable import field_runs
from tests import factories
from tests.desk.conftest import make_issue


@given(st.text(alphabet="甲乙ab \n"), st.text(alphabet="甲乙ab \n"))
def test_each_side_of_a_difference_is_that_side(before: str, after: str) -> None:
    found = runs(before, after)
    assert "".join(run.text for run in found if run.kind is not Kind.NEW) == before
    assert "".join(run.text for run in found if run.kind is not Kind.GONE) == after


def test_a_difference_shows_what_changed_and_no_more() -> None:
    assert runs("第一段。\n口岸开通夜航。", "第一段。\n口岸恢复夜航。") == (
        (Kind.SAME, "第一段。\n口岸"),
        (Kind.GONE, "开通"),
        (Kind.NEW, "恢复"),
        (Kind.SAME, "夜航。"),
    )


@pytest.mark.parametrize(("before", "after"), [("旧", "新"), ("甲\n", ""), ("", "甲\n")])
def test_a_text_that_says_the_same_again_and_again_differs_where_it_does(before, after) -> None:
    found = runs("甲\n" * 600 + before, "甲\n" * 600 + after)
    assert found[0] == (Kind.SAME, "甲\n" * 600)
    assert [run.text for run in found[1:]] == list(filter(None, (before, after)))


def test_bodies_that_read_alike_are_shown_to_differ_all_the_same() -> None:
    found = field_runs("body", "**甲、乙**", "**甲**、**乙**")
    assert {run.kind for run in found} > {Kind.SAME}


def test_a_long_text_is_shown_around_its_changes() -> None:
    same = "一" * 500
    found = shortened(runs(f"{same}旧", f"{same}新"))
    assert [run.kind for run in found] == [Kind.SAME, Kind.GONE, Kind.NEW]
    assert len(found[0].text) == 83
    assert shortened(found[1:]) == found[1:]


@pytest.fixture
def issue(db):
    made = make_issue(factories.publication(), "甲")
    section = made.sections.get()
    Item.objects.create(section=section, position=1, title="乙", body="正文。")
    return made


def _outline(issue) -> str:
    return " ".join(
        section.name + "".join(item.title for item in section.items.all())
        for section in issue.sections.all()
    )


def test_an_items_history_tells_each_change(issue) -> None:
    item = editing.save_item(Item.objects.get(title="甲"), 1, {"title": "甲一"}, "林")
    latest, first = history.entries(item)
    assert (latest.revision.actor, latest.latest, first.first) == ("林", True, True)
    (difference,) = latest.differences
    assert difference.name == "title"
    assert difference.runs == ((Kind.SAME, "甲"), (Kind.NEW, "一"))


def test_an_item_goes_back_and_nothing_is_lost(issue) -> None:
    item = editing.save_item(Item.objects.get(title="甲"), 1, {"body": "改坏了。"}, "林")
    restored = history.restore(item.revisions.get(version=1), "王")
    assert restored.body == "正文。"
    assert [e.revision.values["body"] for e in history.entries(item)] == [
        "正文。",
        "改坏了。",
        "正文。",
    ]


def test_restoring_a_discarded_item_brings_it_back(issue) -> None:
    item = Item.objects.get(title="甲")
    editing.discard(item, "林")
    history.restore(item.revisions.get(version=1), "林")
    assert _outline(issue) == "要闻甲乙"


def test_an_issue_goes_back_to_its_order_facts_and_sections(issue) -> None:
    editing.save_issue(issue, 1, {"subject": "主题"}, "林")
    editing.place(Item.objects.get(title="乙"), issue.sections.get(), 0, "林")
    other = editing.add_section(issue, "数据", "林")
    editing.new_item(issue.publication, {"title": "丙"}, "林", section=other)
    editing.remove_section(issue.sections.first(), "林")
    assert _outline(issue) == "数据丙"
    history.restore(issue.revisions.get(version=1), "林")
    issue.refresh_from_db()
    assert _outline(issue) == "要闻甲乙"
    assert issue.subject is None
    assert Item.objects.get(title="丙").section is None
    assert [item.position for item in Item.objects.exclude(title="丙")] == [0, 1]


def test_what_another_issue_has_by_now_stays_there(issue) -> None:
    other = make_issue(issue.publication, "旧", number="6")
    editing.place(Item.objects.get(title="乙"), other.sections.get(), 0, "林")
    history.restore(issue.revisions.get(version=1), "林")
    assert _outline(issue) == "要闻甲"
    assert _outline(other) == "要闻乙旧"


def test_an_issues_history_names_the_items(issue) -> None:
    section = Section.objects.get(issue=issue)
    editing.place(Item.objects.get(title="乙"), section, 0, "林")
    latest = history.entries(issue)[0]
    (difference,) = latest.differences
    assert difference.name == "sections"
    assert "乙" in "".join(run.text for run in difference.runs)
