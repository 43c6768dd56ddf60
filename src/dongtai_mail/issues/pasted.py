"""The reader behind ``pasting``: a stream of safe tags into blocks.

Owns: paragraphs and their marks, lists (Word's are paragraphs that only look like lists), tables,
pictures. Promises: nesting of any depth costs linear time and no recursion.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple

from dongtai_mail.content import Block, Image, ListBlock, Paragraph, Subheading, Table

_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BREAKING = frozenset(
    {"p", "div", "section", "article", "blockquote", "pre", "center", "figure", "figcaption"}
    | {"ul", "ol", "li", "dl", "dt", "dd", "hr", "table", "caption", *_HEADINGS}
)
_BOLD = re.compile(r"(?<![\w-])font-weight:\s*(bold|[6-9]00)")
_LIGHT = re.compile(r"(?<![\w-])font-weight:\s*(normal|[1-4]00|lighter)")
_WORD_LIST = re.compile(r"mso-list:\s*(l\d+)")
_MARKER = re.compile(r"mso-list:\s*ignore", re.IGNORECASE)
_COUNTED = re.compile(r"\(?([0-9]{1,9}|[a-zA-Z]{1,4}|[一二三四五六七八九十百]+)[.、)）]")
_RUN = re.compile(r"[ \t\r\n\f\v\xa0]+")
_WIDE = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\u2014\u2018-\u201d\u2026]")
_ESCAPING = re.compile(r"\\(?=[!-/:-@\[-`{-~]|$)", re.MULTILINE)
_ADDRESS = re.compile(r"(?:https?://[^/\s]|mailto:[^\s@]+@)[^\s]*", re.IGNORECASE)
DEEPEST = 200
_SECURE = re.compile(r"https://[!-~]+")


class _Text(NamedTuple):
    text: str
    bold: bool = False
    slanted: bool = False
    href: str = ""


class _ListItem(NamedTuple):
    """``key`` tells one list from the next; ``number`` is None for bullets."""

    key: str
    number: int | None
    text: str


@dataclass
class _TableUnderWay:
    rows: list[list[str]] = field(default_factory=list)
    pictures: list[Image] = field(default_factory=list)


@dataclass
class Reader(HTMLParser):
    """Feed it nh3's output, then ``finish``."""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Block | _ListItem] = []
        self.texts: list[_Text] = []
        self.open: list[tuple[str, bool, bool, str]] = []
        self.lists: list[tuple[str, int]] = []
        self.tables: list[_TableUnderWay] = []
        self.word_list = ""
        self.marker: str | None = None
        self.muted = 0
        self.lists_seen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "br":
            self._push("\n\n" if self.texts and self.texts[-1].text == "\n" else "\n", raw=True)
        elif tag == "img":
            self._picture(said)
        elif tag == "hr":
            self._end_block("p")
        else:
            self._begin(tag, said)

    def _begin(self, tag: str, said: dict[str, str]) -> None:
        if tag in _BREAKING and not (self.tables and tag not in ("table",)):
            self._end_block(self._around())
        elif self.tables and tag in _BREAKING:
            self._push(" ")
        style = said.get("style", "")
        _tag, bold, slanted, href = self.open[-1] if self.open else ("", False, False, "")
        bold = bold or tag in ("b", "strong") or bool(_BOLD.search(style))
        bold = bold and not _LIGHT.search(style)
        slanted = slanted or tag in ("i", "em")
        if len(self.open) >= DEEPEST:
            return
        self.open.append((tag, bold, slanted, said.get("href", "") if tag == "a" else href))
        if tag == "span" and _MARKER.search(style):
            self.muted, self.marker = len(self.open), ""
        elif tag == "p":
            listed = _WORD_LIST.search(style)
            self.word_list = listed[1] if listed else ""
        elif tag in ("ul", "ol"):
            self._begin_list(tag, said)
        elif tag == "table":
            self.tables.append(_TableUnderWay())
        elif tag == "tr" and self.tables:
            self.tables[-1].rows.append([])
        elif tag in ("td", "th") and self.tables:
            self._begin_cell(said)

    def _begin_list(self, tag: str, said: dict[str, str]) -> None:
        self.lists_seen += 1
        start = said.get("start", "")
        number = int(start) if start.isdigit() and len(start) < 9 else 1
        outer = self.lists[-1][0] if self.lists else ""
        # A list within a list goes on with the outer one: an email has one indent.
        self.lists.append((outer or f"{tag}{self.lists_seen}", number))

    def _begin_cell(self, said: dict[str, str]) -> None:
        span = said.get("colspan", "")
        rows = self.tables[-1].rows or [[]]
        self.tables[-1].rows = rows
        wide = min(int(span), 20) if span.isdigit() and len(span) < 4 else 1
        rows[-1].append("\0" * (wide - 1))

    def handle_endtag(self, tag: str) -> None:
        if tag not in {each[0] for each in self.open}:
            return
        if tag in ("td", "th") and self.tables:
            self._end_cell()
        elif tag == "table" and self.tables:
            self._end_table()
        elif tag in _BREAKING and not self.tables:
            self._end_block(self._around())
        while self.open.pop()[0] != tag:
            continue
        if tag in ("ul", "ol") and self.lists:
            self.lists.pop()
        if len(self.open) < self.muted:
            self.muted = 0

    def handle_data(self, data: str) -> None:
        if self.muted:
            self.marker = (self.marker or "") + data
        elif data:
            self._push(data)

    def _push(self, data: str, *, raw: bool = False) -> None:
        _tag, bold, slanted, href = self.open[-1] if self.open else ("", False, False, "")
        self.texts.append(
            _Text("\n" if raw else _RUN.sub(_space, data), bold, slanted, href if not raw else "")
        )

    def _picture(self, said: dict[str, str]) -> None:
        src = next(
            (said[name] for name in ("data-src", "src") if _SECURE.fullmatch(said.get(name, ""))),
            None,
        )
        if src is None:
            return
        image = Image(src, " ".join(said.get("alt", "").split()), said.get("title", "") or None)
        if self.tables:
            self.tables[-1].pictures.append(image)
            return
        self._end_block(self._around())
        self.found.append(image)

    def _around(self) -> str:
        """The innermost element that says what a text is."""
        for tag, *_marks in reversed(self.open):
            if tag in _HEADINGS or tag in ("li", "p", "figcaption"):
                return "h" if tag in _HEADINGS else tag
        return "p"

    def _end_block(self, around: str) -> None:
        texts, self.texts = self.texts, []
        marker, self.marker = self.marker, None
        inside_list = bool(self.lists) and around in ("li", "p")
        for text in _written(texts):
            if around == "h":
                self.found.append(Subheading(" ".join(text.split())))
            elif around == "figcaption" and self.found and isinstance(self.found[-1], Image):
                self.found[-1] = Image(self.found[-1].src, self.found[-1].alt, _bare(text))
            elif inside_list:
                self._list_item(text)
            elif self.word_list:
                number = _number(marker or "")
                key = f"{self.word_list}{'' if number is None else 'n'}"
                self.found.append(_ListItem(key, number, " ".join(text.split())))
            else:
                self.found.append(Paragraph(text))

    def _list_item(self, text: str) -> None:
        key, number = self.lists[-1]
        ordered = key.startswith("ol")
        self.found.append(_ListItem(key, number if ordered else None, " ".join(text.split())))
        self.lists[-1] = (key, number + 1)

    def _end_cell(self) -> None:
        texts, self.texts = self.texts, []
        row = self.tables[-1].rows[-1] if self.tables[-1].rows else []
        if row:
            spare = row.pop().count("\0")
            row += [" ".join(" ".join(_written(texts)).split()), *[""] * spare]

    def _end_table(self) -> None:
        table = self.tables.pop()
        self.texts = []
        rows = [row for row in table.rows if any(row)]
        if self.tables:
            self.texts.append(_Text(" ".join(cell for row in rows for cell in row)))
            self.tables[-1].pictures += table.pictures
            return
        if rows and max(map(len, rows)) > 1:
            self.found.append(Table(tuple(map(tuple, rows))))
        else:
            # One column is a box around text, as WeChat's templates draw it.
            self.found += [Paragraph(row[0]) for row in rows]
        self.found += table.pictures

    def finish(self) -> Iterator[Block]:
        """The blocks; neighbouring items of one list are one list."""
        while self.tables:
            self._end_table()
        self._end_block("p")
        waiting: list[_ListItem] = []
        for each in self.found:
            if isinstance(each, _ListItem):
                if waiting and waiting[0].key != each.key:
                    yield _list(waiting)
                    waiting = []
                waiting.append(each)
                continue
            if waiting:
                yield _list(waiting)
                waiting = []
            yield each
        if waiting:
            yield _list(waiting)


def _list(items: list[_ListItem]) -> ListBlock:
    start = items[0].number
    texts = tuple(item.text for item in items)
    return ListBlock(texts) if start is None else ListBlock(texts, ordered=True, start=start)


def _number(marker: str) -> int | None:
    counted = _COUNTED.match(marker.strip())
    if counted is None:
        return None
    return int(counted[1]) if counted[1].isascii() and counted[1].isdigit() else 1


def _space(found: re.Match[str]) -> str:
    """A line's end between two Chinese characters is how the file was wrapped, not a space."""
    text, start, end = found.string, found.start(), found.end()
    inside = "\n" in found[0] and start and end < len(text)
    return "" if inside and _WIDE.match(text[start - 1]) and _WIDE.match(text[end]) else " "


def _bare(text: str) -> str:
    return " ".join(_ESCAPING.sub("", text).replace("**", "").split())


def _written(texts: list[_Text]) -> Iterator[str]:
    """Marked texts as inline Markdown, one string a paragraph; two line ends part paragraphs."""
    links = "](" in "".join(each.text for each in texts)
    written = "".join(_run(run, links=links) for run in _merged(texts))
    for paragraph in re.split(r"\n[ \t\u3000]*\n\s*", written):
        lines = (line.strip() for line in paragraph.split("\n"))
        text = "\n".join(re.sub(r" {2,}", " ", line) for line in lines if line)
        if text:
            yield text


def _merged(texts: list[_Text]) -> Iterator[_Text]:
    """Neighbours with the same marks as one; marks that would run into each other are left out."""
    last: _Text | None = None
    for each in texts:
        if each.bold or each.href:
            each = each._replace(slanted=False)
        if not each.text.strip() and last is not None and not each.href:
            # Space belongs to what stands before it.
            each = each._replace(bold=last.bold, slanted=last.slanted, href=last.href)
        if last is not None and last[1:] == each[1:]:
            last = last._replace(text=last.text + each.text)
            continue
        if last is not None:
            yield last
            if last.bold and each.slanted and not last.text[-1:].isspace():
                each = each._replace(slanted=False)
        last = each
    if last is not None:
        yield last


def _run(run: _Text, *, links: bool) -> str:
    text = run.text
    bare = text.strip()
    if not bare:
        return text
    lead, tail = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
    mark = "**" if run.bold else "*" if run.slanted else ""
    # A mark holds one line: what is bold over several lines is bold line by line.
    lines = [_escaped(line.strip(), links=links or bool(run.href)) for line in bare.split("\n")]
    said = "\n".join(f"{mark}{line}{mark}" if line else "" for line in lines)
    if run.href and _ADDRESS.fullmatch(run.href) and "\n" not in said:
        said = f"[{said}]({_target(run.href)})"
    return f"{lead}{said}{tail}"


def _escaped(text: str, *, links: bool) -> str:
    text = _ESCAPING.sub(r"\\\\", text).replace("*", "\\*")
    return text.replace("[", "\\[").replace("]", "\\]") if links else text


def _target(href: str) -> str:
    return href.replace("(", "%28").replace(")", "%29").replace("<", "%3C").replace(">", "%3E")
