"""The installation's keyring, made once from ``DONGTAI_SEAL_KEYS``."""

from functools import cache

from django.conf import settings

from dongtai_mail.message.seal import Keyring


@cache
def keyring() -> Keyring:
    return Keyring(settings.SEAL_KEYS)
