"""The rows of delivery: mailings and what became of them, what came back, letters of our own."""

from dongtai_mail.delivery.models.letters import ProofLetter, StaffNotice
from dongtai_mail.delivery.models.mailings import (
    Attempt,
    Batch,
    Delivery,
    Mailing,
    ProviderLimit,
    Refusal,
    RelayWarmup,
    Tally,
)
from dongtai_mail.delivery.models.returned import Mentions, ReturnedMessage, SoftBounce

__all__ = [
    "Attempt",
    "Batch",
    "Delivery",
    "Mailing",
    "Mentions",
    "ProofLetter",
    "ProviderLimit",
    "Refusal",
    "RelayWarmup",
    "ReturnedMessage",
    "SoftBounce",
    "StaffNotice",
    "Tally",
]
