"""Changing an issue and its items, by several people at once.

Owns: every change of what editors write. Promises: each change is one transaction which writes a
``Revision``, makes the version grow and sends ``issue_changed`` to whom it concerns; nobody's words
are overwritten unseen: whoever saves says which version they changed. What is taken out of an issue
goes to the pool or is discarded, never deleted. ``actor`` is the person's name.
Fails: ``Conflict`` with the row as it stands now; ``ValidationError`` for what has no room.
"""

from dongtai_mail.issues.editing.order import (
    add_section,
    bring_back,
    discard,
    move_section,
    new_item,
    place,
    rearrange,
    remove_section,
    rename_section,
    to_pool,
)
from dongtai_mail.issues.editing.starting import new_issue
from dongtai_mail.issues.editing.texts import Conflict, save_issue, save_item

__all__ = [
    "Conflict",
    "add_section",
    "bring_back",
    "discard",
    "move_section",
    "new_issue",
    "new_item",
    "place",
    "rearrange",
    "remove_section",
    "rename_section",
    "save_issue",
    "save_item",
    "to_pool",
]
