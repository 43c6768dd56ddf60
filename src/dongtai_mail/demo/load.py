"""The sample publication, its issue and its readers, brought into an empty database.

Promises: all of it or nothing, and only where there is no publication yet.
"""

from __future__ import annotations

from django.db import transaction

from dongtai_mail.demo import sample_manuscript, sample_subscribers
from dongtai_mail.issues.models import Publication
from subscribers.models import SubscriberList

DOMAIN = "langang.example"
COLLEAGUES = {"editor": "林编辑", "reviewer": "陈审核", "sender": "周发送", "lists": "何名单"}


def load_once() -> bool:
    """Answer whether something was loaded."""
    if Publication.objects.exists():
        return False
    with transaction.atomic():
        _load()
    return True


def _load() -> None:
    from dongtai_mail.delivery.letters import create_key
    from dongtai_mail.issues import editions, reviewing
    from dongtai_mail.issues.importing import import_manuscript
    from subscribers.importing import import_file

    publication = _publication()
    # Readers see this name where they leave: in the list's header and on their own pages.
    readers = SubscriberList.objects.create(
        publication=publication, slug="readers", name="澜港电商观察双周刊"
    )
    manuscript = sample_manuscript()
    issue = import_manuscript(publication, manuscript.read_bytes(), manuscript.name)
    import_file(readers, sample_subscribers(), basis="示例读者")
    create_key(publication)
    _colleagues(publication)
    # Whoever tries the sample can send it at once; a change asks for a review, as always.
    reviewing.vouch(editions.freeze(issue), "示例")


def _colleagues(publication: Publication) -> None:
    """One for each role; they can sign in once ``sign_in_with`` has given them a password."""
    from django.contrib.auth.models import User

    from dongtai_mail.desk.models import Membership, Role

    for role, name in COLLEAGUES.items():
        person = User.objects.create_user(role, f"{role}@{DOMAIN}", first_name=name)
        Membership.objects.create(user=person, publication=publication, role=Role(role))


def sign_in_with(password: str) -> list[str]:
    """Give the sample's colleagues a password; answers their names."""
    from django.contrib.auth.models import User

    colleagues = User.objects.filter(username__in=COLLEAGUES, email__endswith=f"@{DOMAIN}")
    for person in colleagues:
        person.set_password(password)
        person.save(update_fields=("password",))
    return [person.username for person in colleagues.order_by("pk")]


def _publication() -> Publication:
    return Publication.objects.create(
        slug="langang",
        name="澜港电商观察",
        host_name="澜港市电子商务促进中心",
        host_also="澜港数字贸易服务中心",
        from_name="澜港电商观察",
        from_address=f"observer@{DOMAIN}",
        bounce_domain=f"bounce.{DOMAIN}",
        reason="您收到这封邮件，是因为您订阅了《澜港电商观察》。",
    )
