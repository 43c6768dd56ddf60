"""What people are called: the name they gave themselves, else the name of their account."""

from __future__ import annotations

from django.contrib.auth.models import User


def called(person: User | None, account: str = "") -> str:
    """``account`` is what the records keep of somebody, who may be gone."""
    if person is None:
        return account
    return person.first_name or account or person.get_username()


def called_by_account() -> dict[str, str]:
    """What all colleagues are called, by the names of their accounts."""
    named = User.objects.exclude(first_name="")
    return dict(named.values_list("username", "first_name"))
