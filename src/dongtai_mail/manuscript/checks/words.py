"""Words that stand twice, or do not belong.

Repetition is ordinary Chinese (人人, 天天, 研究研究, 壹玖壹玖), and two words may meet in one
character (现在|在线): only what is never right is reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dongtai_mail.content import Finding, Severity
from dongtai_mail.manuscript.model import Draft, Passage, Role
from dongtai_mail.manuscript.script import HAN, shortened

_SINGLE = re.compile(
    r"的的(?![确士])|(?<!是)是是(?![非否])|(?<!不)了了(?![解之然])|被被(?!子)|也也|们们|这这|它它"
)
_DOUBLED = re.compile(r"的的|是是|了了|被被|也也|们们|这这|它它")
_PHRASE = re.compile(rf"([{HAN}]{{2,5}})\1")
# These begin with one character of a class, which a search finds faster than a repeated one.
_DATED = re.compile(r"(\d\d{0,3} ?[年月日]) ?\1")
_LATIN = re.compile(r"([A-Za-z](?<!\w[A-Za-z])[A-Za-z]{1,29})\s+\1\b")
_NUMERALS = frozenset("〇零一二三四五六七八九十百千万亿壹贰叁肆伍陆柒捌玖拾两每")
_DOUBLED_IN_SPEECH = re.compile(
    r"研究|讨论|商量|考虑|了解|休息|非常|许多|很多|学习|锻炼|放松|体验|尝试|交流|沟通|"
    r"观察|关心|检查|打听|介绍|活动|加油|好的|什么|十分|特别|打扮|收拾|整理|准备|照顾|"
    r"比较|感受|认识|调整|评估|参考|反思|总结|滴答|叮咚|谢谢|永远|好久"
)
_STRAY = re.compile(rf"(etc\.?|and|or|the|of) ?(?=[{HAN}])")
_CHINESE = re.compile(f"[{HAN}、，]")
_PLACEHOLDER = re.compile(
    r"[TF待（Xx×?？](?:(?<=T)ODO|(?<=F)IXME|(?<=待)补充|(?<=待)核实|(?<=（)待定）"
    r"|(?<=[Xx×])[Xx×]{0,3} ?月 ?[Xx×]{1,4} ?日|(?<=[?？])[?？]{2,})"
)
_PAUSE = re.compile("[，。；！？]")
_CLAUSE_SHORTEST = 10
_SENTENCE_END = re.compile(r"(?<=[。！？])")
_SENTENCE_SHORTEST = 18


def check(draft: Draft) -> Iterator[Finding]:
    sentences: dict[tuple[str | None, str], tuple[Passage, int]] = {}
    for passage in draft.passages:
        if passage.role is Role.SOURCE_LINE:
            continue
        yield from _repeated(passage)
        yield from _stray(passage)
        if passage.role is Role.BODY:
            yield from _clauses(passage)
            yield from _sentences(passage, sentences)


def _repeated(passage: Passage) -> Iterator[Finding]:
    if _DOUBLED.search(passage.text):
        for match in _SINGLE.finditer(passage.text):
            yield _twice(passage, match, match[0][-1])
    for match in _PHRASE.finditer(passage.text):
        if not _is_ordinary(passage.text, match):
            yield _twice(passage, match, match[1])
    for pattern in (_DATED, _LATIN):
        for match in pattern.finditer(passage.text):
            yield _twice(passage, match, match[1])


def _is_ordinary(text: str, match: re.Match[str]) -> bool:
    word = match[1]
    if len(set(word)) == 1 or word[0] in _NUMERALS or _DOUBLED_IN_SPEECH.fullmatch(word):
        return True
    return word == "数据" and text[match.start() - 1 : match.start()] == "大"


def _twice(passage: Passage, match: re.Match[str], once: str) -> Finding:
    start, end = match.span()
    shown = passage.text[max(0, start - 6) : end + 6]
    message = f"“{shown}”中的“{match[0]}”像是重复了。"
    return _finding("word-repeated", passage, start, message, once)


def _stray(passage: Passage) -> Iterator[Finding]:
    for match in _STRAY.finditer(passage.text):
        if not _CHINESE.match(passage.text[: match.start()][-2:].rstrip(" ")[-1:]):
            continue
        shown = passage.text[max(0, match.start() - 8) : match.end() + 8]
        instead = "等" if match[1].startswith("etc") else None
        message = f"“{shown}”里夹着英文“{match[1]}”。"
        yield _finding("word-stray", passage, match.start(), message, instead)
    for match in _PLACEHOLDER.finditer(passage.text):
        message = f"“{match[0]}”像是没有填完的地方。"
        yield _finding("placeholder", passage, match.start(), message, None)


def _clauses(passage: Passage) -> Iterator[Finding]:
    """The same clause twice running, as a slip of copy and paste leaves it."""
    before, offset = "", 0
    for clause in _PAUSE.split(passage.text):
        at, offset = offset, offset + len(clause) + 1
        if len(clause) < _CLAUSE_SHORTEST:
            continue
        if clause == before:
            message = f"这一句重复了两遍：“{shortened(clause)}”。"
            yield _finding("clause-repeated", passage, at, message, None)
        before = clause


def _sentences(
    passage: Passage, seen: dict[tuple[str | None, str], tuple[Passage, int]]
) -> Iterator[Finding]:
    offset = 0
    for sentence in _SENTENCE_END.split(passage.text):
        at, offset = offset, offset + len(sentence)
        if len(sentence) < _SENTENCE_SHORTEST or not sentence.endswith(("。", "！", "？")):
            continue
        first, there = seen.setdefault((passage.item, sentence), (passage, at))
        if first is not passage or there != at:
            line = first.line_at(there)
            where = f"（第 {line} 行）" if line else ""
            message = f"这句话在同一条里出现过{where}：“{shortened(sentence)}”。"
            yield _finding("sentence-repeated", passage, at, message, None)


def _finding(code: str, passage: Passage, at: int, message: str, instead: str | None) -> Finding:
    line = passage.line_at(at)
    return Finding(code, Severity.WARNING, message, line, passage.item, instead)
