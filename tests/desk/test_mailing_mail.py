"""Who is told by mail that a mailing goes on only when somebody says so."""

from __future__ import annotations

import datetime

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from dongtai_mail.delivery import mailings, queue, staff_letters, stages
from dongtai_mail.delivery.models import Delivery, Mailing, StaffNotice
from dongtai_mail.delivery.queue import Outcome
from dongtai_mail.desk.models import Membership, Role
from dongtai_mail.message.reply import Reply, Stage
from tests import factories

pytestmark = pytest.mark.django_db

SPAM = Reply(Stage.FINAL, 554, "5.7.1 rejected as spam")
UNKNOWN = Reply(Stage.RCPT, 550, "5.1.1 no such user")


def _person(publication, name: str, *roles: Role) -> None:
    person = User.objects.create_user(name, f"{name}@desk.example")
    for role in roles:
        Membership.objects.create(user=person, publication=publication, role=role)


@pytest.fixture
def mailing(publication) -> Mailing:
    factories.readers(20, factories.subscriber_list(publication))
    return factories.mailing(created_by="scheduler", stages=stages.plan([50]))


def _told() -> set[tuple[str, str]]:
    return {(each.kind, each.user.username) for each in StaffNotice.objects.all()}


def _answer(mailing: Mailing, reply: Reply) -> None:
    claimed = queue.claim(mailing.pk, "", "worker", 10)
    queue.record([Outcome(each, reply) for each in claimed])


@pytest.mark.parametrize(("reply", "why"), [(SPAM, "rejected as spam"), (UNKNOWN, "退回 10 / 10")])
def test_senders_hear_that_a_mailing_was_stopped_and_why(
    publication, mailing, django_capture_on_commit_callbacks, reply: Reply, why: str
) -> None:
    _person(publication, "sender", Role.SENDER)
    _person(publication, "editor", Role.EDITOR)
    _person(publication, "chief", Role.ADMINISTRATOR)
    _person(publication, "scheduler", Role.EDITOR)
    mailings.start(mailing.pk)
    with django_capture_on_commit_callbacks(execute=True):
        _answer(mailing, reply)
        stages.advance()
    assert _told() == {("mailing-stopped", "sender"), ("mailing-stopped", "scheduler")}
    content = staff_letters._content(StaffNotice.objects.first())
    assert why in content.paragraphs[1]
    assert content.url.endswith(f"/mailings/{mailing.pk}/")
    mailings.resume(Mailing.objects.get())
    Delivery.objects.exclude(state=Delivery.State.ACCEPTED).update(state=Delivery.State.QUEUED)
    with django_capture_on_commit_callbacks(execute=True):
        _answer(mailing, SPAM)
    # The first mail is still on its way and says as much.
    assert StaffNotice.objects.count() == 2


@pytest.mark.parametrize("roles", [(Role.ADMINISTRATOR,), ()])
def test_without_senders_administrators_or_superusers_hear_that_a_time_was_missed(
    publication, mailing, django_capture_on_commit_callbacks, roles: tuple[Role, ...]
) -> None:
    _person(publication, "chief", *roles)
    User.objects.filter(username="chief").update(is_superuser=not roles)
    _person(publication, "editor", Role.EDITOR)
    Mailing.objects.update(scheduled_at=timezone.now() - datetime.timedelta(days=1))
    with django_capture_on_commit_callbacks(execute=True):
        mailings.start_due()
        mailings.start_due()
    assert _told() == {("mailing-missed", "chief")}
    notice = StaffNotice.objects.get()
    assert "要不要发，请您决定" in staff_letters._content(notice).paragraphs[0]
    assert staff_letters.letter(notice, timezone.now()).recipient.wire == "chief@desk.example"
