"""Colours that can be read: the accent, moved until it passes WCAG AA on its background.

Owns: contrast and the adjusted accent. Promises: an accent that already passes is not touched.
"""

from __future__ import annotations

from functools import cache

PAPER, PAPER_DARK = "#ffffff", "#16181c"
AA = 4.5


@cache
def legible(colour: str, background: str) -> str:
    """The colour, mixed with white or black in small steps until its contrast reaches AA."""
    pole = 255 if _luminance(background) < 0.18 else 0
    channels = _channels(colour)
    for step in range(33):
        mixed = tuple(round(value + (pole - value) * step / 32) for value in channels)
        candidate = "#{:02x}{:02x}{:02x}".format(*mixed)
        if contrast(candidate, background) >= AA:
            break
    return candidate


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def _luminance(colour: str) -> float:
    linear = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
