"""From a manuscript to rows, and from rows to a frozen edition."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from dongtai_mail import manuscript
from dongtai_mail.content import Severity
from dongtai_mail.demo import sample_manuscript
from dongtai_mail.issues import editions
from dongtai_mail.issues.editions import EditionRefused
from dongtai_mail.issues.importing import ImportRefused, import_manuscript
from dongtai_mail.issues.models import Edition, Issue, Item
from dongtai_mail.manuscript import ManuscriptError
from tests import factories
from tests.conftest import MANUSCRIPTS

pytestmark = pytest.mark.django_db

EMPTY_ITEM = """【行业资讯】

有正文的一条

正文在这里。

来源：《某报》 编选：《观察》编辑部 2026 年 11 月 05 日

没有正文的一条

来源：《某报》 编选：《观察》编辑部 2026 年 11 月 05 日
"""


def _sample() -> bytes:
    return sample_manuscript().read_bytes()


def test_what_was_imported_is_what_the_manuscript_said() -> None:
    issue = import_manuscript(factories.publication(), _sample(), "sample.md")
    said = manuscript.read(_sample(), "sample.md").issue
    drafted = editions.draft(issue)
    assert [section.name for section in drafted.sections] == [s.name for s in said.sections]
    assert drafted.items == said.items
    assert (drafted.masthead, drafted.number, drafted.date) == (
        said.masthead,
        said.number,
        said.date,
    )
    assert (drafted.host, drafted.colophon) == (said.host, said.colophon)


@pytest.mark.manuscripts
@pytest.mark.parametrize("name", ["000", "002"])
def test_the_real_issues_survive_the_database_word_for_word(name: str) -> None:
    path = next(MANUSCRIPTS.glob(f"{name}*"))
    issue = import_manuscript(factories.publication(), path.read_bytes(), path.name)
    assert editions.draft(issue).items == manuscript.read(path.read_bytes(), path.name).issue.items


def test_the_same_file_twice_is_one_issue() -> None:
    publication = factories.publication()
    first = import_manuscript(publication, _sample(), "sample.md")
    assert import_manuscript(publication, _sample(), "again.md") == first
    assert Issue.objects.count() == 1


def test_another_file_with_a_known_number_is_refused() -> None:
    publication = factories.publication()
    import_manuscript(publication, _sample(), "sample.md")
    changed = _sample().replace("电商".encode(), "网商".encode(), 1)
    with pytest.raises(ImportRefused, match="已经有了"):
        import_manuscript(publication, changed, "sample.md")
    assert Issue.objects.count() == 1


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02\xff" * 500])
def test_what_cannot_be_read_leaves_no_rows(data: bytes) -> None:
    with pytest.raises((ManuscriptError, ImportRefused)):
        import_manuscript(factories.publication(), data, "noise.txt")
    assert not Issue.objects.exists()


@pytest.mark.parametrize(
    ("short", "long", "place"),
    [
        ("没有正文的一条", "长" * 400, "标题有 400 个字，最多 300 个"),
        ("《某报》", "甲" * 300, "来源有 300 个字"),
        ("《观察》编辑部", "乙" * 300, "编选有 300 个字"),
        ("【行业资讯】", f"主办单位：{'单' * 300}\n【行业资讯】", "主办单位有 300 个字"),
    ],
)
def test_what_has_no_room_is_refused_by_name_and_leaves_no_rows(
    short: str, long: str, place: str
) -> None:
    with pytest.raises(ImportRefused, match=place):
        import_manuscript(
            factories.publication(), EMPTY_ITEM.replace(short, long).encode(), "long.txt"
        )
    assert not Issue.objects.exists()


def test_freezing_twice_is_one_edition_and_it_cannot_be_changed() -> None:
    issue = import_manuscript(factories.publication(), _sample(), "sample.md")
    edition = editions.freeze(issue)
    assert editions.freeze(issue) == edition
    edition.html = "changed"
    with pytest.raises(ValidationError, match="frozen"):
        edition.save()
    assert Edition.objects.get().html != "changed"


def test_a_change_of_the_issue_is_another_edition() -> None:
    issue = import_manuscript(factories.publication(), _sample(), "sample.md")
    before = editions.freeze(issue)
    item = issue.sections.first().items.first()
    item.title = "改过的标题"
    item.save()
    after = editions.freeze(issue)
    assert after != before
    assert "改过的标题" in after.html
    assert "改过的标题" not in before.html


def test_an_error_in_the_manuscript_blocks_the_edition() -> None:
    issue = import_manuscript(factories.publication(), EMPTY_ITEM.encode(), "slip.txt")
    with pytest.raises(EditionRefused) as refused:
        editions.freeze(issue)
    errors = [found for found in refused.value.findings if found.severity is Severity.ERROR]
    assert [found.code for found in errors] == ["item-empty"]
    assert not Edition.objects.exists()


def test_three_long_titles_leave_a_preheader_that_has_room() -> None:
    issue = import_manuscript(factories.publication(), _sample(), "sample.md")
    listed = Item.objects.filter(featured=True).order_by("section__position", "position")
    for number, item in enumerate(listed[:3]):
        item.title = f"{number}" + "长" * 250
        item.save()
    assert len(editions.freeze(issue).preheader) == 251


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_file_handed_in_four_times_at_once_is_one_issue() -> None:
    publication = factories.publication()
    together = Barrier(4)

    def hand_in(_: int) -> int:
        together.wait()
        try:
            return import_manuscript(publication, _sample(), "sample.md").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        issues = set(threads.map(hand_in, range(4)))
    assert issues == {issue.pk for issue in Issue.objects.all()}
    assert len(issues) == 1
