"""Charts as plain geometry, which templates write as SVG: no script, no style, legible in grey.

Promises: columns begin at zero; lengths across are per cent, so that letters keep their size on a
phone; the first, the last and the highest column are labelled, all of them where there is room, and
others by their title.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 120
# Above the columns stands a number, below them a label.
TOP, BOTTOM = 20, 22
# So many letters stand beside each other on a phone.
ROOM = 45


@dataclass(frozen=True, slots=True)
class Point:
    """``label`` names the column, ``text`` is its value as people read it."""

    label: str
    value: float
    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """``x``, ``width`` and ``middle`` in per cent; ``y`` and ``height`` in pixels."""

    x: str
    width: str
    middle: str
    anchor: str
    y: float
    height: float
    point: Point
    shown: bool


@dataclass(frozen=True, slots=True)
class Chart:
    columns: list[Column]
    height: int = HEIGHT + TOP + BOTTOM
    base: int = HEIGHT + TOP


def columns(points: Sequence[Point]) -> Chart:
    """One column a point, in their order."""
    if not points:
        return Chart([])
    highest = max(point.value for point in points) or 1
    top = max(range(len(points)), key=lambda place: points[place].value)
    labelled = {0, len(points) - 1}
    # A label needs room: the highest gets one where it doesn't stand beside the first or last.
    apart = max(1, len(points) // 6)
    if all(abs(top - other) > apart for other in labelled):
        labelled.add(top)
    few = len(points) * max(_width(point.label) for point in points) <= ROOM
    return Chart(
        [
            _column(place, len(points), point, highest, few or place in labelled or place == top)
            for place, point in enumerate(points)
        ]
    )


def _width(label: str) -> int:
    """In letters; a Chinese character is as wide as two."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in label)


def _column(place: int, count: int, point: Point, highest: float, shown: bool) -> Column:
    step = 100 / count
    width = min(step * 0.7, 12)
    middle = step * (place + 0.5)
    height = round(HEIGHT * point.value / highest, 1)
    return Column(
        x=f"{middle - width / 2:.3f}%",
        width=f"{width:.3f}%",
        middle=f"{middle:.3f}%",
        anchor="start" if middle < 8 else "end" if middle > 92 else "middle",
        y=TOP + HEIGHT - height,
        height=height,
        point=point,
        shown=shown,
    )
