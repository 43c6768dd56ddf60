"""Errors of templates are told with the template's line and the item."""

from __future__ import annotations

import pytest
from jinja2 import DictLoader, Environment, StrictUndefined

from dongtai_mail.rendering import RenderingError
from dongtai_mail.rendering.compiler import compile_mjml, fill, stylesheet
from dongtai_mail.rendering.view import view
from tests.rendering.samples import small_issue

OUTER = """<mjml>
<mj-body><mj-section><mj-column>
<mj-text>
{% for section in view.sections %}{% for item in section.items %}{% include "inner" %}{% endfor %}
{% endfor %}
</mj-text>
</mj-column></mj-section></mj-body>
</mjml>
"""
INNER = """<h3>{{ item.title.html }}</h3>
{% if item.cover %}
<p>1 < 2</p>
{% endif %}"""


def _compile(outer: str, inner: str) -> str:
    templates = DictLoader({"outer": outer, "inner": inner})
    environment = Environment(loader=templates, undefined=StrictUndefined, autoescape=True)
    template = environment.get_template("outer")
    context = {"view": view(small_issue(), lambda finding: None)}
    return compile_mjml(fill(template, context), template, context)


def test_a_refused_tag_is_told_with_template_line_and_item() -> None:
    with pytest.raises(RenderingError, match=r"模板 inner 第 3 行，写到“码头账本”时，MJML"):
        _compile(OUTER, INNER)


def test_a_fault_before_the_items_is_told_with_its_line() -> None:
    with pytest.raises(RenderingError, match=r"模板 outer 第 2 行，在第一条之前"):
        _compile(OUTER.replace("<mj-section>", "<mj-section>< "), INNER)


def test_a_tag_out_of_place_is_told_with_its_line() -> None:
    head = "<mj-head>\n<mj-wrong/>\n</mj-head>\n<mj-body>"
    with pytest.raises(RenderingError, match=r"模板 outer 第 3 行，在第一条之前"):
        _compile(OUTER.replace("<mj-body>", head), INNER)


def test_a_missing_value_is_told_with_its_template() -> None:
    with pytest.raises(RenderingError, match=r"模板 outer 填不出来：'nobody' is undefined"):
        _compile(OUTER + "{{ nobody }}", INNER)


def test_a_stylesheet_has_its_colours_and_no_spare_bytes() -> None:
    css = stylesheet("frame.css", "#112233", "#aabbcc")
    assert "border-bottom:2px solid #112233" in css
    assert "ACCENT" not in css
    assert "\n" not in css
