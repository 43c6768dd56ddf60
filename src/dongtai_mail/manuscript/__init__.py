"""Manuscripts: a file becomes content, with findings about it.

Owns: everything between the bytes that editors hand in and ``dongtai_mail.content``.
Promises: nothing in the file gets lost (``Manuscript.uses`` accounts for every line) and the
editors' words are never changed silently. Cost grows linearly with the file.
Fails: ``ManuscriptError`` alone, for a file that cannot be read at all.
"""

from __future__ import annotations

from dongtai_mail.manuscript.export import outline, to_json
from dongtai_mail.manuscript.model import Manuscript, ManuscriptError, Role, Use
from dongtai_mail.manuscript.reading import check, findings_against, read

__all__ = [
    "Manuscript",
    "ManuscriptError",
    "Role",
    "Use",
    "check",
    "findings_against",
    "outline",
    "read",
    "to_json",
]
