from __future__ import annotations
from dongtai_mail.manuscript.model import Draft
def run(draft: Draft): return []
def draft_of(issue): ...
