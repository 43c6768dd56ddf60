"""An issue into an edition: the one entry, ``render``.

Owns: the order of the stages (view, Jinja2, MJML, premailer, text, web page, checks), the ladder of
kinds and the personal slots.
Promises: the same issue and frame give the same bytes. Fails: with RenderingError.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from dongtai_mail.content import Finding, Issue, Severity
from dongtai_mail.rendering.checks import check
from dongtai_mail.rendering.clicks import CountedLink, counted
from dongtai_mail.rendering.colour import PAPER, PAPER_DARK, legible
from dongtai_mail.rendering.compiler import compile_mjml, environment, fill, raw, stylesheet
from dongtai_mail.rendering.complete import missing
from dongtai_mail.rendering.digest import ledes
from dongtai_mail.rendering.inliner import inline_css
from dongtai_mail.rendering.model import CLIPPING_LIMIT, HTML_LIMIT, Frame, Kind, Rendered, Slots
from dongtai_mail.rendering.plain import plain_text
from dongtai_mail.rendering.view import View, view

INLINED = {
    Kind.FULL: ("frame.css", "content.css"),
    Kind.LEAN: ("frame.css",),
    Kind.DIGEST: ("frame.css", "content.css", "digest.css"),
}
_NAMES = {Kind.FULL: "全文版", Kind.LEAN: "精简版", Kind.DIGEST: "摘要版"}


def render(issue: Issue, frame: Frame, kind: Kind | None = None) -> Rendered:
    """The issue as this kind of edition; without a kind, the fullest that clients show whole."""
    return Renderings(issue, frame).rendered(kind)


class Renderings:
    """One issue in one frame, for whoever wants more of it than one kind; each is made once."""

    def __init__(self, issue: Issue, frame: Frame) -> None:
        self._work = _Work(issue, frame)
        self._mails: dict[Kind, _Mail] = {}

    def rendered(self, kind: Kind | None = None) -> Rendered:
        work, findings = self._work, [*self._work.findings]
        mail = self._fitting(findings) if kind is None else self._mail(kind)
        _report_size(findings, mail)
        with work.stage("text"):
            text = plain_text(work.view, work.frame, work.slots, mail.kind)
        with work.stage("check"):
            findings += check(work.view, mail.kind, mail.html, text, work.web_html, work.slots)
        return Rendered(
            kind=mail.kind,
            subject=work.view.subject,
            preheader=work.view.preheader.plain,
            mjml=mail.mjml,
            html=mail.html,
            text=text,
            web_html=work.web_html,
            slots=work.slots,
            findings=tuple(dict.fromkeys(findings)),
            size=mail.size,
            links=mail.links,
            milliseconds=dict(work.milliseconds),
        )

    def sizes(self) -> dict[Kind, int]:
        """The bytes of the HTML part of every kind."""
        return {kind: self._mail(kind).size for kind in Kind}

    def _mail(self, kind: Kind) -> _Mail:
        if kind not in self._mails:
            self._mails[kind] = self._work.mail(kind)
        return self._mails[kind]

    def _fitting(self, findings: list[Finding]) -> _Mail:
        """The first rung of the ladder that fits; the last one if none does."""
        for kind in Kind:
            mail = self._mail(kind)
            if mail.size <= HTML_LIMIT:
                break
            message = f"{_NAMES[kind]}的 HTML 有 {mail.size:,} 字节，超过 {HTML_LIMIT:,} 字节"
            if kind is not Kind.DIGEST:
                findings.append(Finding("edition-too-big", Severity.INFO, message))
        return mail


@dataclass(frozen=True, slots=True)
class _Mail:
    kind: Kind
    mjml: str
    html: str
    size: int
    links: tuple[CountedLink, ...]


@dataclass
class _Work:
    """One rendering under way: what its stages share and what they found."""

    issue: Issue
    frame: Frame
    findings: list[Finding] = field(default_factory=list)
    milliseconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.stage("view"):
            self.findings += missing(self.issue)
            self.view: View = view(self.issue, self.findings.append)
            accents = (legible(self.frame.accent, paper) for paper in (PAPER, PAPER_DARK))
            self.accent, self.accent_dark = accents
        with self.stage("web"):
            self.web_html = self._web_html()
            self.slots = _slots(self.web_html, str(self.view.preheader.html), self.frame.reason)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        passed = (time.perf_counter() - start) * 1_000
        self.milliseconds[name] = self.milliseconds.get(name, 0.0) + passed

    def _css(self, *names: str) -> str:
        return "".join(stylesheet(name, self.accent, self.accent_dark) for name in names)

    def mail(self, kind: Kind) -> _Mail:
        template = environment().get_template("edition.mjml")
        context = self._mail_context(kind)
        with self.stage("jinja"):
            mjml = fill(template, context)
        with self.stage("mjml"):
            html = compile_mjml(mjml, template, context)
        with self.stage("premailer"):
            html = inline_css(html, self._css(*INLINED[kind]))
        links: tuple[CountedLink, ...] = ()
        if self.frame.click_base:
            own = (self.slots.unsubscribe, self.slots.preferences)
            html, links = counted(html, self.frame.click_base, own)
        return _Mail(kind, mjml, html, self._size(html), links)

    def _mail_context(self, kind: Kind) -> dict[str, Any]:
        names = ("content.css", "head.css") if kind is Kind.LEAN else ("head.css",)
        return {
            "view": self.view,
            "frame": self.frame,
            "slots": self.slots,
            "kind": kind.value,
            "web": False,
            "ledes": ledes(self.view) if kind is Kind.DIGEST else {},
            "head_css": raw(self._css(*names)),
        }

    def _web_html(self) -> str:
        """The public page; the mail's table cells are other elements there."""
        css = self._css("frame.css", "content.css", "web.css", "head.css").replace("td.", ".")
        context = {"view": self.view, "frame": self.frame, "web": True, "head_css": raw(css)}
        return fill(environment().get_template("web.html"), context)

    def _size(self, html: str) -> int:
        placeholders = len(self.slots.unsubscribe) + len(self.slots.preferences)
        real = self.frame.unsubscribe_url_length + self.frame.preferences_url_length
        return len(html.encode()) - placeholders + real


def _report_size(findings: list[Finding], mail: _Mail) -> None:
    if mail.size <= HTML_LIMIT:
        return
    severity = Severity.ERROR if mail.size > CLIPPING_LIMIT else Severity.WARNING
    message = (
        f"{_NAMES[mail.kind]}的 HTML 有 {mail.size:,} 字节，超过 {HTML_LIMIT:,} 字节，"
        "Gmail 会截断；改用更小的版本或减少条目"
    )
    findings.append(Finding("size", severity, message))


def _slots(*content: str) -> Slots:
    """Placeholder links that hang on the whole content, so that no content can hold them."""
    nonce = hashlib.sha256("\0".join(content).encode()).hexdigest()[:16]
    base = f"https://personal.invalid/{nonce}"
    return Slots(f"{base}/unsubscribe", f"{base}/preferences")
