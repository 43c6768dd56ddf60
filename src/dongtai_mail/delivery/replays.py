"""Signatures that don't cover what they sign: Mailgun's are of a time and a number alone.

Owns: what such a signature is good for. Promises: one report, as often as it comes, for as long as
Mailgun tries to hand it over; with other words under it, or later, it is refused. Fails: with
``ReplayRefused``, which says why.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest

# Mailgun tries for eight hours; clocks differ.
GOOD_FOR = 12 * 3600


class ReplayRefused(Exception):
    """A signature that was made for another report, or long ago."""


def refuse_replays(request: HttpRequest) -> None:
    """For a request whose signature was checked."""
    signed, said = _parts(request)
    age = time.time() - float(signed["timestamp"])
    if abs(age) > GOOD_FOR:
        raise ReplayRefused(
            f"This was signed {age / 3600:.0f} hours ago; see that clocks are right."
        )
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    # Signed is what the two say one after the other, wherever the one is said to end.
    both = f"{signed['timestamp']}{signed['token']}"
    key = f"webhook:{hashlib.sha256(both.encode()).hexdigest()}"
    if not cache.add(key, digest, 2 * GOOD_FOR) and cache.get(key, digest) != digest:
        raise ReplayRefused("This signature was made for another report.")


def _parts(request: HttpRequest) -> tuple[Mapping[str, Any], Any]:
    """What is signed, and all that is said: in JSON, or in a form's fields."""
    if request.content_type == "application/json":
        body = json.loads(request.body)
        return body["signature"], body
    return request.POST, list(request.POST.lists())
