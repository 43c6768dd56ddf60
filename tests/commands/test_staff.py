"""``dongtai staff``: how an operator lets the first people in."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from dongtai_mail.commands import staff as command
from dongtai_mail.desk.models import AuditEntry
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_account_gets_a_password_that_is_printed_once(capsys) -> None:
    assert command.main(["add", "wang", "--email", "Wang@example.org", "--superuser"]) == 0
    password = re.search(r"密码 (\S+)（", capsys.readouterr().out)
    person = User.objects.get()
    assert password
    assert person.check_password(password[1])
    assert (person.email, person.is_superuser) == ("wang@example.org", True)
    assert command.main(["password", "wang"]) == 0
    person.refresh_from_db()
    assert not person.check_password(password[1])
    assert [entry.actor for entry in AuditEntry.objects.all()] == ["dongtai", "dongtai"]


def test_roles_are_set_and_listed(capsys) -> None:
    factories.publication()
    command.main(["add", "wang"])
    assert command.main(["role", "wang", "observer", "editor", "administrator"]) == 0
    command.main(["list"])
    assert "  observer\teditor" in capsys.readouterr().out
    assert command.main(["role", "wang", "observer"]) == 2
    assert "只有这一位管理员" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["add", "wang"], "username"),
        (["add", "li", "--email", "WANG@example.org"], "另一个账号"),
        (["password", "nobody"], "现有：wang"),
        (["role", "wang", "nowhere"], "现有：observer"),
        (["role", "wang", "observer", "king"], "可以是：editor"),
    ],
)
def test_a_mistake_is_answered_with_what_would_be_right(capsys, arguments, said) -> None:
    factories.publication()
    command.main(["add", "wang", "--email", "wang@example.org"])
    assert command.main(arguments) == 2
    assert said in capsys.readouterr().err
