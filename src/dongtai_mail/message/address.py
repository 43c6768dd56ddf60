"""Readers' addresses: one spelling, one key, and who receives for them.

Owns: what an acceptable address is and when two spellings are one subscriber.
Promises: an `Address` can stand in RCPT TO and in a header as it is: no control characters, no
quoting, no source route, no IP literal; local part ≤ 64 octets, the whole ≤ 254 (RFC 5321,
4.5.3.1). Full-width variants are read as what they look like (NFKC). The domain is held as the
lower-case A-label and always goes out so, which RFC 6531 (3.3) permits beside a UTF-8 local part
and every server understands. Domains reserved for tests (RFC 2606) are addresses.
Fails: `AddressError`, in Chinese, says what is wrong and how to mend it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import email_validator

# The validator's own way to admit a special-use domain; demo data and tests live there.
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [
    name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in ("invalid", "test")
]

# Nearly every address there is. Whatever matches, the validator would accept unchanged; what
# does not match (IDN, Punycode, rare punctuation) is left to it.
_PLAIN = re.compile(
    r"""(?=.{1,254}\Z)(?=.{1,64}@)(?!.*--)
    ([a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*)
    @
    ((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+
     (?!(?:arpa|local|localhost|onion)\Z)[a-z]{2,63})""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_SPACES_AROUND = " \t\u00a0\u3000"
_MAILTO = re.compile(r"\Amailto\s*[:：]\s*", re.IGNORECASE)
_AFTER = f"{_SPACES_AROUND};；,，、"
_LOCAL_OCTETS, _OCTETS = 64, 254


class AddressError(ValueError):
    """Not an address that mail can be sent to; the text is for people."""


@dataclass(frozen=True, slots=True)
class Address:
    """``local`` keeps its case as written; ``domain`` is the A-label in lower case."""

    local: str
    domain: str

    @property
    def key(self) -> str:
        """The string by which two spellings are one subscriber."""
        if self.local.isascii():
            return f"{self.local.lower()}@{self.domain}"
        return f"{unicodedata.normalize('NFKC', self.local.casefold())}@{self.domain}"

    @property
    def ascii(self) -> bool:
        """Whether the address goes through a server without SMTPUTF8."""
        return self.local.isascii()

    @property
    def wire(self) -> str:
        """The address as in RCPT TO and To."""
        return f"{self.local}@{self.domain}"

    @property
    def display(self) -> str:
        """The address as people write it, the domain in its own script."""
        if "xn--" not in self.domain:
            return self.wire
        return f"{self.local}@{_unicode(self.domain)}"


def parse(text: str) -> Address:
    """Read one address as a person or a file gave it."""
    found = _PLAIN.fullmatch(text)
    if found is None:
        return _parse_any(text)
    return Address(found[1], found[2].lower())


def as_typed(text: str) -> Address:
    """Read one address as somebody typed or pasted it, maybe with what was copied along with it.

    That is taken off: ``mailto:`` from a page, what ends a line of several.
    """
    return parse(_MAILTO.sub("", text.strip(), count=1).rstrip(_AFTER) or text)


def plain(text: str) -> tuple[str, str, str] | None:
    """Key, display and domain of an address as nearly all are, in a third of the time; else None.

    The same as ``parse`` gives, for files of millions; who gets None asks that.
    """
    found = _PLAIN.fullmatch(text)
    if found is None:
        return None
    local, domain = found[1], found[2].lower()
    return f"{local.lower()}@{domain}", f"{local}@{domain}", domain


def _parse_any(text: str) -> Address:
    spelled = unicodedata.normalize("NFKC", _printable(text.strip(_SPACES_AROUND)))
    local, domain = _split(spelled)
    try:
        domain = _validated(spelled).ascii_domain.lower()
    except email_validator.EmailNotValidError:
        raise _fault(spelled, local, domain) from None
    address = Address(local, domain)
    _check_length(address)
    return address


def _printable(text: str) -> str:
    if len(text) > 2 * _OCTETS:
        raise AddressError(f"地址有 {len(text)} 个字符，最多 {_OCTETS} 个；请只留下一个邮箱地址")
    for character in text:
        if unicodedata.category(character)[0] == "C" or character in "\u2028\u2029":
            raise AddressError(
                f"地址“{_shown(text)}”里有看不见的字符 U+{ord(character):04X}，请删去后重新填写"
            )
    return text


def _split(spelled: str) -> tuple[str, str]:
    shown = _shown(spelled)
    local, _, domain = spelled.partition("@")
    if "@" in domain:
        raise AddressError(f"“{shown}”里有多个 @，请只填一个地址，写成“名字@域名”")
    if not (local and domain):
        raise AddressError(f"“{shown}”不是完整的邮箱地址，请写成“名字@域名”")
    if "<" in spelled and spelled.endswith(">"):
        raise AddressError(f"“{shown}”里不只有邮箱地址，请只留下尖括号里的部分")
    if any(character.isspace() for character in spelled):
        raise AddressError(f"地址“{shown}”中间有空格，请删去空格")
    if domain.startswith("["):
        raise AddressError(f"地址“{shown}”的 @ 后面是 IP 地址，请改用域名")
    return local, domain


def _validated(spelled: str) -> email_validator.ValidatedEmail:
    return email_validator.validate_email(spelled, check_deliverability=False)


@lru_cache(maxsize=4096)
def _unicode(domain: str) -> str:
    """Return a domain in its own script; a list of readers has few of them, many times."""
    return _validated(f"x@{domain}").domain


def _fault(spelled: str, local: str, domain: str) -> AddressError:
    shown = _shown(spelled)
    if len(spelled.encode()) > _OCTETS:
        return AddressError(f"地址“{shown}”太长，整个地址最多 {_OCTETS} 字节，请核对")
    try:
        _validated(f"x@{domain}")
    except email_validator.EmailNotValidError:
        return AddressError(
            f"地址“{shown}”的域名“{_shown(domain)}”不合规，请检查 @ 后面的部分，例如 example.com"
        )
    return AddressError(
        f"地址“{shown}”里 @ 前面的“{_shown(local)}”不合规，"
        "请检查有没有引号、括号、逗号，或开头、结尾、相连的点"
    )


def _check_length(address: Address) -> None:
    if len(address.local.encode()) > _LOCAL_OCTETS:
        raise AddressError(
            f"地址“{_shown(address.wire)}”太长，@ 前面最多 {_LOCAL_OCTETS} 字节，请核对"
        )
    if len(address.wire.encode()) > _OCTETS:
        raise AddressError(f"地址“{_shown(address.wire)}”太长，整个地址最多 {_OCTETS} 字节，请核对")


def _shown(text: str) -> str:
    shown = "".join(c if unicodedata.category(c)[0] != "C" else "\ufffd" for c in text)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def provider(domain: str) -> str:
    """Return the group that receives for a domain; a domain of no group is its own."""
    return _PROVIDERS.get(domain, domain)


_PROVIDER_DOMAINS = {
    "tencent": "qq.com vip.qq.com foxmail.com exmail.qq.com tencent.com",
    "netease": (
        "163.com vip.163.com 126.com vip.126.com yeah.net vip.yeah.net 188.com vip.188.com"
        " netease.com"
    ),
    "aliyun": "aliyun.com",
    "sina": "sina.com sina.cn sina.com.cn vip.sina.com vip.sina.cn",
    "gmail": "gmail.com googlemail.com",
    "microsoft": (
        "outlook.com hotmail.com live.com msn.com live.cn windowslive.com passport.com"
        " outlook.de outlook.fr outlook.jp outlook.kr outlook.es outlook.it outlook.sg"
        " outlook.com.au outlook.com.br outlook.com.vn outlook.in outlook.my outlook.ph"
        " hotmail.co.uk hotmail.de hotmail.fr hotmail.it hotmail.es hotmail.co.jp hotmail.com.hk"
        " hotmail.com.tw live.co.uk live.de live.fr live.it live.jp live.com.my live.hk"
        " live.com.sg"
    ),
    "yahoo": (
        "yahoo.com ymail.com rocketmail.com myyahoo.com yahoo.com.hk yahoo.com.tw yahoo.com.sg"
        " yahoo.com.au yahoo.com.br yahoo.co.uk yahoo.co.in yahoo.co.id yahoo.de yahoo.fr"
        " yahoo.it yahoo.es yahoo.ca yahoo.in aol.com"
    ),
    "apple": "icloud.com me.com mac.com",
}
_PROVIDERS = {
    domain: group for group, domains in _PROVIDER_DOMAINS.items() for domain in domains.split()
}
