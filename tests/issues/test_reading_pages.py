"""The article is found in pages as Chinese sites write them."""

from __future__ import annotations

import dataclasses
import datetime
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dongtai_mail.issues import markdown
from dongtai_mail.issues.fetching import FetchError, Problem
from dongtai_mail.issues.reading import read
from tests.web_server import answer, page

LEAD = (
    "云港市商务局昨日表示，综合试验区今年前十个月进出口额达到三百二十六亿元，同比增长两成，"
    "其中出口占比超过七成，主要商品为家居用品、小型家电和户外装备。"
)
SECOND = (
    "多家企业反映，通关时间由三天缩短到一天，仓储费用下降，海外订单明显增加，明年将继续扩大投入。"
)
NEWS = f"""<!DOCTYPE html><html><head><meta charset="CHARSET">
<title>云港前十月进出口增两成_云港新闻网</title><meta name="publishdate" content="2026-11-12">
<script>var secret = "脚本";</script></head><body>
<div class="top"><a href="/">首页</a><a href="/a">要闻</a><a href="/login">登录</a></div>
<h1>云港前十月进出口增两成</h1>
<div class="info">2026年11月12日　来源：<a href="http://x.example">云港日报</a>　编辑：李一</div>
<div id="content"><p>　　{LEAD}</p><p><strong>　　政策加力</strong></p><p>　　{SECOND}</p>
<table><tr><th>月份</th><th>金额</th></tr><tr><td>九月</td><td>30亿元</td></tr></table>
<ul><li>一是扩大保税仓。</li><li>二是降低费用。</li></ul></div>
<div class="related"><h3>相关新闻</h3><ul><li><a href="/1">云港港口开通夜航</a></li></ul></div>
<div class="foot">Copyright © 2026 版权所有</div></body></html>"""
WECHAT = f"""<html><head><meta charset="utf-8">
<meta property="og:title" content="平台治理进入新阶段">
<meta property="og:site_name" content="微信公众平台"></head><body>
<h1 id="activity-name">平台治理进入新阶段</h1><span>原创 张三</span><a id="js_name"> 云港观察 </a>
<div id="js_content" style="visibility: hidden;"><section><p><span>{LEAD}</span></p></section>
<section><section>{SECOND}</section></section></div></body></html>"""
GOVERNMENT = f"""<html><head><meta http-equiv="Content-Type" content="text/html; charset=gb2312">
<title>关于促进综合试验区的意见_云港政府网</title><meta name="ContentSource" content="云港市政府">
<meta name="PubDate" content="2026-11-08 10:00"></head><body><table><tr><td>首页</td></tr></table>
<table><tr><td><div class="TRS_Editor">关于促进综合试验区的意见<br><br>　　{LEAD}㐂<br>
　　一、总体要求<br>　　{SECOND}</div></td></tr></table></body></html>"""


@pytest.mark.parametrize(
    ("charset", "where"),
    [("utf-8", "header"), ("gb2312", "header"), ("gb18030", "meta"), ("gbk", "nowhere")],
)
def test_a_news_page_is_read(site, rules, charset, where):
    html = NEWS.replace("CHARSET", charset if where == "meta" else "")
    kind = f"text/html; charset={charset}" if where == "header" else "text/html"
    site.pages["/a"] = answer(200, html.replace("©", "").encode(charset), kind)
    got = read(site.url("/a"), rules)
    assert got.title == "云港前十月进出口增两成"
    assert got.source == "云港日报"
    assert got.date == datetime.date(2026, 11, 12)
    assert got.text.split("\n\n") == [
        LEAD,
        "**政策加力**",
        SECOND,
        "| 月份 | 金额 |\n|---|---|\n| 九月 | 30亿元 |",
        "- 一是扩大保税仓。\n- 二是降低费用。",
    ]
    kinds = [type(block).__name__ for block in markdown.parse(got.text)]
    assert kinds == ["Paragraph", "Paragraph", "Paragraph", "Table", "ListBlock"]


def test_an_article_that_wechat_hides_until_its_script_runs_is_read(site, rules):
    site.pages["/s"] = page(WECHAT)
    got = read(site.url("/s"), rules)
    assert (got.title, got.source) == ("平台治理进入新阶段", "云港观察")
    assert got.text == f"{LEAD}\n\n{SECOND}"


def test_a_page_that_understates_its_encoding_is_read_whole(site, rules):
    """It says gb2312 and has characters that only GB18030 knows."""
    site.pages["/a"] = answer(200, GOVERNMENT.encode("gb18030"), "text/html")
    got = read(site.url("/a"), rules)
    assert (got.title, got.source) == ("关于促进综合试验区的意见", "云港市政府")
    assert got.date == datetime.date(2026, 11, 8)
    assert got.text == f"{LEAD}㐂\n\n一、总体要求\n\n{SECOND}"


def test_a_wrong_label_does_not_keep_a_page_from_being_read(site, rules):
    site.pages["/a"] = answer(200, NEWS.encode("gb18030"), "text/html; charset=utf-8")
    assert read(site.url("/a"), rules).title == "云港前十月进出口增两成"


@pytest.mark.parametrize(
    "label", ["unknown-8bit", "base64", "rot13", "zip", "idna", "undefined", "x" * 30, "\x7f"]
)
def test_a_label_that_names_no_encoding_is_passed_over(site, rules, label):
    html = NEWS.replace("CHARSET", label)
    site.pages["/a"] = answer(200, html.encode(), "text/html")
    assert read(site.url("/a"), rules).source == "云港日报"


@pytest.mark.parametrize("html", ["", "<html></html>", "<html><body><p> </p></body></html>"])
def test_a_page_without_an_article_says_so(site, rules, html):
    site.pages["/a"] = page(html)
    with pytest.raises(FetchError) as raised:
        read(site.url("/a"), rules)
    assert raised.value.problem in (Problem.NO_TEXT, Problem.UNREADABLE)


def test_binary_that_calls_itself_a_page_is_refused(site, rules):
    site.pages["/a"] = answer(200, bytes(range(256)) * 300, "text/html")
    with pytest.raises(FetchError) as raised:
        read(site.url("/a"), rules)
    assert raised.value.problem in (Problem.NO_TEXT, Problem.UNREADABLE)


def test_a_page_that_nobody_can_read_breaks_nothing(site, rules):
    site.pages["/a"] = page("<div>" * 100_000 + LEAD + "</div>" * 100_000)
    with pytest.raises(FetchError):
        read(site.url("/a"), rules)


def test_what_a_page_says_stays_within_an_items_limits(site, rules):
    long = NEWS.replace("云港前十月进出口增两成", "长" * 400).replace(LEAD, LEAD * 900)
    site.pages["/a"] = page(long)
    got = read(site.url("/a"), rules)
    assert len(got.title) <= 300
    assert len(got.text) <= 50_000


def test_markup_in_a_page_is_text_for_us(site, rules):
    evil = NEWS.replace(
        LEAD, f"{LEAD}<img src=x onerror=alert(1)><a href='javascript:alert(1)'>点我</a>\x01"
    )
    site.pages["/a"] = page(evil)
    got = read(site.url("/a"), rules)
    assert "<" not in got.text
    assert "javascript" not in got.text
    assert "\x01" not in got.text


def test_slow_sites_leave_threads_to_others(site, rules):
    """Two are read at a time in a process; whoever comes third is told to wait."""
    site.pages["/slow"] = [threading.Event()]
    patient = dataclasses.replace(rules, seconds=6.0)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(read, site.url("/slow"), patient) for _ in range(3)]
        problems = [each.exception().problem for each in asked]
    assert sorted(problems, key=str) == [Problem.BUSY, Problem.SLOW, Problem.SLOW]
