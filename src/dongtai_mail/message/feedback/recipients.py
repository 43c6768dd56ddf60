"""Whom a notice is about, and the words it has for each.

Owns: finding recipients by class of evidence, best first: fields a recipient (RFC 3464), the
lines of prose that MTAs begin with an address, labels before an address, the X-Failed-Recipients
field, the To of the returned message. Promises: our own addresses and a postmaster's are nobody's
bounce. Fails: a notice that names nobody gives nobody.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dongtai_mail.message.feedback.document import Document
from dongtai_mail.message.feedback.mime import Fields

# Our own mail has one recipient each; a list's notice of more is cut.
_MOST = 50
_LOCAL = r"[^\s<>()\[\],;:@\"'/\\|（）《》：；，]{1,64}"
_DOMAIN = r"(?:[^\W_](?:[\w-]{0,62})\.){1,8}[^\W\d_][\w-]{1,62}"
ADDRESS = re.compile(
    rf"(?:(?<=[<\s\"'(\[:;,*=：（“])|^)({_LOCAL}@{_DOMAIN})(?![\w@-])", re.MULTILINE
)
_ALONE = re.compile(rf"\s*<?\"?({_LOCAL}@{_DOMAIN})\"?>?\s*\.?")
# "<a@b>", "a@b:", "* a@b", '"a@b":', "user:0:<a@b>" at the beginning of a line.
_LEADING = re.compile(
    rf"^[ \t>*•·-]*(?:\w+:\d+:)?(?:\d{{3}} (?:\d\.\d\.\d )?)?(?P<open>[<\"'(\[]?)"
    rf"(?P<address>{_LOCAL}@{_DOMAIN})[>\"')\]]?"
    r"(?P<rest>[ \t]*$|[ \t]*[:;,(\[].*|[ \t]+(?:on \d|\.\.\.|[-–—]|\d{3}|delivery|failed|does"
    r"|is not).*"
    r"|[ \t]+.*(?:invalid|unknown|error|reject|fail|\bnot\b|refus|full|exceed|不存在|失败).*"
    r"|[ \t]+\[.*|\.\.\. .*|[ \t]{2,}.*)",
    re.MULTILINE | re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:(?:^|[\s(>])(?:rcpt to|recipients?(?: address)?|addressed to|failed recipients?"
    r"|original address|e-?mail address|user|final-recipient|deliver(?:y|ed)? to"
    r"|could not be delivered"
    r" to|not delivered to|message(?: sent)? to|mail to|undeliverable to|unable to deliver to"
    r"|wasn't delivered to|to address|following (?:recipients?|address(?:es)?)(?: failed"
    r"| were)?[^\n:]{0,60}"
    r"|returned permanent errors|sent to|delivering to|delivered to|gateway for|account"
    r"|delivering your mail to|attempts"
    r")|收件人(?:地址)?|收信人|发往|发给|寄往|寄给|发送(?:至|到|给)|投递(?:至|到)|邮件地址|无法(?:送达|投递)|用户)"
    rf"\s{{0,9}}[:：]?\s{{0,9}}[<\"'(（“]?\s{{0,9}}(?:(?:rfc822"
    rf"|mailto)[;:] ?)?({_LOCAL}@{_DOMAIN})",
    re.MULTILINE | re.IGNORECASE,
)
_ENDING = re.compile(
    rf"^.{{0,120}}[:：][ \t]?<?(?P<address>{_LOCAL}@{_DOMAIN})>?[ \t.]*$", re.MULTILINE
)
_PUNCTUATION = " \t\n>\"':;.,-=_*)]"
_NOBODY = re.compile(
    r"^(?:mailer-daemon|mail-daemon|mail\.delivery\.\w+|postmaster|post_master|abuse|support"
    r"|helpdesk"
    r"|noreply|no-reply|do-?not-?reply|bounces?|daemon)(?:[+_.-].*)?@",
    re.IGNORECASE,
)
_CONTACT = re.compile(
    r"(?:contact|write|questions?|assistance|support|help|mailto:|e-?mail (?:us|me)|please send"
    r"|forward .{0,40}|report)[^\n]{0,60}(?<![.!])$",
    re.IGNORECASE,
)
_ENDS_SECTION = re.compile(
    r"^[ \t>]*(?:[-=_*]{5,}|if your message was also|for (?:further|more) |the original message)",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(slots=True)
class Candidate:
    """One recipient before judgement: ``said`` is about it alone, ``context`` around it."""

    address: str
    original: str = ""
    action: str = ""
    status: str = ""
    said: str = ""
    context: str = ""


def find_candidates(document: Document) -> list[Candidate]:
    """Every recipient once, by the best class of evidence that names any."""
    ours = _our_addresses(document)
    in_prose = _in_prose(document.notice, ours)
    in_fields = _in_fields(document.status_groups, in_prose)
    found = (
        in_fields
        or in_prose
        or _in_header(document)
        or _labelled(document.notice, ours)
        or _ending_lines(document.notice, ours)
        or _in_original(document, ours)
    )
    distinct = {candidate.address.lower(): candidate for candidate in reversed(found)}
    kept = list(reversed(distinct.values()))[:_MOST]
    for candidate in kept:
        candidate.context = _context(document.notice, candidate, len(kept))
    return kept


def clean(value: str) -> str:
    """The address in a typed field such as "rfc822; <a@b> (comment)", else ''."""
    _, typed, address = value.rpartition(";")
    text = (address if typed else value).strip()
    # X.400 and source routes: "@relay:user@host" is refused rather than guessed.
    match = _ALONE.match(text) or ADDRESS.search(text)
    return match[1].strip(".'\"") if match else ""


def _our_addresses(document: Document) -> set[str]:
    fields = [document.head.get("to"), document.head.get("from"), document.original.get("from")]
    fields += [document.original.get("return-path"), document.original.get("sender")]
    return {address.lower() for value in fields for address in ADDRESS.findall(value)}


def _in_fields(groups: list[Fields], in_prose: list[Candidate]) -> list[Candidate]:
    named = [group for group in groups if group.get("final-recipient", "original-recipient")]
    found = [_from_group(group) for group in named]
    unnamed = [candidate for candidate in found if not candidate.address]
    if unnamed and len(in_prose) == len(found):
        for candidate, prose in zip(found, in_prose, strict=True):
            candidate.address = candidate.address or prose.address
    by_address = {candidate.address.lower(): candidate for candidate in in_prose}
    for candidate in found:
        prose_said = by_address.get(candidate.address.lower())
        candidate.context = f"{prose_said.said}\n{prose_said.context}" if prose_said else ""
    return [candidate for candidate in found if candidate.address]


def _from_group(group: Fields) -> Candidate:
    final = group.get("final-recipient")
    routed = final.rpartition(";")[2].strip().startswith("@")
    original = clean(group.get("original-recipient"))
    address = original if routed else clean(final)
    return Candidate(
        address=address or original or clean(group.get("x-actual-recipient")),
        original=original,
        action=group.get("action").lower().strip(),
        status=group.get("status"),
        said=_untyped(group.get("diagnostic-code", "x-diagnostic-code", "diagnostic")),
    )


def _untyped(diagnostic: str) -> str:
    return re.sub(r"^[\w-]{1,40}\s*;\s*", "", diagnostic)


def _preceding(notice: str, match: re.Match[str]) -> str:
    """The two lines before an address: some say the reason first."""
    before = notice[max(0, match.start() - 400) : match.start()].split("\n")
    return "\n".join([line for line in before if line.strip()][-2:])


def _in_prose(notice: str, ours: set[str]) -> list[Candidate]:
    """Lines that begin with an address; what follows until the next one is said about it."""
    led = [
        match
        for match in _LEADING.finditer(notice)
        if not _CONTACT.search(notice[max(0, match.start() - 120) : match.start()].rstrip())
    ]
    # Who writes to himself is told so about the very address the notice goes to.
    hits = [match for match in led if not _about_us(match["address"], ours)] or [
        match for match in led if not _NOBODY.match(match["address"])
    ]
    found = []
    for match, following in zip(hits, [*hits[1:], None], strict=False):
        said = _said(notice, match, following)
        before = "" if said.strip(_PUNCTUATION) else _preceding(notice, match)
        found.append(Candidate(match["address"], said=said, context=before))
    return _merged(found)


def _said(notice: str, match: re.Match[str], following: re.Match[str] | None) -> str:
    if match["rest"].startswith("... "):
        return match["rest"]  # A line of a transcript is whole; the next is about another.
    section = notice[match.end("address") : following.start() if following else len(notice)]
    ends = _ENDS_SECTION.search(section, 1)
    return section[: ends.start() if ends else 2_000][:2_000]


def _merged(found: list[Candidate]) -> list[Candidate]:
    merged: dict[str, Candidate] = {}
    for candidate in found:
        known = merged.setdefault(candidate.address.lower(), candidate)
        if known is not candidate:
            known.said = f"{known.said}\n{candidate.said}"[:4_000]
    return list(merged.values())


def _labelled(notice: str, ours: set[str]) -> list[Candidate]:
    labelled = list(_LABEL.finditer(notice))
    hits = [match for match in labelled if not _about_us(match[1], ours)] or [
        match for match in labelled if match[1].lower() not in ours
    ]
    return _merged(
        [
            Candidate(match[1].rstrip("."), said=notice[match.end() : match.end() + 1_000])
            for match in hits
        ]
    )


def _ending_lines(notice: str, ours: set[str]) -> list[Candidate]:
    """Lines that end with a colon and an address, whatever the words before."""
    hits = [match for match in _ENDING.finditer(notice) if not _about_us(match["address"], ours)]
    return _merged([Candidate(match["address"], said=match[0]) for match in hits])


def _in_header(document: Document) -> list[Candidate]:
    failed = document.head.get("x-failed-recipients")
    return [Candidate(address) for address in ADDRESS.findall(failed)]


def _in_original(document: Document, ours: set[str]) -> list[Candidate]:
    """Only where the returned message had one recipient is its To an answer."""
    for name in ("x-original-to", "delivered-to", "x-envelope-to", "x-rcpt-to", "to"):
        found = set(ADDRESS.findall(document.original.get(name)))
        if len(found) == 1 and not _about_us(next(iter(found)), ours):
            return [Candidate(found.pop())]
    return []


def _about_us(address: str, ours: set[str]) -> bool:
    return address.lower() in ours or bool(_NOBODY.match(address))


def _context(notice: str, candidate: Candidate, recipients: int) -> str:
    if recipients == 1:
        return f"{candidate.context}\n{notice[:6_000]}"
    lines = [line for line in notice.split("\n") if candidate.address in line]
    return "\n".join([candidate.context, *lines])[:2_000]
