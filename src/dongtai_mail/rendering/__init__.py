"""Rendering: an issue as mail parts and as a public page. Pure: no Django, no network.

Owns: the way content → Jinja2 → MJML → premailer → checks. Start at ``render``.
"""

from dongtai_mail.rendering.cli import message_findings, write_output
from dongtai_mail.rendering.clicks import CountedLink
from dongtai_mail.rendering.complete import complete
from dongtai_mail.rendering.edition import Renderings, render
from dongtai_mail.rendering.model import (
    CLIPPING_LIMIT,
    HTML_LIMIT,
    Frame,
    Kind,
    Rendered,
    RenderingError,
    Slots,
)

__all__ = [
    "CLIPPING_LIMIT",
    "HTML_LIMIT",
    "CountedLink",
    "Frame",
    "Kind",
    "Rendered",
    "RenderingError",
    "Renderings",
    "Slots",
    "complete",
    "message_findings",
    "render",
    "write_output",
]
