"""``dongtai staff``: accounts of staff, their roles and passwords, for whoever runs the host."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dongtai_mail.arguments import Parser, either
from dongtai_mail.commands import shell
from dongtai_mail.commands.shell import CommandRefused

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ROLES = ("editor", "reviewer", "sender", "lists", "administrator")


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    return shell.run(lambda: int(arguments.verb(arguments)))


def _parser() -> Parser:
    parser = Parser(
        prog="dongtai staff",
        description="编辑部的账号、角色和密码，由管理主机的人使用。"
        " · Accounts of staff, their roles and passwords, for whoever runs the host.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    add = verbs.add_parser(
        "add", help="新建账号，密码只显示一次 · make an account; prints a password, once"
    )
    add.set_defaults(verb=_add)
    add.add_argument("username")
    add.add_argument(
        "--email",
        default="",
        help="接收邀请和新密码的地址 · where invitations and new passwords go",
    )
    add.add_argument("--name", default="", help="同事看到的名字 · as colleagues see it")
    add.add_argument(
        "--superuser", action="store_true", help="可做一切 · may do everything everywhere"
    )
    verbs.add_parser("list", help="列出账号和角色 · name accounts and their roles").set_defaults(
        verb=_list
    )
    role = verbs.add_parser(
        "role", help="在一份刊物里只给这些角色 · give exactly these roles in a publication"
    )
    role.set_defaults(verb=_role)
    role.add_argument("username")
    role.add_argument("publication")
    role.add_argument("roles", nargs="*", help=", ".join(ROLES))
    password = verbs.add_parser(
        "password", help="换新密码，只显示一次 · print a new password, once"
    )
    password.set_defaults(verb=_password)
    password.add_argument("username")
    return parser


def _add(arguments: argparse.Namespace) -> int:
    from django.contrib.auth.models import User
    from django.core.exceptions import ValidationError
    from django.db import transaction

    from dongtai_mail.desk import audit, people

    if arguments.email and User.objects.filter(email__iexact=arguments.email).exists():
        raise CommandRefused(
            either(
                f"{arguments.email} 已经是另一个账号的邮箱；请换一个。",
                f"Another account has the address {arguments.email}; use a different one.",
            )
        )
    user = User(
        username=arguments.username,
        email=arguments.email.lower(),
        first_name=arguments.name,
        is_superuser=arguments.superuser,
    )
    password = people.one_time_password()
    user.set_password(password)
    try:
        user.full_clean()
    except ValidationError as error:
        lines = (f"{name}：{' '.join(why)}" for name, why in error.message_dict.items())
        raise CommandRefused("\n".join(lines)) from error
    with transaction.atomic():
        user.save()
        audit.by_operator("person.invited", user, after={"superuser": user.is_superuser})
    print(f"已建立 {user.username}，密码 {password}（只显示这一次；登录后请改）。")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from django.contrib.auth.models import User

    for user in User.objects.order_by("username").prefetch_related("memberships__publication"):
        marks = [mark for mark, so in _marks(user) if so]
        print("\t".join((user.username, user.email or "—", " ".join(marks))))
        for membership in user.memberships.order_by("publication__slug", "role"):
            print(f"  {membership.publication.slug}\t{membership.role}")
    return 0


def _marks(user: User) -> tuple[tuple[str, bool], ...]:
    return (("superuser", user.is_superuser), ("deactivated", not user.is_active))


def _role(arguments: argparse.Namespace) -> int:
    from django.db import transaction

    from dongtai_mail.commands.lookup import publication_named
    from dongtai_mail.desk import audit, people
    from dongtai_mail.desk.models import Role

    user, publication = _named(arguments.username), publication_named(arguments.publication)
    unknown = set(arguments.roles) - set(ROLES)
    if unknown:
        raise CommandRefused(
            either(
                f"没有职责 {', '.join(unknown)}。可以是：{', '.join(ROLES)}。",
                f"There is no role {', '.join(unknown)}. It may be: {', '.join(ROLES)}.",
            )
        )
    try:
        with transaction.atomic():
            before = people.set_roles(user, publication, [Role(name) for name in arguments.roles])
            after = people.roles(user, publication)
            audit.by_operator(
                "person.roles", user, publication, {"roles": before}, {"roles": after}
            )
    except people.PeopleRefused as refused:
        raise CommandRefused(str(refused)) from refused
    words = "、".join(str(role.label) for role in after) or "没有职责"
    print(f"{user.username} 在《{publication}》：{words}。")
    return 0


def _password(arguments: argparse.Namespace) -> int:
    from django.db import transaction

    from dongtai_mail.desk import audit, people

    user, password = _named(arguments.username), people.one_time_password()
    with transaction.atomic():
        user.set_password(password)
        user.save(update_fields=("password",))
        audit.by_operator("person.password", user)
    print(f"{user.username} 的新密码 {password}（只显示这一次；登录后请改）。")
    return 0


def _named(username: str) -> User:
    from django.contrib.auth.models import User

    found = User.objects.filter(username=username).first()
    if found is None:
        names = ", ".join(User.objects.order_by("username").values_list("username", flat=True)[:20])
        raise CommandRefused(
            either(
                f"没有账号 {username!r}。现有：{names or '还没有，请用 add 建立'}。",
                f"There is no account {username!r}. There are: {names or 'none; use add'}.",
            )
        )
    return found
