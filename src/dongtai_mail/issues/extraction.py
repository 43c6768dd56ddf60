"""The article of a page: a program of its own, which a hostile page may break without harm.

Reads {"html", "url"} as JSON and writes {"title", "text", "source", "date"}; ``text`` is Markdown
without links and images. ``issues.reading`` starts it with nothing of ours in its environment.
Promises: no network, no more memory and processor time than its limits.
"""

from __future__ import annotations

import json
import re
import resource
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import lxml.html
import trafilatura

_MEMORY = 1024 * 1024 * 1024
_CPU_SECONDS = 10
# Where the systems that most Chinese sites run on keep the article itself: WeChat, TRS, People's
# Daily, Xinhua, Sina, NetEase. Found there, nothing around it needs to be guessed away.
_ARTICLES = (
    '//*[@id="js_content"]',
    '//*[contains(@class, "TRS_Editor")]',
    '//*[contains(@class, "rm_txt_con")]',
    '//*[@id="detailContent" or @id="p-detail" or @id="artibody" or @id="UCAP-CONTENT"]',
    '//*[contains(@class, "post_body")]',
)
_ARTICLE_LEAST = 40
_NAMED = re.compile(r"(?:信息|稿件|文章)?来\s*源\s*[:：]\s*([^\s|｜<>，。；;（(【\[]{2,30})")
_DATE = re.compile(r"(?<!\d)(20\d\d)\s*[年/.-]\s*(\d{1,2})\s*[月/.-]\s*(\d{1,2})(?!\d)")
_OPENING = 4000
_SITE_AT_END = re.compile(r"\s*[_|｜—–-]+\s*[^_|｜—–-]{2,20}$")
_KINDS = (("list", re.compile(r"[-*+] |\d+[.)] ")), ("table", re.compile(r"\|")))
_HEAD_LINES = 8
_EDGES = " \t\u3000\xa0"


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    json.dump(extract(**json.load(sys.stdin)), sys.stdout)


def extract(html: str, url: str) -> dict[str, str]:
    """What the page says; parts that it doesn't say are empty."""
    tree = trafilatura.load_html(html)
    if tree is None:
        return {"title": "", "text": "", "source": "", "date": ""}
    # A date that is pieced together from anywhere on the page is worse than none.
    careful = {"extensive_search": False, "original_date": True}
    about = trafilatura.extract_metadata(tree, default_url=url, date_config=careful)
    title, source = _title((about and about.title) or "", tree), _source(tree, about)
    return {
        "title": title,
        "text": _text(tree, url, title),
        "source": source,
        "date": (about and about.date) or _date(tree),
    }


def _date(tree: Any) -> str:
    """The first whole date of the page's text, which stands below the title."""
    found = _DATE.search(_opening(tree))
    return "{}-{:0>2}-{:0>2}".format(*found.groups()) if found else ""


def _text(tree: Any, url: str, title: str) -> str:
    article = _article(tree)
    found = trafilatura.extract(
        article if article is not None else tree,
        url=url,
        output_format="markdown",
        include_comments=False,
        include_links=False,
        include_images=False,
        favor_recall=article is not None,
    )
    return "\n".join(_paragraphs(_below(title, found or "")))


def _article(tree: Any) -> Any:
    for path in _ARTICLES:
        for element in tree.xpath(path):
            if len(element.text_content().strip()) >= _ARTICLE_LEAST:
                page = lxml.html.fromstring("<html><body><article></article></body></html>")
                page.find(".//article").append(_as_block(element))
                return page
    return None


def _as_block(element: Any) -> Any:
    """The element as a plain one: some are hidden until a script shows them."""
    element.tag = "div"
    element.attrib.clear()
    element.tail = None
    for section in element.iter("section"):
        section.tag = "div" if section.xpath(".//section | .//p | .//table") else "p"
    return element


def _below(title: str, text: str) -> list[str]:
    """The lines of the text after the title, where the page repeats it above the article."""
    lines = [line.strip(_EDGES) for line in text.splitlines()]
    lines = [line for line in lines if line]
    for number, line in enumerate(lines[:_HEAD_LINES]):
        if title and line.strip("#* ") == title:
            return lines[number + 1 :]
    return lines


def _paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """One paragraph a line, a blank line between them; lists and tables stay together."""
    before: str | None = None
    for number, line in enumerate(lines):
        kind = next((name for name, pattern in _KINDS if pattern.match(line)), "")
        if number and not (kind and kind == before):
            yield ""
        yield line
        before = kind


def _source(tree: Any, about: Any) -> str:
    """Who published it first, as Chinese sites say it above the text; else the site's name."""
    for name in ("source", "contentsource", "ContentSource"):
        for said in tree.xpath(f'//meta[@name="{name}"]/@content'):
            if bare := re.sub(r"^\s*来\s*源\s*[:：]\s*", "", str(said)).strip():
                return bare
    if wechat := tree.xpath('//*[@id="js_name"]'):
        return str(wechat[0].text_content()).strip()
    if named := _NAMED.search(_opening(tree)):
        return named[1]
    site = (about and about.sitename) or ""
    return "" if site == (about and about.hostname) else site


def _opening(tree: Any) -> str:
    body = tree.find(".//body")
    return "" if body is None else " ".join(_visible(body))[:_OPENING]


def _visible(body: Any) -> Iterator[str]:
    """Text without scripts; what is split over elements (来源：<a>…) comes together again."""
    for element in body.iter():
        if element.tag in ("script", "style") or not isinstance(element.tag, str):
            continue
        if element.text:
            yield element.text.strip()
        if element.tail:
            yield element.tail.strip()


def _title(title: str, tree: Any) -> str:
    heads = [str(head.text_content()).strip() for head in tree.xpath("//h1")]
    for head in heads:
        if head and title.startswith(head):
            return head
    bare = _SITE_AT_END.sub("", title).strip()
    return bare if len(bare) >= len(title) / 2 else title.strip()


if __name__ == "__main__":
    main()
