"""Issues and frames for the rendering tests, written for them."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from dongtai_mail.content import (
    Block,
    Colophon,
    Host,
    Image,
    Issue,
    Item,
    ListBlock,
    Paragraph,
    Section,
    Subheading,
    Table,
)
from dongtai_mail.rendering import Frame

ROOT = Path(__file__).resolve().parents[2]
FRAME = Frame(
    web_url="https://news.example.test/issues/2026-11",
    reason="您收到这封邮件，是因为您订阅了《港口电商周刊》。",
)
COVER = Image("https://img.example.test/cover.png", "《码头账本》封面")

NEWS = Item(
    title="临江口岸开通夜间通关",
    body=(
        Paragraph(
            "临江口岸 11 月起**全天候通关**。首夜放行 312 票，详见[公告](https://port.example.test/n)。"
        ),
        Paragraph("企业可以提前 24 小时申报。"),
    ),
    source="临江日报",
    source_line="来源：《临江日报》 编选：本刊编辑部 2026 年 11 月 3 日",
    featured=True,
)
FIGURES = Item(
    title="三季度包裹量增长一成",
    body=(
        Subheading("一、总量"),
        Table(
            (
                ("指标", "7 月", "8 月"),
                ("包裹（万件）", "1,204", "1,318"),
                ("退件率", "2.1%", "1.9%"),
            )
        ),
        ListBlock(("夜间订单占比上升；", "退件率连续四月下降。"), ordered=True),
        ListBlock(("口径：全市", "来源：行业协会")),
        Image("https://img.example.test/chart.png", "包裹量柱状图", "图 1　包裹量"),
    ),
    source_line="来源：本刊编辑部 2026 年 11 月 5 日",
)
BOOK = Item(
    title="码头账本",
    heading="内容简介",
    body=(Paragraph("一部写给小店经营者的成本手册。"),),
    cover=COVER,
)


def small_issue() -> Issue:
    """Every kind of block, three sections, all places filled."""
    return Issue(
        masthead="港口电商周刊",
        number="第 11 期",
        date=datetime.date(2026, 11, 16),
        host=Host("临江市电子商务协会", "临江跨境贸易中心"),
        sections=(
            Section("行业资讯", (NEWS,)),
            Section("数据观察", (FIGURES,)),
            Section("悦读电商", (BOOK,)),
        ),
        colophon=Colophon("临江市码头路 1 号", "000000", "临江市电子商务协会", "000-0000000"),
        subject="港口电商周刊第 11 期",
        preheader="口岸夜间通关首夜放行 312 票",
    )


def issue_of(*blocks: Block, title: str = "标题") -> Issue:
    """An issue of one item."""
    item = Item(title=title, body=blocks, source_line="来源：《甲报》 2026 年 11 月 1 日")
    return Issue(masthead="周刊", sections=(Section("资讯", (item,)),))


def manuscript(prefix: str) -> Issue:
    """One of the real issues; the test is skipped where they are absent."""
    from dongtai_mail.manuscript import read

    found = sorted((ROOT.parent / "shared" / "manuscripts").glob(f"{prefix}*.txt"))
    if not found:
        pytest.skip("the real manuscripts are not here")
    return read(found[0].read_bytes(), found[0].name).issue
