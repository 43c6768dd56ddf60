"""Who belongs to a publication, and what they may do there.

Promises: a publication that has an administrator keeps one; an account is stopped only by who
administers every publication of it. Fails: with ``PeopleRefused``, which says what to do.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dongtai_mail.delivery import staff_notices
from dongtai_mail.delivery.models import StaffNotice
from dongtai_mail.desk.access import Right, rights
from dongtai_mail.desk.models import MailPreference, Membership, Role
from dongtai_mail.issues.models import Publication

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # Without l, o, 0 and 1.
MEANINGS: dict[str, str | Promise] = {
    Role.EDITOR: gettext_lazy("收集条目，写稿，送审"),
    Role.REVIEWER: gettext_lazy("通过，或退回并说明"),
    Role.SENDER: gettext_lazy("安排发送，暂停，补发"),
    Role.LIST_MANAGER: gettext_lazy("管名单、导入和不发名单，能看到读者的邮箱"),
    Role.ADMINISTRATOR: gettext_lazy("以上全部，还管人员和设置"),
}


class PeopleRefused(Exception):
    """It can't be done; the text says why and what to do."""


def one_time_password() -> str:
    """Something to read out and type once: sixteen letters and digits, 80 bits."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))


def members(publication: Publication) -> QuerySet[User]:
    return User.objects.filter(memberships__publication=publication).distinct()


def with_languages(people: QuerySet[User]) -> dict[User, str]:
    """Each of them with the language they chose for the desk; "" where they never did."""
    chosen = MailPreference.objects.filter(user__in=people).values_list("user", "language")
    languages = dict(chosen)
    return {person: languages.get(person.pk, "") for person in people}


def reads(person: User) -> str:
    """The language that a person chose for the desk, and for mails; "" for none."""
    own = MailPreference.objects.filter(user=person).values_list("language", flat=True)
    return own.first() or ""


def choose_language(person: User, language: str) -> None:
    MailPreference.objects.update_or_create(user=person, defaults={"language": language})


def roles(person: User, publication: Publication) -> list[Role]:
    held = set(person.memberships.filter(publication=publication).values_list("role", flat=True))
    return [role for role in Role if role in held]


@transaction.atomic
def set_roles(person: User, publication: Publication, wanted: Collection[Role]) -> list[Role]:
    """Give ``person`` exactly these roles; answers what they had."""
    Publication.objects.select_for_update().get(pk=publication.pk)
    before = roles(person, publication)
    if Role.ADMINISTRATOR in before and Role.ADMINISTRATOR not in wanted:
        _check_another_administrator(person, publication)
    own = Membership.objects.filter(user=person, publication=publication)
    own.exclude(role__in=wanted).delete()
    for role in wanted:
        Membership.objects.get_or_create(user=person, publication=publication, role=role)
    return before


def invite(
    publication: Publication, address: str, username: str, name: str, wanted: Collection[Role]
) -> User:
    """Make an account, or take the one of this address; the new one gets a mail with a link."""
    person = User.objects.filter(email__iexact=address).first()
    if person is not None:
        set_roles(person, publication, {*roles(person, publication), *wanted})
        if person.is_active and not person.has_usable_password():
            _invite(person, publication)
        return person
    with transaction.atomic():
        person = User(username=username or _free_name(address), email=address.lower())
        person.first_name = name
        person.set_unusable_password()
        person.save()
        set_roles(person, publication, wanted)
        _invite(person, publication)
    return person


def invite_again(person: User, publication: Publication) -> None:
    if person.has_usable_password():
        raise PeopleRefused(_("这位同事已经设置过密码；忘了可以在登录页重设。"))
    if not _invite(person, publication):
        raise PeopleRefused(_("这个账号没有邮箱，邀请发不出去；请先补上邮箱。"))


def _invite(person: User, publication: Publication) -> bool:
    language = reads(person) or staff_notices.language_of(publication)
    return staff_notices.post(StaffNotice.Kind.INVITATION, person, publication, language)


@transaction.atomic
def set_active(person: User, by: User, active: bool) -> None:
    """Stop an account, or let it sign in again."""
    if not active and person == by:
        raise PeopleRefused(_("不能停用自己的账号；请另一位管理员来做。"))
    if not may_stop(person, by):
        raise PeopleRefused(
            _("这位同事还在您不管理的刊物里；请取消其在本刊的职责，账号由系统管理员停用。")
        )
    if not active:
        for membership in person.memberships.filter(role=Role.ADMINISTRATOR):
            _check_another_administrator(person, membership.publication)
    person.is_active = active
    person.save(update_fields=("is_active",))


def may_stop(person: User, by: User) -> bool:
    """Whether everything that ``person`` may do is in publications that ``by`` administers."""
    if by.is_superuser or person.is_superuser:
        return by.is_superuser
    theirs = Publication.objects.filter(memberships__user=person).distinct()
    return all(Right.ADMINISTER in rights(by, publication) for publication in theirs)


def _check_another_administrator(person: User, publication: Publication) -> None:
    others = Membership.objects.filter(publication=publication, role=Role.ADMINISTRATOR)
    if not others.filter(user__is_active=True).exclude(user=person).exists():
        raise PeopleRefused(
            _("《%(publication)s》只有这一位管理员；请先让另一位同事做管理员，再改。")
            % {"publication": publication.name}
        )


def _free_name(address: str) -> str:
    """The address's local part, with a number where it is taken."""
    wish = re.sub(r"[^\w.+-]", "", address.partition("@")[0].lower())[:140] or "staff"
    taken = set(User.objects.filter(username__startswith=wish).values_list("username", flat=True))
    return next(
        name for number in range(1, 10_000) if (name := _numbered(wish, number)) not in taken
    )


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}{number}"
