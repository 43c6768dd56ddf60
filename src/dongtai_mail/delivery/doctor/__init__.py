"""Whether mail of a publication can leave, arrive and come back: what is found, and what to do.

Promises: nothing is changed and no mail is sent; each check ends within seconds, and one that
can't be made says so instead of passing; all run at once.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.conf import settings
from django.db import connections
from django.utils import translation
from django.utils.translation import gettext as _

from dongtai_mail.delivery.doctor import machines, names
from dongtai_mail.delivery.doctor.check import Check, Verdict, unknown
from dongtai_mail.delivery.doctor.names import Resolver, Unanswered
from dongtai_mail.issues.models import Publication

__all__ = ["Check", "Resolver", "Verdict", "examine"]

Made = Callable[[], Check]


def examine(publication: Publication, resolver: Resolver | None = None) -> list[Check]:
    """All checks, side by side, in the order in which a person would mend them."""
    asked = resolver or Resolver()
    domain, bounces = publication.domain, publication.bounce_domain
    checks: list[tuple[str, Made]] = [
        ("SPF", partial(names.spf, publication, asked)),
        ("DKIM", partial(names.dkim, publication, asked)),
        ("DMARC", partial(names.dmarc, publication, asked)),
        (f"MX {bounces}", partial(names.mx, bounces, asked)),
        (f"MX {domain}", partial(names.mx, domain, asked)),
        *((f"PTR {each.host}", partial(names.ptr, each, asked)) for each in settings.RELAYS),
        *((each.name, partial(machines.relay, each)) for each in settings.RELAYS),
        (settings.ORIGIN, partial(machines.origin, settings.ORIGIN)),
        ("", machines.database),
        ("", machines.broker),
        ("", machines.workers),
        ("", machines.disk),
        ("", machines.backup),
    ]
    language = translation.get_language()
    with ThreadPoolExecutor(len(checks)) as pool:
        return list(pool.map(lambda each: _made(each[0], each[1], language), checks))


def _made(name: str, check: Made, language: str | None) -> Check:
    try:
        with translation.override(language):
            return check()
    except Unanswered as error:
        found = _("DNS 没有回答：%(why)s") % {"why": error}
        return unknown(name, found, _("过一会儿再查；一直如此，请检查本机的 DNS 设置。"))
    finally:
        # Each thread of the pool has connections of its own.
        connections.close_all()
