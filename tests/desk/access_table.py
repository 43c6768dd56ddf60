"""Who may open what: one row for every address of the project.

A row says which right the page asks for and how to make what its address names, in a publication
that is given. To add a page, add ``"desk:name": Row(Right.X, maker)``; ``test_access_table`` fails
until it stands here.
"""

from __future__ import annotations

import enum
import hashlib
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.utils import timezone

from dongtai_mail.delivery.models import Mailing, ReturnedMessage
from dongtai_mail.desk.access import Right
from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.issues.models import (
    Edition,
    Issue,
    Item,
    ManuscriptDraft,
    Publication,
    Review,
    Section,
)
from subscribers.models import (
    ImportRun,
    Segment,
    SubscriberList,
    Subscription,
    Suppression,
)
from tests import factories

Maker = Callable[[Publication], dict[str, Any]]


class Door(enum.Enum):
    """Pages that belong to no publication."""

    OPEN = "everybody, signed in or not"
    TOKEN = "whoever has the link"
    OWN = "everybody who is signed in, about themselves"
    SUPERUSER = "whoever runs the installation"


@dataclass(frozen=True)
class Row:
    """``but``: what even the entitled may get; 404 where the row's own parts are not there, 403
    where the page asks who began something. ``for_all``: it concerns every publication, so that
    the right in one of several is not enough."""

    right: Right | Door
    make: Maker = lambda publication: {}
    anywhere: bool = False
    for_all: bool = False
    but: int = 0


def publication(of: Publication) -> dict[str, Any]:
    return {"slug": of.slug}


def _issue(of: Publication) -> Issue:
    return Issue.objects.create(publication=of, number=uuid.uuid4().hex[:8], masthead=of.name)


def _section(of: Publication) -> Section:
    return Section.objects.create(issue=_issue(of), position=0, name="要闻")


def _item(of: Publication) -> Item:
    section = _section(of)
    return Item.objects.create(
        publication=of, section=section, position=0, title="云港口岸开通夜航", body="正文。"
    )


def _list(of: Publication) -> SubscriberList:
    return factories.subscriber_list(of, slug=f"{of.slug}-readers")


def _subscription(of: Publication) -> Subscription:
    return factories.subscribe(_list(of), f"{uuid.uuid4().hex}@example.com")[0]


def _edition(of: Publication) -> Edition:
    return factories.edition(of)


def _mailing(of: Publication) -> Mailing:
    return factories.mailing(edition=_edition(of), subscriber_list=_list(of), state="sending")


def _review(of: Publication) -> Review:
    edition = _edition(of)
    return Review.objects.create(issue=edition.issue, edition=edition, requester="somebody")


def _returned(of: Publication) -> ReturnedMessage:
    return ReturnedMessage.objects.create(
        fingerprint=uuid.uuid4().hex,
        door="test",
        size=0,
        received_at=timezone.now(),
        subscription=_subscription(of),
    )


def came_to(recipient: str) -> dict[str, Any]:
    """What came back about nobody known."""
    row = ReturnedMessage.objects.create(
        fingerprint=uuid.uuid4().hex,
        door="test",
        size=0,
        received_at=timezone.now(),
        recipient=recipient,
    )
    return {"pk": row.pk}


def _import(of: Publication) -> ImportRun:
    return ImportRun.objects.create(
        subscriber_list=_list(of), filename="readers.csv", state=ImportRun.State.DONE
    )


def _draft(of: Publication) -> ManuscriptDraft:
    return ManuscriptDraft.objects.create(
        publication=of, filename="issue.txt", data="【要闻】".encode(), actor="somebody"
    )


def _pk(make: Callable[[Publication], Any]) -> Maker:
    return lambda of: {"pk": make(of).pk}


issue, section, item, edition = _pk(_issue), _pk(_section), _pk(_item), _pk(_edition)
mailing, review, returned = _pk(_mailing), _pk(_review), _pk(_returned)
subscription, import_run, draft = _pk(_subscription), _pk(_import), _pk(_draft)


def pooled(of: Publication) -> dict[str, Any]:
    return {"pk": Item.objects.create(publication=of, position=0, title="一条", body="正文。").pk}


def finding(of: Publication) -> dict[str, Any]:
    return {"pk": _issue(of).pk, "fingerprint": "0" * 16}


def subscriber_list(of: Publication) -> dict[str, Any]:
    return {"slug": _list(of).slug}


def segment(of: Publication) -> dict[str, Any]:
    name = uuid.uuid4().hex
    row = Segment.objects.create(publication=of, name=name, audience={"all": []})
    return {"slug": of.slug, "pk": row.pk}


def suppression(of: Publication) -> dict[str, Any]:
    address = f"{uuid.uuid4().hex}@example.com"
    row = Suppression.objects.create(
        publication=of, key=address, hash=hashlib.sha256(address.encode()).digest(), reason="staff"
    )
    return {"slug": of.slug, "pk": row.pk}


def member(of: Publication) -> dict[str, Any]:
    person = User.objects.create_user(uuid.uuid4().hex, f"{uuid.uuid4().hex}@example.org")
    Membership.objects.create(user=person, publication=of, role=Role.EDITOR)
    return {"slug": of.slug, "number": person.pk}


def unpublished(of: Publication) -> dict[str, Any]:
    return {"publication": of.slug, "key": _edition(of).key}


def provider(of: Publication) -> dict[str, Any]:
    return {"provider": "gmail"}


def new_relay(of: Publication) -> dict[str, Any]:
    return {"relay": "new.test:25"}


def passkey(of: Publication) -> dict[str, Any]:
    """Somebody else's."""
    owner = User.objects.create_user(uuid.uuid4().hex)
    return {"pk": Authenticator.objects.create(user=owner, type="webauthn", data={}).pk}


def token(of: Publication) -> dict[str, Any]:
    return {"token": "guessed"}


def _number(of: Publication) -> dict[str, Any]:
    return {"pk": 1}


SEE, WRITE, APPROVE, SEND = Right.SEE, Right.WRITE, Right.APPROVE, Right.SEND
PROOF, LISTS, ADMINISTER = Right.PROOF, Right.LISTS, Right.ADMINISTER
OPEN, TOKEN, OWN = Door.OPEN, Door.TOKEN, Door.OWN

TABLE: dict[str, Row] = {
    "desk:login": Row(OPEN),
    "desk:logout": Row(OPEN),
    "desk:language": Row(OPEN),
    "desk:home": Row(OWN),
    "desk:me": Row(OWN),
    "desk:search": Row(SEE, publication),
    # An issue in the making
    "desk:publication": Row(SEE, publication),
    "desk:new-issue": Row(WRITE, publication),
    "desk:manuscripts": Row(WRITE, publication),
    "desk:manuscript": Row(WRITE, draft),
    "desk:issue": Row(SEE, issue),
    "desk:issue-facts": Row(WRITE, issue),
    "desk:issue-history": Row(SEE, issue),
    "desk:issue-restoration": Row(WRITE, issue, but=404),
    "desk:issue-comments": Row(SEE, issue),
    "desk:issue-sections": Row(WRITE, issue),
    "desk:issue-items": Row(WRITE, issue, but=404),
    "desk:section": Row(WRITE, section),
    "desk:item": Row(SEE, item),
    "desk:item-text": Row(WRITE, item),
    "desk:item-place": Row(WRITE, item, but=404),
    "desk:item-history": Row(SEE, item),
    "desk:item-restoration": Row(WRITE, item, but=404),
    "desk:item-comments": Row(SEE, item),
    "desk:pasted": Row(WRITE, anywhere=True),
    # The pool
    "desk:pool": Row(SEE, publication),
    "desk:pool-new": Row(WRITE, publication),
    "desk:pool-read": Row(WRITE, publication),
    "desk:pool-alike": Row(WRITE, publication),
    "desk:pool-bulk": Row(WRITE, publication),
    "desk:pool-item": Row(SEE, pooled),
    "desk:pool-alike-item": Row(SEE, pooled),
    "desk:pool-sorting": Row(WRITE, pooled),
    "desk:pool-holder": Row(WRITE, pooled),
    "desk:pool-placing": Row(WRITE, pooled, but=404),
    # Findings, preview, review
    "desk:issue-findings": Row(SEE, issue),
    "desk:findings-taken": Row(WRITE, issue),
    "desk:findings-ignored": Row(WRITE, issue),
    "desk:finding-taken": Row(WRITE, finding, but=404),
    "desk:finding-ignored": Row(WRITE, finding, but=404),
    "desk:finding-reopened": Row(WRITE, finding, but=404),
    "desk:preview": Row(SEE, issue),
    "desk:preview-html": Row(SEE, issue),
    "desk:edition-html": Row(SEE, edition),
    "desk:review": Row(SEE, issue),
    "desk:review-request": Row(WRITE, issue),
    "desk:review-approval": Row(APPROVE, review),
    "desk:review-return": Row(APPROVE, review),
    "desk:review-withdrawal": Row(SEE, review, but=403),
    "desk:test-sends": Row(PROOF, issue),
    "desk:test-progress": Row(PROOF, issue),
    # Sending
    "desk:send": Row(SEND, issue),
    "desk:send-last": Row(SEND, issue, but=404),
    "desk:send-readers": Row(SEND, issue),
    "desk:slots": Row(SEND, publication),
    "desk:mailings": Row(SEE, publication),
    "desk:mailing": Row(SEE, mailing),
    "desk:progress": Row(SEE, mailing),
    "desk:pause": Row(SEND, mailing),
    "desk:resumption": Row(SEND, mailing),
    "desk:cancellation": Row(SEND, mailing),
    "desk:mailing-unconfirmed": Row(SEE, mailing),
    "desk:mailing-policy": Row(SEND, mailing),
    "desk:mailing-following": Row(SEND, mailing),
    "desk:providers": Row(SEE, anywhere=True),
    "desk:provider": Row(SEND, provider, anywhere=True, for_all=True),
    "desk:provider-resumption": Row(SEND, provider, anywhere=True, for_all=True),
    "desk:provider-default": Row(SEND, provider, anywhere=True, for_all=True),
    "desk:warmup": Row(SEND, new_relay, anywhere=True, for_all=True, but=404),
    "desk:warmup-default": Row(SEND, new_relay, anywhere=True, for_all=True, but=404),
    "desk:reports": Row(SEE, publication),
    "desk:report": Row(SEE, mailing),
    "desk:report-csv": Row(SEE, mailing),
    "desk:doctor": Row(SEE, publication),
    "desk:doctor-checks": Row(SEE, publication),
    # Readers
    "desk:subscribers": Row(LISTS, publication),
    "desk:new-list": Row(LISTS, publication),
    "desk:subscriber-list": Row(LISTS, subscriber_list),
    "desk:export-csv": Row(LISTS, subscriber_list),
    "desk:export-xlsx": Row(LISTS, subscriber_list),
    "desk:subscription": Row(LISTS, subscription),
    "desk:imports": Row(LISTS, publication),
    "desk:import": Row(LISTS, import_run),
    "desk:import-progress": Row(LISTS, import_run),
    "desk:import-start": Row(LISTS, import_run),
    "desk:import-undo": Row(LISTS, import_run),
    "desk:import-discarding": Row(LISTS, import_run),
    "desk:suppressions": Row(LISTS, publication),
    "desk:release": Row(LISTS, suppression),
    "desk:segments": Row(LISTS, publication),
    "desk:segment": Row(LISTS, segment),
    "desk:segment-size": Row(LISTS, publication),
    "desk:segment-removal": Row(LISTS, segment),
    "desk:returned-messages": Row(LISTS, publication),
    "desk:returned-message": Row(LISTS, returned),
    "desk:second-try": Row(LISTS, returned),
    # People, rights, settings
    "desk:new-publication": Row(Door.SUPERUSER),
    "desk:settings": Row(ADMINISTER, publication),
    "desk:dns": Row(ADMINISTER, publication),
    "desk:audit": Row(ADMINISTER, publication),
    "desk:people": Row(ADMINISTER, publication),
    "desk:invitation": Row(ADMINISTER, publication),
    "desk:person": Row(ADMINISTER, member),
    "desk:invitation-again": Row(ADMINISTER, member),
    "desk:deactivation": Row(ADMINISTER, member),
    "desk:reactivation": Row(ADMINISTER, member),
    # Signing in
    "account_login": Row(OPEN),
    "mfa_authenticate": Row(OPEN),
    "mfa_login_webauthn": Row(OPEN),
    "account_logout": Row(OPEN),
    "account_inactive": Row(OPEN),
    "account_reset_password": Row(OPEN),
    "account_reset_password_done": Row(OPEN),
    "account_reset_password_from_key": Row(OPEN, lambda of: {"uidb36": "1", "key": "guessed"}),
    "account_reset_password_from_key_done": Row(OPEN),
    "account_change_password": Row(OWN),
    "account_set_password": Row(OWN),
    "account_reauthenticate": Row(OWN),
    "mfa_reauthenticate": Row(OWN),
    "mfa_reauthenticate_webauthn": Row(OWN),
    "mfa_index": Row(OWN),
    "mfa_activate_totp": Row(OWN),
    "mfa_deactivate_totp": Row(OWN, but=404),
    "mfa_view_recovery_codes": Row(OWN, but=404),
    "mfa_generate_recovery_codes": Row(OWN),
    "mfa_download_recovery_codes": Row(OWN, but=404),
    "mfa_list_webauthn": Row(OWN),
    "mfa_add_webauthn": Row(OWN),
    "mfa_edit_webauthn": Row(OWN, passkey, but=404),
    "mfa_remove_webauthn": Row(OWN, passkey, but=404),
    "usersessions_list": Row(OWN),
    # Readers' own pages
    "subscribers:unsubscribe": Row(TOKEN, token),
    "subscribers:resubscribe": Row(TOKEN, token),
    "subscribers:reason": Row(TOKEN, token),
    "subscribers:preferences": Row(TOKEN, token),
    "subscribers:move": Row(TOKEN, token),
    "subscribers:data": Row(TOKEN, token),
    "subscribers:erasure": Row(TOKEN, token),
    "subscribers:sign-up": Row(TOKEN, subscriber_list),
    "subscribers:confirmation": Row(TOKEN, token),
    "subscribers:moved": Row(TOKEN, token),
    "subscribers:restored": Row(TOKEN, token),
    "subscribers:download": Row(TOKEN, token),
    "issues:read": Row(SEE, unpublished),
    "links:follow": Row(OPEN, lambda of: {"key": "0" * 24, "number": 1}, but=404),
    # The local mail catcher exists only where no mail leaves the machine
    "catcher:inbox": Row(OPEN),
    **{
        f"catcher:{name}": Row(OPEN, _number, but=404)
        for name in ("message", "html", "text", "headers", "source", "attachments", "raw")
    },
    "catcher:attachment": Row(OPEN, lambda of: {"pk": 1, "number": 1}, but=404),
}
# Open by their nature and tested where they live: the one-click form of the readers' links, what
# watches the server, and providers' webhooks, which prove themselves by a secret.
ELSEWHERE = ("u/", "p/", "health/", "metrics", "webhooks/")
