"""The lines of a CSV file, one string a record, whatever its quotes do.

Owns: which lines a quoted cell joins. Promises: a quote that never closes, or that closes only
after swallowing whole rows, costs the row it stands in and no other, and is reported with the line
it stands on; no record is longer than ``CHARACTERS``; the work is linear in the file's size.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import TextIO

CHARACTERS = 64 * 1024
LINES = 100
_ADDRESS = re.compile(r"\s*[^\s@,;]+@[^\s@,;]+\.[^\s@,;]+\s*")


class Records:
    """Iterates over the records of a file, for the module ``csv``.

    ``fault`` is set where a record could not be had: an empty one stands in its place.
    """

    def __init__(self, file: TextIO, delimiter: str) -> None:
        self.fault: Unclosed | None = None
        self._file, self._delimiter = file, delimiter
        # Lines that an open quote had taken and gave back.
        self._back: deque[str] = deque()
        self._number = self._width = 0

    def __iter__(self) -> Iterator[str]:
        readline, back = self._file.readline, self._back
        # As in _next, a call less for each of millions of lines.
        while line := back.popleft() if back else readline(CHARACTERS):
            self._number += 1
            if not self._width:
                self._width = len(self._cells(line))
            yield line if '"' not in line else self._whole(line)

    def _next(self) -> str:
        self._number += 1
        # A file without line ends must not become one string.
        return self._back.popleft() if self._back else self._file.readline(CHARACTERS)

    def _whole(self, first: str) -> str:
        """The record that begins with a line, or an empty one and the fault."""
        if not left_open(first, self._delimiter):
            return first
        opened, taken, size = self._number, [first], len(first)
        while len(taken) < LINES and size < CHARACTERS and (line := self._next()):
            taken.append(line)
            size += len(line)
            if self._is_row(line):
                break
            if not left_open('"' + line, self._delimiter):
                return "".join(taken)
        self._back.extendleft(reversed(taken[1:]))
        self._number = opened
        self.fault = Unclosed(opened, first)
        return "\n"

    def _is_row(self, line: str) -> bool:
        """Whether a line is a row of its own, and no part of a cell: as wide, with an address."""
        cells = self._cells(line)
        return len(cells) == self._width and any(_ADDRESS.fullmatch(cell) for cell in cells)

    def _cells(self, line: str) -> list[str]:
        return next(csv.reader([line], delimiter=self._delimiter), [])


class Unclosed:
    """A quote on ``line`` that nothing closes; ``text`` is that line."""

    def __init__(self, line: int, text: str) -> None:
        self.line, self.text = line, text


def left_open(line: str, delimiter: str) -> bool:
    """Whether a line ends inside a quoted cell, as the module ``csv`` reads it."""
    at = 0
    while True:
        if line.startswith('"', at):
            at = _after_quoted(line, at + 1)
            if at < 0:
                return True
        at = line.find(delimiter, at) + 1
        if not at:
            return False


def _after_quoted(line: str, at: int) -> int:
    while (at := line.find('"', at)) >= 0:
        if not line.startswith('""', at):
            return at + 1
        at += 2
    return -1
