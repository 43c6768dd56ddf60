"""``dongtai render FILE --out DIR``: a manuscript, or an issue by its id, as files to look at.

A manuscript needs no database: what it lacks comes from options, then from ``--publication``.
Promises: nothing is kept but the files. Exit code 0 when it could be rendered, whatever the
checks say (``report.json`` has them all); 2 when not.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dongtai_mail import content, manuscript, rendering
from dongtai_mail.arguments import Parser, complain, date, either, file_reason, one_line
from dongtai_mail.commands import shell
from dongtai_mail.message.address import AddressError, as_typed, parse
from dongtai_mail.message.compose import Letterhead, Reader, Skeleton
from dongtai_mail.rendering.cli import write_output

Findings = tuple[content.Finding, ...]
_LONGEST_ID = 18
SAMPLE_TOKEN = "A" * 44


@dataclass(frozen=True)
class _Job:
    """An issue ready to render, and whose letter it will be."""

    issue: content.Issue
    findings: Findings
    frame: rendering.Frame
    from_name: str
    from_address: str


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    try:
        is_file = _is_file(arguments.file)
        if is_file and not arguments.publication:
            return _render(_from_file, arguments)
        prepare = _from_file_of_publication if is_file else _from_issue
        return shell.run(lambda: _render(prepare, arguments))
    except (manuscript.ManuscriptError, rendering.RenderingError) as error:
        return complain(f"{arguments.file}：{error}")
    except OSError as error:
        return complain(file_reason(error))


def _is_file(name: str) -> bool:
    """Whether it names a file; what is neither that nor a number is a slip of the pen."""
    found = Path(name).exists()
    if not found and not (name.isdecimal() and len(name) < _LONGEST_ID):
        raise FileNotFoundError(
            either(
                f"没有文件 {name}，它也不是一期的编号。请检查路径。",
                f"There is no file {name}, nor an issue of that number. See the path.",
            )
        )
    return found


def _parser() -> Parser:
    parser = Parser(
        prog="dongtai render",
        description="把稿件或一期（按编号）渲染成文件，供查看。"
        " · A manuscript, or an issue by its id, as files to look at.",
    )
    parser.add_argument("file", help="稿件，或一期的编号 · a manuscript, or the id of an issue")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="写到这个目录 · write there"
    )
    parser.add_argument("--edition", choices=("auto", "full", "lean", "digest"), default="auto")
    parser.add_argument(
        "--publication",
        metavar="SLUG",
        help="稿件里没有的取自这份刊物 · takes what is lacking from it",
    )
    parser.add_argument("--masthead", help="刊名 · the name on the cover")
    parser.add_argument("--number", help="期号 · the issue's number")
    parser.add_argument("--date", type=date, help="日期 · 2026-12-01")
    parser.add_argument("--host", help="主办单位 · the host organisation")
    parser.add_argument("--subject", help="邮件主题 · of the mail")
    parser.add_argument("--from-address", type=_address, default="editor@example.org")
    parser.add_argument("--origin", type=_origin, default="https://news.example.org")
    return parser


def _address(text: str) -> str:
    try:
        return as_typed(text).wire
    except AddressError as error:
        raise argparse.ArgumentTypeError(f"{text!r}：{error}") from None


def _origin(text: str) -> str:
    if not re.fullmatch(r"https?://[\w.:\[\]-]+/?", text, re.ASCII):
        raise argparse.ArgumentTypeError(
            either(
                f"{text!r} 不是网站的地址；请写成 https://news.example.org。",
                f"{text!r} is no site's address; write it as https://news.example.org.",
            )
        )
    return text.rstrip("/")


def _render(prepare: Callable[[argparse.Namespace], _Job], arguments: argparse.Namespace) -> int:
    job = prepare(arguments)
    kind = None if arguments.edition == "auto" else rendering.Kind(arguments.edition)
    rendered = rendering.render(job.issue, job.frame, kind)
    findings = tuple(dict.fromkeys(job.findings + rendered.findings))
    complete = dataclasses.replace(rendered, findings=findings)
    write_output(complete, arguments.out, _letter(rendered, job))
    for finding in findings:
        if finding.severity is not content.Severity.INFO:
            place = f"《{finding.item}》" if finding.item else ""
            print(one_line(f"{finding.severity.word} {place}{finding.message}"))
    size = f"HTML {rendered.size:,} 字节"
    print(f"{arguments.out}：{rendered.kind}，{size}，检查结果 {len(findings)} 条。")
    return 0


def _from_file(arguments: argparse.Namespace) -> _Job:
    read = _read(arguments)
    issue, findings = rendering.complete(read.issue, **_options(arguments))
    unsubscribe, preferences = _links(arguments.origin)
    frame = rendering.Frame(
        web_url=f"{arguments.origin}/read/sample/",
        reason=f"您收到这封邮件，是因为您订阅了{_named(issue)}。",
        unsubscribe_url_length=len(unsubscribe),
        preferences_url_length=len(preferences),
    )
    return _Job(
        issue, read.findings + findings, frame, issue.masthead or "", arguments.from_address
    )


def _named(issue: content.Issue) -> str:
    return f"《{issue.masthead}》" if issue.masthead else "本刊"


def _from_file_of_publication(arguments: argparse.Namespace) -> _Job:
    from dongtai_mail.commands.lookup import publication_named
    from dongtai_mail.issues import editions
    from dongtai_mail.issues.models import Issue

    publication = publication_named(arguments.publication)
    read = _read(arguments)
    offered = {
        "masthead": publication.name,
        "host": publication.host,
        "colophon": publication.colophon,
        **{name: value for name, value in _options(arguments).items() if value is not None},
    }
    issue, findings = rendering.complete(read.issue, **offered)
    frame = editions.frame(Issue(publication=publication), issue)
    sender = (publication.from_name, publication.from_address)
    return _Job(issue, read.findings + findings, frame, *sender)


def _from_issue(arguments: argparse.Namespace) -> _Job:
    from dongtai_mail.commands.lookup import issue_numbered
    from dongtai_mail.issues import editions

    row = issue_numbered(arguments.file)
    issue, findings = editions.complete(row)
    sender = (row.publication.from_name, row.publication.from_address)
    return _Job(issue, findings, editions.frame(row), *sender)


def _read(arguments: argparse.Namespace) -> manuscript.Manuscript:
    path = Path(arguments.file)
    return manuscript.read(path.read_bytes(), path.name)


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "masthead": arguments.masthead,
        "number": arguments.number,
        "date": arguments.date,
        "host": content.Host(arguments.host) if arguments.host else None,
        "subject": arguments.subject,
    }


def _links(origin: str) -> tuple[str, str]:
    return f"{origin}/u/{SAMPLE_TOKEN}/", f"{origin}/p/{SAMPLE_TOKEN}/"


def _letter(rendered: rendering.Rendered, job: _Job) -> bytes:
    """The message as one reader would get it; unsigned, since keys stay with the workers."""
    domain = job.from_address.rpartition("@")[2]
    parts = job.frame.web_url.split("/", 3)
    links = _links("/".join(parts[:3]))
    letterhead = Letterhead(
        from_name=job.from_name,
        from_address=job.from_address,
        subject=rendered.subject,
        list_name=job.from_name,
        list_id=f"sample.{domain}",
    )
    skeleton = Skeleton(
        letterhead,
        rendered.html,
        rendered.text,
        (rendered.slots.unsubscribe, rendered.slots.preferences),
        [len(link) for link in links],
        boundary="=_sample",
    )
    reader = Reader(
        address=parse("reader@example.com"),
        name=None,
        message_id=f"<sample@{domain}>",
        links=links,
        unsubscribe_url=links[0],
        unsubscribe_mailto=f"mailto:unsubscribe+{SAMPLE_TOKEN}@{domain}?subject=unsubscribe",
    )
    return skeleton.message(reader, (), datetime.datetime.now(datetime.UTC))
