"""Publications and their issues, and the editions frozen from them.

Owns: what editors write (issue, section, item, with their history), the manuscript it came from,
the edition (one issue rendered, hashed and never changed again) and the reviews of editions.
Promises: an edition's row refuses to be saved twice, so that what was approved is what is sent.
Fails: with ``ValidationError`` or an ``IntegrityError`` of the database, never half.
"""

from dongtai_mail.issues.models.approving import Edition, Review
from dongtai_mail.issues.models.clicks import ClickCount, EditionLink
from dongtai_mail.issues.models.likeness import Shingle, Sketch
from dongtai_mail.issues.models.publication import (
    Publication,
    validate_colour,
    validate_domain,
    validate_timezone,
)
from dongtai_mail.issues.models.writing import (
    Comment,
    IgnoredFinding,
    Issue,
    Item,
    LinkCheck,
    Manuscript,
    ManuscriptDraft,
    Revision,
    Section,
)

__all__ = [
    "ClickCount",
    "Comment",
    "Edition",
    "EditionLink",
    "IgnoredFinding",
    "Issue",
    "Item",
    "LinkCheck",
    "Manuscript",
    "ManuscriptDraft",
    "Publication",
    "Review",
    "Revision",
    "Section",
    "Shingle",
    "Sketch",
    "validate_colour",
    "validate_domain",
    "validate_timezone",
]
