"""The command ``dongtai manuscript FILE [--json]``.

Owns: its arguments, its output and its exit codes: 0 when the file could be read, 2 when not.
Promises: starts without Django; errors go to stderr; a closed pipe ends it quietly.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from dongtai_mail.manuscript import Manuscript, ManuscriptError, outline, read, to_json

_READ, _UNREADABLE = 0, 2


def main(argv: Sequence[str]) -> int:
    """Run the command with its arguments, without the words ``dongtai manuscript``."""
    arguments = _parser().parse_args(argv)
    try:
        manuscript = _read(arguments.file)
    except (ManuscriptError, OSError) as error:
        print(f"dongtai manuscript：{arguments.file}：{_reason(error)}", file=sys.stderr)
        return _UNREADABLE
    return _print(manuscript, as_json=arguments.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="dongtai manuscript", description="读一份稿件，列出它的栏目、条目和需要留意的地方。"
    )
    parser.add_argument("file", metavar="FILE", help="稿件（纯文本或 Markdown），“-”为标准输入")
    parser.add_argument("--json", action="store_true", help="输出 JSON（见 docs/manuscript.md）")
    return parser


def _read(file: str) -> Manuscript:
    if file == "-":
        return read(sys.stdin.buffer.read())
    return read(Path(file).read_bytes(), Path(file).name)


def _reason(error: Exception) -> str:
    match error:
        case FileNotFoundError():
            return "没有这个文件。请检查路径。"
        case IsADirectoryError():
            return "这是一个目录，不是文件。请给出稿件文件的路径。"
        case PermissionError():
            return "没有权限读取。请检查文件权限。"
        case OSError():
            return f"读取失败（{error.strerror}）。"
    return str(error)


def _print(manuscript: Manuscript, *, as_json: bool) -> int:
    if as_json:
        text = json.dumps(to_json(manuscript), ensure_ascii=False, indent=2)
    else:
        text = outline(manuscript)
    try:
        sys.stdout.buffer.write(f"{text}\n".encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _READ
