"""What models of several apps refuse."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from dongtai_mail.message.header import HeaderError, refuse_unseen
from dongtai_mail.sentences import told


def validate_line(text: str) -> None:
    """For names and subjects, which end up in the head of a mail."""
    try:
        refuse_unseen(text)
    except HeaderError as error:
        raise ValidationError(told(str(error))) from None
