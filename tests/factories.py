"""Rows for tests: a publication with a list, an edition small enough to read, readers."""

from __future__ import annotations

import uuid

from django.utils import timezone

from dongtai_mail.delivery import letters
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.issues.models import Edition, Issue, Publication
from dongtai_mail.message.address import parse, provider
from subscribers.models import Subscriber, SubscriberList, Subscription

UNSUBSCRIBE = "https://personal.invalid/0123456789abcdef/unsubscribe"
PREFERENCES = "https://personal.invalid/0123456789abcdef/preferences"


def publication(slug: str = "observer", domain: str = "example.org") -> Publication:
    row, _ = Publication.objects.get_or_create(
        slug=slug,
        defaults={
            "name": "云港观察",
            "from_name": "云港观察编辑部",
            "from_address": f"editor@{domain}",
            "bounce_domain": f"bounce.{domain}",
            "needs_approval": False,
        },
    )
    letters.create_key(row)
    return row


def edition(of: Publication | None = None) -> Edition:
    issue = Issue.objects.create(publication=of or publication())
    links = f"{UNSUBSCRIBE} {PREFERENCES}"
    return Edition.objects.create(
        issue=issue,
        key=uuid.uuid4().hex[:24],
        kind="full",
        sha256="0" * 64,
        subject="云港观察 第 7 期",
        html=f"<!DOCTYPE html><html><body><p>正文</p><p>{links}</p></body></html>",
        text=f"正文\n{links}\n",
        web_html="<!DOCTYPE html><html><body><p>正文</p></body></html>",
        unsubscribe_slot=UNSUBSCRIBE,
        preferences_slot=PREFERENCES,
        size=200,
    )


def subscriber_list(of: Publication | None = None, slug: str = "readers") -> SubscriberList:
    row, _ = SubscriberList.objects.get_or_create(
        slug=slug, defaults={"publication": of or publication(), "name": "读者"}
    )
    return row


def subscribe(on: SubscriberList, *addresses: str, name: str = "读者") -> list[Subscription]:
    rows = []
    for text in addresses:
        address = parse(text)
        person, _ = Subscriber.objects.get_or_create(
            key=address.key,
            defaults={
                "address": address.display,
                "provider": provider(address.domain),
                "name": name,
            },
        )
        rows.append(
            Subscription.objects.create(
                subscriber=person, subscriber_list=on, state=Subscription.State.CONFIRMED
            )
        )
    return rows


def readers(count: int, on: SubscriberList | None = None) -> list[Subscription]:
    """``count`` confirmed readers at five receiving domains."""
    domains = ("qq.test", "163.test", "example.com", "example.net", "post.test")
    addresses = [f"reader{number}@{domains[number % 5]}" for number in range(count)]
    return subscribe(on or subscriber_list(), *addresses)


def mailing(**changes: object) -> Mailing:
    """A mailing that is due now; nothing announces it."""
    values: dict[str, object] = {
        "edition": edition(),
        "subscriber_list": subscriber_list(),
        "request_key": uuid.uuid4().hex,
        "scheduled_at": timezone.now(),
    }
    return Mailing.objects.create(**{**values, **changes})
