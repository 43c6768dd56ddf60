"""Which row of a table names its columns."""

from __future__ import annotations

import pytest

from subscribers import columns, importing
from subscribers.models import Subscription
from tests import factories

PERSON = ["1", "张三", "zhang@example.com"]
NAMES = ["序号", "姓名", "电子邮箱"]


@pytest.mark.parametrize(
    ("head", "place"),
    [
        ([], None),
        ([PERSON], None),
        ([PERSON, NAMES], None),
        ([NAMES, PERSON], 0),
        ([["编号", "名称"], ["1", "甲"]], 0),
        ([["读者名单（办公室整理）"], ["截至 3 月"], NAMES, PERSON], 2),
        ([["读者名单"], PERSON], 0),
    ],
)
def test_a_title_above_the_names_of_columns_is_no_such_name(head, place):
    assert columns.header_at(head) == place


@pytest.mark.django_db
def test_a_table_with_a_title_and_empty_lines_is_read_from_its_people_on(tmp_path):
    readers = factories.subscriber_list()
    file = tmp_path / "old.csv"
    file.write_text("\n读者名单,,\n\n姓名,电子邮箱,单位\n张三,zhang@example.com,甲\n", "gb18030")
    run = importing.import_file(readers, file, "登记表")
    assert (run.columns, run.counts["new"]) == ({"name": 0, "address": 1, "organisation": 2}, 1)
    assert sum(run.counts[key] for key in run.counts if key != "added") == 1
    assert Subscription.objects.get().subscriber.name == "张三"
