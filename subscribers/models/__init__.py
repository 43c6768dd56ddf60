"""The rows of subscribers: people, suppressions, imports, segments, notices."""

from subscribers.models.imports import ImportRow, ImportRun
from subscribers.models.notices import AddressChange, Notice, Posted
from subscribers.models.people import (
    FormerSubscription,
    ListTally,
    Membership,
    Subscriber,
    SubscriberList,
    Subscription,
    SubscriptionEvent,
    Wording,
)
from subscribers.models.segments import Segment
from subscribers.models.suppression import FingerprintField, Release, Suppression

__all__ = [
    "AddressChange",
    "FingerprintField",
    "FormerSubscription",
    "ImportRow",
    "ImportRun",
    "ListTally",
    "Membership",
    "Notice",
    "Posted",
    "Release",
    "Segment",
    "Subscriber",
    "SubscriberList",
    "Subscription",
    "SubscriptionEvent",
    "Suppression",
    "Wording",
]
