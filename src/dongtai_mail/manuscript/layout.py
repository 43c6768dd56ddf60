"""The layout: what a file's lines have in common, and by which signs they are parted.

Owns: the file's habits: wrap, gaps, trailing spaces, indents, spaces between scripts.
Promises: a habit is one only where most places show it; linear in the lines.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dongtai_mail.manuscript.model import Line
from dongtai_mail.manuscript.script import spacing
from dongtai_mail.manuscript.wrap import Wrap


@dataclass(frozen=True, slots=True)
class Layout:
    """``gap`` is that between the lines of one paragraph; ``gaps`` tells of wider ones around.

    ``turning`` tells that the spaces which end paragraphs are there at the ends of pages, too.
    """

    wrap: Wrap
    gap: int
    trailing: bool
    turning: bool
    gaps: bool
    indents: bool
    spaced: bool

    @classmethod
    def of(cls, lines: Sequence[Line]) -> Layout:
        wrap = Wrap.of([line.text for line in lines])
        pairs = list(itertools.pairwise(lines))
        inner = [(a, b) for a, b in pairs if wrap.is_cut(a.text)] or pairs
        gaps = Counter(b.gap for _, b in inner)
        gap = gaps.most_common(1)[0][0] if gaps else 0
        short = [
            (a, b)
            for a, b in pairs
            if wrap.width and a.text.endswith("。") and wrap.room(a.text) > wrap.width * 0.2
        ]
        turns = [a.trailing for a, b in pairs if b.new_page or b.gap < gap]
        some, many = spacing(line.text for line in lines)
        return cls(
            wrap=wrap,
            gap=gap,
            trailing=_mostly(a.trailing for a, _ in short)
            and not _mostly((a.trailing for a, _ in inner), 0.5),
            turning=any(turns),
            gaps=_mostly(b.gap > gap for _, b in short),
            indents=_mostly(b.indent >= 2 for _, b in short if not _is_structure(b.text)),
            spaced=some > many,
        )


def _is_structure(text: str) -> bool:
    return text.startswith(("【", "来源", "●", "#")) or len(text) < 12


def _mostly(flags: Iterable[bool], share: float = 0.85) -> bool:
    values = list(flags)
    return len(values) >= 3 and sum(values) >= share * len(values)
