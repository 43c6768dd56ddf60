"""From a view to compiled HTML: Jinja2, then MJML; and where an error of either lies.

Owns: the Jinja environment, the one call of the MJML compiler, the translation of its byte offsets.
Promises: everything from an issue is escaped before the compiler sees it.
Fails: with RenderingError, which names the template, its line and the item being written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError
from lxml import etree
from markupsafe import Markup
from mjml import mjml2html

from dongtai_mail.paths import templates_dir
from dongtai_mail.rendering.model import RenderingError

Context = Mapping[str, Any]


@cache
def environment() -> Environment:
    """The issue's templates; cached, because compiling them takes longer than an issue."""
    return Environment(
        loader=FileSystemLoader(templates_dir() / "issue"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
    )


@cache
def stylesheet(name: str, accent: str, accent_dark: str) -> str:
    """A CSS file of the theme with its colours put in and its spaces taken out."""
    css = (templates_dir() / "issue" / name).read_text(encoding="utf-8")
    css = css.replace("ACCENT", accent).replace("DARK", accent_dark)
    return re.sub(r"\s+", " ", re.sub(r"\s*([{};,])\s*|(?<=:) +", r"\1", css)).strip()


def fill(template: Template, context: Context) -> str:
    """The template with the context in it."""
    try:
        return template.render(context)
    except TemplateError as error:
        raise RenderingError(f"模板 {template.name} 填不出来：{error}。请改模板。") from error


def compile_mjml(mjml: str, template: Template, context: Context) -> str:
    """The HTML of an MJML document that ``fill`` made of the template and context."""
    try:
        return str(mjml2html(mjml))
    except ValueError as error:
        raise RenderingError(_located(str(error), mjml, template, context)) from error


def _located(message: str, mjml: str, template: Template, context: Context) -> str:
    offset = _offset(message, mjml)
    if offset is None:
        return f"模板 {template.name}，MJML 不接受：{message}"
    name, line = _template_line(template, context, offset)
    place = f"模板 {name} 第 {line} 行"
    item = _item_before(mjml[:offset], context)
    if item is None:
        return f"{place}，在第一条之前，MJML 不接受：{message}"
    return f"{place}，写到“{item}”时，MJML 不接受：{message}"


def _offset(message: str, mjml: str) -> int | None:
    """Where the fault is, in characters; the compiler often does not say, an XML parser does."""
    parser: Any = etree.XMLParser(recover=True, resolve_entities=False)
    etree.fromstring(mjml.encode(), parser)
    lines = mjml.splitlines(keepends=True)
    offsets: list[int] = [
        sum(map(len, lines[: entry.line - 1])) + max(entry.column - 2, 0)
        for entry in parser.error_log
        if "UNDECLARED_ENTITY" not in entry.type_name
    ]
    if found := re.search(r"\bat position (\d+)", message):
        offsets.append(len(mjml.encode()[: int(found[1])].decode(errors="ignore")))
    return min(offsets, default=None)


def _template_line(template: Template, context: Context, offset: int) -> tuple[str, int]:
    """The template's line that wrote the character at this offset of its output."""
    chunks = template.root_render_func(template.new_context(dict(context)))
    written = 0
    for chunk in chunks:
        if written + len(chunk) > offset:
            name, line = _writing(chunks, template)
            return name, line + chunk[: offset - written].count("\n")
        written += len(chunk)
    return template.name or "", 0


def _writing(chunks: Iterator[str], template: Template) -> tuple[str, int]:
    """The template, or the one it includes, and the line where a suspended rendering stands."""
    suspended: Any = chunks
    frame = suspended.gi_frame
    # Jinja's code for an include keeps the included rendering in a variable of this name.
    while included := frame.f_locals.get("gen"):
        if included.gi_frame is None:
            break
        frame = included.gi_frame
    name = str(frame.f_globals["name"])
    source = template.environment.get_template(name)
    return name, source.get_corresponding_lineno(frame.f_lineno)


def _item_before(written: str, context: Context) -> str | None:
    """The title that was written last."""
    view = context.get("view")
    titles = [item.title for item in view.items] if view else []
    last = max(titles, key=lambda title: written.rfind(f">{title.html}<"), default=None)
    if last is None or f">{last.html}<" not in written:
        return None
    return str(last.plain)


def raw(css: str) -> Markup:
    """Our own CSS, which autoescaping would spoil."""
    return Markup(css)  # noqa: S704 - ours, and the colours in it were checked by Frame.
