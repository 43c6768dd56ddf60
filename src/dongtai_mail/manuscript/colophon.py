"""The colophon: address, postcode, organisation and telephone at a manuscript's end.

Owns: where it starts and what its lines say.
Promises: lines it cannot place (fax, names) stay with the colophon and are reported. The 内
("in the premises of") after the host's own name belongs to the address, not to the name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from dongtai_mail.content import Colophon, Host
from dongtai_mail.manuscript.model import Line, Role, Use
from dongtai_mail.manuscript.script import columns, is_finished

_LABELS = {
    "address": r"(?:编\s*辑\s*部|联\s*系|通\s*[讯信])?\s*地\s*址",
    "postcode": r"邮\s*政\s*编\s*码|邮\s*编",
    "phone": r"(?:编\s*辑\s*部|联\s*系|咨\s*询)?\s*电\s*话",
    "organisation": r"编\s*辑\s*单\s*位|编\s*印|出\s*版|编\s*辑\s*部|单\s*位",
    "other": r"传\s*真|(?:电\s*子)?\s*邮\s*箱|电\s*子\s*邮\s*件|[Ee]-?mail|网\s*[址站]"
    r"|联\s*系\s*人|(?:责\s*任)?\s*编\s*辑|主\s*编|投\s*稿.{0,4}",
}
_LABEL = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _LABELS.items()))
_MARK = re.compile(rf"(?:(?<=\s)|(?<=[；;，,|])|^)(?:{_LABEL.pattern})\s*[:：]")
_EDGES = " \t\u3000；;，,|"
_LONGEST = 18


@dataclass(slots=True)
class Back:
    """The colophon and the index of its first line."""

    start: int
    colophon: Colophon | None = None
    uses: list[Use] = field(default_factory=list)
    unplaced: list[tuple[int, str]] = field(default_factory=list)


def read(lines: Sequence[Line], host: Host | None) -> Back:
    """Read the colophon at the end of the lines, if there is one."""
    start = _start(lines)
    back = Back(start)
    values: dict[str, str] = {}
    for line in lines[start:]:
        back.uses.append(Use(line.number, Role.COLOPHON, line.text))
        back.unplaced += [(line.number, text) for text in _take(values, line.text, host)]
    if values:
        back.colophon = Colophon(**values)
    return back


def _start(lines: Sequence[Line]) -> int:
    """The first labelled line near the end from which on all lines are short."""
    start = len(lines)
    labelled = 0
    for index in range(len(lines) - 1, max(-1, len(lines) - _LONGEST), -1):
        text = lines[index].text
        if len(text) < 160 and _MARK.match(text):
            start, labelled = index, labelled + 1
        elif columns(text) > 60 or is_finished(text):
            break
    return start if labelled else len(lines)


def _take(values: dict[str, str], text: str, host: Host | None) -> list[str]:
    """Take what a line says into the values; the answer is what has no place there."""
    marks = list(_MARK.finditer(text))
    if not marks:
        return _take_organisation(values, text, host)
    rest = [text[: marks[0].start()].strip()] if marks[0].start() else []
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        name, end = str(mark.lastgroup), following.start() if following else None
        value = text[mark.end() : end].strip(_EDGES)
        if name == "other" or name in values:
            rest.append(text[mark.start() : end].strip(_EDGES))
        elif value:
            values[name] = value
    return rest


def _take_organisation(values: dict[str, str], text: str, host: Host | None) -> list[str]:
    if "organisation" in values:
        return [text]
    values["organisation"] = host.name if host and text == f"{host.name}内" else text
    return []
