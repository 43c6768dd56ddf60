"""Mails of our own, made like the issue: the same head, type, colours and dark scheme.

Owns: ``render``, from a few sentences and one link to HTML and text. Fails: ``RenderingError``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dongtai_mail.paths import templates_dir
from dongtai_mail.rendering.colour import PAPER, PAPER_DARK, legible
from dongtai_mail.rendering.compiler import compile_mjml, fill, raw, stylesheet
from dongtai_mail.rendering.inliner import inline_css


@dataclass(frozen=True, slots=True)
class Letter:
    """``masthead`` is the publication; ``button`` names what following ``url`` does."""

    language: str
    masthead: str
    accent: str
    subject: str
    paragraphs: tuple[str, ...]
    button: str
    url: str
    closing: tuple[str, ...]


def render(letter: Letter) -> tuple[str, str]:
    """Return the HTML and the text."""
    accent, dark = (legible(letter.accent, paper) for paper in (PAPER, PAPER_DARK))
    template = _environment().get_template("notice.mjml")
    context = {"letter": letter, "accent": accent, "head_css": raw(_css("head.css", accent, dark))}
    html = compile_mjml(fill(template, context), template, context)
    return inline_css(html, _css("frame.css", accent, dark)), _text(letter)


def _text(letter: Letter) -> str:
    blocks = (letter.masthead, *letter.paragraphs, f"{letter.button}\n{letter.url}")
    return "\n\n".join([*blocks, "-- ", *letter.closing]) + "\n"


def _css(name: str, accent: str, dark: str) -> str:
    return stylesheet(name, accent, dark)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(templates_dir() / "mail"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )
