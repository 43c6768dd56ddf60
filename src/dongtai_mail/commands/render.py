"""``dongtai render FILE --out DIR``: a manuscript, or an issue by its id, as files to look at.

A manuscript needs no database: what it lacks comes from options, or from ``--publication``.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dongtai_mail import content, manuscript, rendering
from dongtai_mail.commands import shell
from dongtai_mail.message.address import parse
from dongtai_mail.message.compose import Letterhead, Reader, Skeleton
from dongtai_mail.rendering.cli import write_output

Findings = tuple[content.Finding, ...]
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
    from_database = arguments.publication or not Path(arguments.file).exists()
    try:
        if from_database:
            return shell.run(lambda: _render(_from_database, arguments))
        return _render(_from_options, arguments)
    except (manuscript.ManuscriptError, rendering.RenderingError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dongtai render", description=__doc__.split("\n")[0])
    parser.add_argument("file", help="a manuscript, or the id of an issue")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--edition", choices=("auto", "full", "lean", "digest"), default="auto")
    parser.add_argument("--publication", metavar="SLUG", help="takes what is lacking from it")
    parser.add_argument("--masthead")
    parser.add_argument("--number")
    parser.add_argument("--date", type=datetime.date.fromisoformat, help="2026-12-01")
    parser.add_argument("--host", help="the host organisation")
    parser.add_argument("--subject")
    parser.add_argument("--from-address", default="editor@example.org")
    parser.add_argument("--origin", default="https://news.example.org")
    return parser


def _render(prepare: Callable[[argparse.Namespace], _Job], arguments: argparse.Namespace) -> int:
    job = prepare(arguments)
    kind = None if arguments.edition == "auto" else rendering.Kind(arguments.edition)
    rendered = rendering.render(job.issue, job.frame, kind)
    findings = tuple(dict.fromkeys(job.findings + rendered.findings))
    complete = dataclasses.replace(rendered, findings=findings)
    write_output(complete, arguments.out, _letter(rendered, job))
    for finding in findings:
        if finding.severity is not content.Severity.INFO:
            print(f"[{finding.severity}] {finding.item or ''} {finding.message}")
    print(
        f"{arguments.out}：{rendered.kind}，HTML {rendered.size:,} 字节，{len(findings)} 条提示。"
    )
    return 1 if any(found.severity is content.Severity.ERROR for found in findings) else 0


def _from_options(arguments: argparse.Namespace) -> _Job:
    path = Path(arguments.file)
    read = manuscript.read(path.read_bytes(), path.name)
    issue, findings = rendering.complete(
        read.issue,
        masthead=arguments.masthead,
        number=arguments.number,
        date=arguments.date,
        host=content.Host(arguments.host) if arguments.host else None,
        subject=arguments.subject,
    )
    name = issue.masthead or "示例"
    frame = rendering.Frame(
        web_url=f"{arguments.origin}/read/sample/",
        reason=f"您收到这封邮件，是因为您订阅了《{name}》。",
        unsubscribe_url_length=len(_links(arguments.origin)[0]),
        preferences_url_length=len(_links(arguments.origin)[1]),
    )
    return _Job(issue, read.findings + findings, frame, name, arguments.from_address)


def _from_database(arguments: argparse.Namespace) -> _Job:
    from dongtai_mail.commands.lookup import issue_numbered, publication_named
    from dongtai_mail.issues import editions
    from dongtai_mail.issues.importing import import_manuscript

    path = Path(arguments.file)
    if path.exists():
        publication = publication_named(arguments.publication)
        row = import_manuscript(publication, path.read_bytes(), path.name)
    else:
        row = issue_numbered(arguments.file)
    issue, findings = editions.complete(row)
    frame = editions.frame(row)
    publication = row.publication
    return _Job(issue, findings, frame, publication.from_name, publication.from_address)


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
