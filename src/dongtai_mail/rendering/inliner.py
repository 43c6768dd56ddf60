"""CSS into style attributes: premailer, behind one function, so that it can be replaced.

Owns: how premailer is kept from spoiling MJML's HTML. Its defaults drop a lower-case doctype, strip
``!important``, rewrite kept media queries and fetch from the network.
Promises: only the given CSS is inlined; what MJML wrote into ``<style>`` stays byte for byte.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from typing import Any

from lxml import etree
from premailer import Premailer


class _Inliner(Premailer):  # type: ignore[misc]  # It ships no types.
    """Premailer that reads a stylesheet once and leaves MJML's width and align attributes alone."""

    def _parse_style_rules(self, css_body: str, ruleset_index: int) -> Any:
        return _parsed_rules(css_body, ruleset_index)

    def _style_to_basic_html_attributes(self, *args: Any, **kwargs: Any) -> None:
        pass


@cache
def _parsed_rules(css: str, index: int) -> Any:
    reader = Premailer(strip_important=False, disable_validation=True)
    return Premailer._parse_style_rules(reader, css, index)


def inline_css(html: str, css: str) -> str:
    """The HTML with the CSS in its elements' style attributes."""
    html = re.sub(r"^\s*<!doctype html>", "<!DOCTYPE html>", html, count=1, flags=re.IGNORECASE)
    html = html.replace("<style", '<style data-premailer="ignore"')
    tree = etree.fromstring(html, etree.HTMLParser(huge_tree=True))
    inliner = _Inliner(
        tree,
        css_text=css,
        strip_important=False,
        allow_network=False,
        disable_validation=True,
        disable_leftover_css=True,
        align_floating_images=False,
        cssutils_logging_level=logging.CRITICAL,
    )
    inlined = etree.tostring(inliner.transform(), method="html", encoding="utf-8")
    return str(inlined, "utf-8")
