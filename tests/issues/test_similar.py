"""What is said twice is found; what only sounds alike is left alone."""

from __future__ import annotations

import pytest

from dongtai_mail.issues import editing, similar
from dongtai_mail.issues.models import Issue, Item, Section, Shingle
from tests import factories
from worker import errands

pytestmark = pytest.mark.django_db

TITLE = "云港跨境电商综合试验区前十月进出口额增两成"
TEXT = (
    "云港市商务局11月12日发布的数据显示，今年前十个月，云港跨境电子商务综合试验区实现进出口额"
    "326.4亿元，同比增长21.4%，其中出口占比超过七成，主要商品为家居用品、小型家电和户外装备。\n\n"
    "商务局负责人说，试验区已有海外仓42个，覆盖19个国家和地区。多家企业反映，通关时间由三天缩短到"
    "一天，仓储费用明显下降，明年将继续扩大投入。"
)
OTHERS = [
    (
        "云港口岸开通夜航航线",
        "本月起，云港口岸每晚增开四班货运航班，夜间到港的鲜活货物可在两小时内完成查验放行，"
        "预计每年为企业节省物流成本三千万元。口岸办表示将视需求继续增加班次。",
    ),
    (
        "直播带货新规征求意见",
        "市场监管部门就直播营销管理办法公开征求意见，拟要求平台对主播分级管理，明确商品质量的连带"
        "责任，并对虚假宣传设置更高的罚款上限。意见反馈截止到本月底。",
    ),
    (
        "全国网上零售额前十月增长8.6%",
        "国家统计部门数据显示，今年前十个月全国网上零售额同比增长8.6%，其中实物商品网上零售额增长"
        "7.2%，占社会消费品零售总额的比重为26.3%。吃类、穿类、用类商品均有增长。",
    ),
]


@pytest.fixture
def earlier(db) -> Issue:
    publication = factories.publication()
    issue = Issue.objects.create(publication=publication, number="第7期")
    section = Section.objects.create(issue=issue, position=0, name="要闻")
    for title, body in [(TITLE, TEXT), *OTHERS]:
        Item.objects.create(section=section, title=title, body=body)
    return issue


def _titles(publication, title, body, **also) -> list[str]:
    return [match.item.title for match in similar.similar(publication, title, body, **also)]


@pytest.mark.parametrize(
    ("title", "body"),
    [
        pytest.param(TITLE, TEXT, id="the same"),
        pytest.param("另一个标题", TEXT, id="another title"),
        pytest.param("", TEXT[:120], id="its beginning"),
        pytest.param("跨境电商综合试验区前10个月进出口增长", "", id="a title being typed"),
        pytest.param("云港跨境电商综试区前十月进出口增两成", "", id="a title shortened"),
        pytest.param(
            "云港跨境电商进出口大幅增长",
            "记者从云港市商务局获悉，今年前十个月，云港跨境电子商务综合试验区实现进出口额326.4亿元，"
            "同比增长21.4%，出口占比超过七成。业内人士认为，这与海外仓布局加快有关，预计全年规模将再"
            "创新高，相关企业正在筹备明年的展会，并计划招募更多运营人才。",
            id="another paper's version",
        ),
        pytest.param(
            "",
            TEXT.replace("，", ",").replace("。", " ").replace("326.4", "３２６．４"),
            id="other punctuation and full-width figures",
        ),
        pytest.param(
            "", "**云港**" + TEXT.replace("数据", "[数据](https://a.example/b)"), id="markup"
        ),
        pytest.param(
            "", "编者按：" + "近来外贸形势变化很快。" * 60 + TEXT, id="within a long text"
        ),
    ],
)
def test_the_same_news_in_other_words_is_found(earlier, title, body):
    match, *_others = similar.similar(earlier.publication, title, body)
    assert (match.item.title, match.issue) == (TITLE, earlier)
    assert 0.3 <= match.score <= 1


@pytest.mark.parametrize(
    ("title", "body"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("云", "云港", id="a word"),
        pytest.param("云港邮政推出寄递新服务", "", id="the same city"),
        pytest.param(
            "云港跨境电商综合试验区举办人才招聘会",
            "11月20日，云港跨境电子商务综合试验区举办专场招聘会，86家企业提供岗位1200个，涵盖运营、"
            "客服、设计等方向。当天有三千余名毕业生到场，初步达成意向四百多人。",
            id="the same place, other news",
        ),
        pytest.param(
            "全国网上零售额前十一月增长8.9%",
            "国家统计部门数据显示，前十一个月全国网上零售额同比增长8.9%，增速继续回升。专家认为促消费"
            "政策效果显现，年末购物节带动了家电和通讯器材的销售，乡村市场潜力正在释放，下沉渠道成为亮点。",
            id="next month's figures",
        ),
        pytest.param(
            "平台治理进入新阶段",
            "专家表示，平台经济治理正从集中整治转向常态化监管，企业合规成本趋于稳定，中小商家的"
            "经营环境有所改善，未来需要在数据流通和劳动者保障上补齐短板。",
            id="something else",
        ),
    ],
)
def test_other_news_is_left_alone(earlier, title, body):
    assert similar.similar(earlier.publication, title, body) == []


def test_what_both_say_is_shown_as_it_is_printed(earlier):
    (match,) = similar.similar(
        earlier.publication, "", "据报道 多家企业反映 通关时间由三天缩短到一天 仓储费用明显下降"
    )
    assert match.passage == "多家企业反映，通关时间由三天缩短到一天，仓储费用明显下降"


def test_an_item_is_not_like_itself_and_the_pool_is_looked_at(earlier):
    publication = earlier.publication
    pooled = editing.new_item(publication, {"title": TITLE, "body": TEXT}, "编辑")
    first, second = similar.similar(publication, TITLE, TEXT)
    assert {first.issue, second.issue} == {None, earlier}
    assert [m.item for m in similar.similar(publication, TITLE, TEXT, besides=pooled)] != [pooled]
    assert len(similar.similar(publication, TITLE, TEXT, besides=pooled)) == 1


def test_what_was_discarded_or_changed_is_not_found_any_more(earlier):
    publication = earlier.publication
    item = editing.new_item(publication, {"title": "独一无二的标题写在这里"}, "编辑")
    assert _titles(publication, "独一无二的标题写在这里", "") == [item.title]
    editing.save_item(item, item.version, {"title": "现在完全是另外一件事情"}, "编辑")
    assert _titles(publication, "独一无二的标题写在这里", "") == []
    assert _titles(publication, "现在完全是另外一件事情", "") == ["现在完全是另外一件事情"]
    editing.discard(item, "编辑")
    assert _titles(publication, "现在完全是另外一件事情", "") == []
    editing.bring_back(item, "编辑")
    assert _titles(publication, "现在完全是另外一件事情", "") == ["现在完全是另外一件事情"]


def test_another_publications_items_are_not_shown(earlier):
    other = factories.publication("other", "other.example")
    assert similar.similar(other, TITLE, TEXT) == []


def test_no_others_stand_before_the_own_items(earlier):
    other = factories.publication("other", "other.example")
    for _number in range(12):
        editing.new_item(other, {"title": TITLE, "body": TEXT}, "编辑")
        item = editing.new_item(earlier.publication, {"title": TITLE, "body": TEXT}, "编辑")
        editing.discard(item, "编辑")
    assert similar.catch_up(other, most=20) == 12
    assert _titles(earlier.publication, TITLE, TEXT) == [TITLE]


def test_the_same_address_is_the_same_news(earlier):
    publication = earlier.publication
    url = "https://news.example/a/1.html"
    editing.new_item(publication, {"title": "题目甲", "url": url}, "编辑")
    (match,) = similar.similar(publication, "毫不相干", "", url=url)
    assert (match.item.title, match.score) == ("题目甲", 1.0)


def test_a_regular_column_is_no_duplicate_of_itself(earlier):
    publication = earlier.publication
    week = "一周数据（11月1日—7日）"
    editing.new_item(publication, {"title": week, "body": "快递业务量为" + "甲乙丙丁" * 20}, "编辑")
    assert _titles(publication, "一周数据（11月8日—14日）", "网络零售额" + "子丑寅卯" * 20) == []


def test_the_index_is_brought_up_once(earlier):
    assert similar.catch_up(most=100) == 4
    assert similar.catch_up(most=100) == 0
    before = Shingle.objects.count()
    item = Item.objects.get(title=TITLE)
    Item.objects.filter(pk=item.pk).update(version=item.version + 1)
    assert similar.catch_up(most=100) == 1
    assert Shingle.objects.count() == before


def test_workers_bring_the_index_up_among_their_errands(earlier):
    errands.run()
    assert similar.catch_up() == 0
    assert Shingle.objects.exists()


def test_a_very_long_text_is_compared_too(earlier):
    long = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(60_000))
    assert _titles(earlier.publication, "", long[:30_000] + TEXT + long[30_000:]) in ([TITLE], [])


def test_every_passage_of_thirty_two_characters_is_met():
    """Wherever it stands: its strings meet those of the text around it."""
    text = "".join(chr(0x4E00 + number * number % 20021) for number in range(2000))
    known = set(similar._Text("", text).numbers())
    for start in range(0, 1900, 7):
        passage = similar._Text("", "前言" * 20 + text[start : start + 32] + "后记" * 20)
        assert known & set(passage.numbers()), start
