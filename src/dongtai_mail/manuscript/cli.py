"""The command ``dongtai manuscript FILE [--json]``.

Owns: its arguments, its output and its exit codes: 0 when the file could be read, 2 when not.
Promises: starts without Django; errors go to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from dongtai_mail.arguments import Parser, complain, file_reason
from dongtai_mail.manuscript import Manuscript, ManuscriptError, outline, read, to_json

_READ = 0


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments, without the words ``dongtai manuscript``."""
    arguments = _parser().parse_args(argv)
    try:
        manuscript = _read(arguments.file)
    except ManuscriptError as error:
        return complain(f"{arguments.file}：{error}")
    except OSError as error:
        return complain(file_reason(error))
    return _print(manuscript, as_json=arguments.json)


def _parser() -> Parser:
    parser = Parser(
        prog="dongtai manuscript",
        description="读一份稿件，列出它的栏目、条目和需要留意的地方。"
        " · Read a manuscript; show its sections, items and what wants a look.",
    )
    parser.add_argument(
        "file",
        metavar="FILE",
        help="稿件（纯文本或 Markdown），“-”为标准输入 · text or Markdown; - is stdin",
    )
    parser.add_argument(
        "--json", action="store_true", help="输出 JSON · print JSON (docs/manuscript.md)"
    )
    return parser


def _read(file: str) -> Manuscript:
    if file == "-":
        return read(sys.stdin.buffer.read())
    return read(Path(file).read_bytes(), Path(file).name)


def _print(manuscript: Manuscript, *, as_json: bool) -> int:
    if as_json:
        text = json.dumps(to_json(manuscript), ensure_ascii=False, indent=2)
    else:
        text = outline(manuscript)
    sys.stdout.buffer.write(f"{text}\n".encode("utf-8", "replace"))
    sys.stdout.buffer.flush()
    return _READ
