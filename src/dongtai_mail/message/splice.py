"""Base64 text with gaps of fixed length, filled per reader.

Owns: cutting a text part at its placeholders into octets encoded once and `Splice`\\ s.
Promises: the joined pieces are the base64 of the text with the values in place, CRLF line ends
inside (RFC 2045, 6.8) and 76 characters a line outside, whatever the values are; a filled splice
always has its ``size``.
Fails: `SpliceError` where a placeholder is missing or values cannot fit.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass

# Octets in a line of 76 characters.
_LINE = 57


class SpliceError(ValueError):
    """Placeholders and text that do not fit together."""


@dataclass(frozen=True, slots=True)
class Splice:
    """Whole base64 lines with gaps: ``first``, then each slot's value and what follows it.

    ``size`` is the octets of the lines.
    """

    first: bytes
    rest: tuple[tuple[int, bytes], ...]
    size: int

    def fill(self, values: Sequence[bytes]) -> bytes:
        """Return the lines with the values in their gaps; each has its slot's length."""
        octets = self.first
        for slot, literal in self.rest:
            octets += values[slot] + literal
        return base64_lines(octets)


def spliced(text: str, slots: Sequence[str], lengths: Sequence[int]) -> list[bytes | Splice]:
    """Cut a text at its placeholders; ``lengths`` are the octets of their values."""
    content, gaps = _measured(_canonical(text), slots, lengths)
    pieces: list[bytes | Splice] = []
    done = 0
    for group in _grouped(gaps):
        start = group[0].start // _LINE * _LINE
        stop = min(-(-group[-1].stop // _LINE) * _LINE, len(content))
        pieces.append(base64_lines(content[done:start]))
        pieces.append(_splice(content, start, stop, group))
        done = stop
    pieces.append(base64_lines(content[done:]))
    return [piece for piece in pieces if piece]


def base64_lines(octets: bytes) -> bytes:
    """Encode into lines of 76 characters with CRLF; the octets begin a line."""
    encoded = b2a_base64(octets, newline=False)
    return b"".join([encoded[at : at + 76] + b"\r\n" for at in range(0, len(encoded), 76)])


@dataclass(frozen=True, slots=True)
class _Gap:
    start: int
    stop: int
    slot: int


def _canonical(text: str) -> bytes:
    try:
        return re.sub(r"\r\n|\r|\n", "\r\n", text).encode()
    except UnicodeEncodeError as error:
        raise SpliceError(f"character {error.start} of the text is half a surrogate pair") from None


def _measured(
    content: bytes, slots: Sequence[str], lengths: Sequence[int]
) -> tuple[bytes, list[_Gap]]:
    """Replace placeholders by fillers as long as the values, and note where they stand."""
    numbers = {slot.encode(): number for number, slot in enumerate(slots)}
    _check_slots(content, numbers, lengths)
    if not numbers:
        return content, []
    # The longest first, in case one placeholder begins another.
    pattern = b"|".join(re.escape(slot) for slot in sorted(numbers, key=len, reverse=True))
    filled: list[bytes] = []
    gaps: list[_Gap] = []
    position = 0
    for chunk in re.split(b"(" + pattern + b")", content):
        number = numbers.get(chunk)
        size = len(chunk) if number is None else lengths[number]
        if number is not None:
            gaps.append(_Gap(position, position + size, number))
        filled.append(chunk if number is None else bytes(size))
        position += size
    return b"".join(filled), gaps


def _check_slots(content: bytes, numbers: dict[bytes, int], lengths: Sequence[int]) -> None:
    if len(numbers) != len(lengths) or b"" in numbers or min(lengths, default=1) < 1:
        raise SpliceError("each slot needs a placeholder of its own and a length of at least 1")
    for slot in numbers:
        if slot not in content:
            raise SpliceError(f"placeholder {slot.decode()!r} is not in the text or HTML part")


def _grouped(gaps: Sequence[_Gap]) -> list[list[_Gap]]:
    """Put gaps together whose lines touch or overlap."""
    groups: list[list[_Gap]] = []
    for gap in gaps:
        if groups and gap.start // _LINE <= (groups[-1][-1].stop - 1) // _LINE + 1:
            groups[-1].append(gap)
        else:
            groups.append([gap])
    return groups


def _splice(content: bytes, start: int, stop: int, gaps: Sequence[_Gap]) -> Splice:
    stops = [*(gap.start for gap in gaps), stop]
    rest = tuple(
        (gap.slot, content[gap.stop : following])
        for gap, following in zip(gaps, stops[1:], strict=True)
    )
    return Splice(content[start : stops[0]], rest, len(base64_lines(content[start:stop])))
