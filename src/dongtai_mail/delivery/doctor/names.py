"""The sending domain in the DNS: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC 7489), MX and PTR.

Fails: ``Unanswered`` when the DNS gave no answer, which says nothing about a record.
"""

from __future__ import annotations

from typing import Any

import dns.exception
import dns.resolver
import dns.reversename
from django.conf import settings
from django.utils.translation import gettext as _

from dongtai_mail.delivery import letters
from dongtai_mail.delivery.doctor.check import SECONDS, Check, bad, doubt, good, unknown
from dongtai_mail.environment import LOOPBACK, Relay
from dongtai_mail.issues.models import Publication
from dongtai_mail.message.dkim import dns_record

SPF_LOOKUPS = 10
_LOOKED_UP = ("include:", "a:", "a/", "mx", "ptr", "exists:", "redirect=")


class Resolver:
    """Questions to the DNS, each with its own limit of time; ``Unanswered`` when there is none."""

    def __init__(self, nameserver: tuple[str, int] | None = None) -> None:
        self._resolver = dns.resolver.Resolver(configure=nameserver is None)
        self._resolver.lifetime = SECONDS
        if nameserver is not None:
            self._resolver.nameservers, self._resolver.port = [nameserver[0]], nameserver[1]

    def texts(self, name: str) -> list[str]:
        return [
            b"".join(each.strings).decode("utf-8", "replace") for each in self._ask(name, "TXT")
        ]

    def hosts(self, name: str, kind: str) -> list[str]:
        """Names or addresses; of an MX the exchange."""
        return [str(getattr(each, "exchange", each)).rstrip(".") for each in self._ask(name, kind)]

    def addresses(self, name: str) -> list[str]:
        return [*self.hosts(name, "A"), *self.hosts(name, "AAAA")]

    def names(self, address: str) -> list[str]:
        return self.hosts(str(dns.reversename.from_address(address)), "PTR")

    def _ask(self, name: str, kind: str) -> list[Any]:
        try:
            return list(self._resolver.resolve(name, kind))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise Unanswered(str(error)) from error


class Unanswered(Exception):
    """The DNS did not answer; that says nothing about the record."""


def spf(publication: Publication, resolver: Resolver) -> Check:
    """RFC 7208, for the domain of the envelope sender."""
    domain = publication.bounce_domain
    records = [text for text in resolver.texts(domain) if text.lower().startswith("v=spf1")]
    wanted = _("在 DNS 里为 %(domain)s 写一条，列出中继服务器，例如：") % {"domain": domain}
    hosts = " ".join(_spf_term(each.host) for each in settings.RELAYS)
    example = f'{domain}. IN TXT "v=spf1 {hosts} -all"'
    if not records:
        return bad(
            "SPF",
            _("%(domain)s 没有 SPF 记录。") % {"domain": domain},
            wanted,
            example,
        )
    if len(records) > 1:
        return bad(
            "SPF",
            _("有 %(count)s 条 SPF 记录，收信方会当作错误。") % {"count": len(records)},
            _("合并成一条（RFC 7208 第 4.5 节）。"),
            "\n".join(records),
        )
    return _spf_says(records[0])


def _spf_term(host: str) -> str:
    if not _is_address(host):
        return f"a:{host}"
    return f"ip6:{host}" if ":" in host else f"ip4:{host}"


def _spf_says(record: str) -> Check:
    terms = record.lower().split()[1:]
    mechanisms = [term.lstrip("+-~?") for term in terms]
    lookups = sum(term == "a" or term.startswith(_LOOKED_UP) for term in mechanisms)
    if {"+all", "all"} & set(terms):
        found = _("SPF 以 +all 结尾，等于允许任何人冒名。")
        return bad("SPF", found, _("改成 -all 或 ~all。"), record)
    if lookups > SPF_LOOKUPS:
        found = _("SPF 要查 %(count)s 次 DNS，超过 10 次的上限。") % {"count": lookups}
        return bad("SPF", found, _("减少 include（RFC 7208 第 4.6.4 节）。"), record)
    if not any(term in ("-all", "~all") or term.startswith("redirect=") for term in terms):
        found = _("SPF 没有以 -all 或 ~all 结尾。")
        return doubt("SPF", found, _("在末尾加上 -all。"), record)
    return good("SPF", record)


def dkim(publication: Publication, resolver: Resolver) -> Check:
    """RFC 6376: the published key must be the one that we sign with."""
    try:
        signer = letters.signers(publication)[0]
    except letters.KeyMissing as error:
        return bad("DKIM", str(error))
    record = dns_record(signer)
    published = resolver.texts(signer.dns_name)
    full = f"{signer.dns_name}. IN TXT {_strings(record)}"
    if not published:
        return bad(
            "DKIM",
            _("DNS 里没有 %(name)s。") % {"name": signer.dns_name},
            _("添加这条记录："),
            full,
        )
    if any(_key_of(text) == _key_of(record) for text in published):
        return good("DKIM", _("%(name)s 与签名用的密钥一致。") % {"name": signer.dns_name})
    return bad(
        "DKIM",
        _("%(name)s 公布的不是签名用的密钥，签名会无效。") % {"name": signer.dns_name},
        _("换成这条记录："),
        full,
    )


def _strings(text: str) -> str:
    """As in a zone file: a string has at most 255 octets, and a bare ; would begin a comment."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))


def _key_of(text: str) -> str:
    tags = dict(part.strip().partition("=")[::2] for part in text.split(";") if "=" in part)
    return "".join(tags.get("p", "").split())


def dmarc(publication: Publication, resolver: Resolver) -> Check:
    """RFC 7489, section 6.6.3: the domain's own record, else its organisation's."""
    labels = publication.domain.split(".")
    for start in range(max(1, len(labels) - 1)):
        domain = ".".join(labels[start:])
        records = [
            text for text in resolver.texts(f"_dmarc.{domain}") if text.startswith("v=DMARC1")
        ]
        if records:
            return _dmarc_says(records[0], domain)
    name, reports = f"_dmarc.{publication.domain}", f"postmaster@{publication.domain}"
    example = f'{name}. IN TXT "v=DMARC1; p=none; rua=mailto:{reports}"'
    return bad(
        "DMARC",
        _("没有 DMARC 记录；Gmail、Yahoo 等对大量来信要求有。"),
        _("先用 p=none 观察，再收紧："),
        example,
    )


def _dmarc_says(record: str, domain: str) -> Check:
    tags = dict(part.strip().partition("=")[::2] for part in record.split(";") if "=" in part)
    if tags.get("p") == "none":
        return doubt(
            "DMARC",
            _("%(domain)s：p=none，只观察。") % {"domain": domain},
            _("看过报告、确认正当的信都通过以后，改成 p=quarantine。"),
            record,
        )
    return good("DMARC", record)


def mx(domain: str, resolver: Resolver) -> Check:
    """Where what comes back, and what readers answer, is to go."""
    exchanges, title = resolver.hosts(domain, "MX"), _("MX（%(host)s）") % {"host": domain}
    if not exchanges:
        return bad(
            title,
            _("没有 MX：退信和回信到不了。"),
            _("添加一条 MX，指向收信的服务器；退信怎样交给我们，见 docs/returns.md。"),
        )
    lost = [each for each in exchanges if not resolver.addresses(each)]
    if lost:
        return bad(
            title,
            _("MX 指向没有地址的主机：%(hosts)s") % {"hosts": _("、").join(lost)},
            _("为它添加 A 或 AAAA 记录，或改 MX。"),
        )
    return good(title, _("、").join(exchanges))


def ptr(relay: Relay, resolver: Resolver) -> Check:
    """Receivers ask the name of whoever connects, and whether that name leads back."""
    title = _("PTR（%(host)s）") % {"host": relay.host}
    addresses = [relay.host] if _is_address(relay.host) else resolver.addresses(relay.host)
    if any(each.startswith("127.") or each in LOOPBACK for each in [relay.host, *addresses]):
        return unknown(
            title,
            _("中继在本机，看不到它对外的地址。"),
            _("在中继的对外地址上查：host 地址，再 host 名称，两头要一致。"),
        )
    if not addresses:
        return bad(title, _("中继的名称没有地址。"), _("检查 DONGTAI_RELAY_URL 里的主机名。"))
    alone = [
        each
        for each in addresses
        if not any(each in resolver.addresses(name) for name in resolver.names(each))
    ]
    if alone:
        return doubt(
            title,
            _("这些地址没有能对上的反向名称：%(hosts)s") % {"hosts": _("、").join(alone)},
            _("如果它直接向收信方投递，请地址的提供商设置 PTR；经服务商转发的不必。"),
        )
    return good(title, _("、").join(addresses))


def _is_address(host: str) -> bool:
    return host.replace(".", "").isdigit() or ":" in host
