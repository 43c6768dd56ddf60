"""What the commands have in common with people at a terminal: arguments, mistakes, files.

Owns: argparse in Chinese and English, and the reason why a file can't be used.
Promises: a mistake is one line on stderr that says what to do, in English where the environment
(``LC_ALL``, ``LC_MESSAGES``, ``LANG``) asks for it, else in Chinese, and exit code 2. Needs no
settings.
"""

from __future__ import annotations

import argparse
import datetime
import errno
import os
import re
import sys
from typing import Any, NoReturn

_MISTAKES = (
    (r"the following arguments are required: (.+)", r"缺少 \1。"),
    (r"unrecognized arguments: (.+)", r"不认识 \1。"),
    (
        r"argument (.+?): invalid choice: (.+?) \(choose from (.+)\)",
        r"\1 不能是 \2；可以是 \3。",
    ),
    (r"argument (.+?): invalid int value: (.+)", r"\1 要写整数，不能是 \2。"),
    (r"argument (.+?): invalid float value: (.+)", r"\1 要写数字，不能是 \2。"),
    (r"argument (.+?): invalid \w+ value: (.+)", r"\1 不能是 \2。"),
    (r"argument (.+?): expected (?:one|at least one) argument", r"\1 后面缺少内容。"),
    (r"argument (.+?): not allowed with argument (.+)", r"\1 不能和 \2 一起用。"),
    (r"argument (.+?): ignored explicit argument (.+)", r"\1 后面不能写 \2。"),
    (r"ambiguous option: (.+?) could match (.+)", r"\1 不明确，可能是 \2。"),
    (r"one of the arguments (.+) is required", r"\1 之中要写一个。"),
    (r"argument (.+?): (.+)", r"\1：\2"),
)
_USAGE = "用法 · usage: "
_HIGHEST_PORT = 65535
_REASONS = {
    errno.ENOENT: "没有这个文件或目录。请检查路径。",
    errno.EISDIR: "这是一个目录，不是文件。请给出文件的路径。",
    errno.ENOTDIR: "路径中间有一段不是目录。请检查路径。",
    errno.EEXIST: "已经有了，不会覆盖它。请换一个名字。",
    errno.EACCES: "没有权限。请检查文件和目录的权限。",
    errno.EPERM: "没有权限。请检查文件和目录的权限。",
    errno.ENAMETOOLONG: "路径太长。请换短一些的名字。",
    errno.ENOSPC: "磁盘已满。请腾出空间后再试。",
    errno.EDQUOT: "磁盘配额已用完。请腾出空间后再试。",
    errno.EROFS: "这个磁盘是只读的。请换一个目录。",
}


def english() -> bool:
    """Whether who sits at the terminal reads English; Chinese where nothing says so."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    asked = next(filter(None, (os.environ.get(name) for name in names)), "")
    return asked.lower().startswith("en")


def either(chinese: str, in_english: str) -> str:
    """A line for the terminal in the language that is read there."""
    return in_english if english() else chinese


class _Help(argparse.HelpFormatter):
    """Help in two languages, a line each: 中文 · English."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        lines: list[str] = []
        for said in text.split(" · "):
            lines += super()._split_lines(said, _room(said, width))
        return lines

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width))

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, _USAGE if prefix is None else prefix)


def _room(text: str, width: int) -> int:
    """How many characters a line takes; Chinese ones are two columns wide."""
    return width if text.isascii() else width // 2


class Parser(argparse.ArgumentParser):
    """argparse with help in Chinese and English, and a mistake in one line of either."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=_Help, add_help=False, **settings)
        self._positionals.title = "参数 · arguments"
        self._optionals.title = "选项 · options"
        self.add_argument("-h", "--help", action="help", help="显示这段说明 · show this help")

    def error(self, message: str) -> NoReturn:
        if english():
            said = one_line(message).rstrip(".")
            self.exit(2, f"{self.prog}: {said}. Usage: {self.prog} --help\n")
        for pattern, chinese in _MISTAKES:
            match = re.fullmatch(pattern, message, re.DOTALL)
            if match:
                message = match.expand(chinese)
                break
        said = one_line(message).rstrip("。")
        self.exit(2, f"{self.prog}：{said}。用法见 {self.prog} --help\n")


def date(text: str) -> datetime.date:
    """A day, for ``Parser.add_argument(type=…)``."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            either(
                f"{text!r} 不是日历上的日期；请写成 2026-12-01。",
                f"{text!r} is no day of the calendar; write it as 2026-12-01.",
            )
        ) from None


def port_number(text: str) -> int:
    """A port to listen on; 0 takes a free one."""
    if not (text.isascii() and text.isdigit() and int(text) <= _HIGHEST_PORT):
        raise argparse.ArgumentTypeError(
            either(
                f"{text!r} 不是端口；请写 1 到 {_HIGHEST_PORT} 的数。",
                f"{text!r} is no port; write a number from 1 to {_HIGHEST_PORT}.",
            )
        )
    return int(text)


def at_least_one(text: str) -> int:
    """How many of something, one at least."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(
            either(f"{text!r} 不是正整数。", f"{text!r} is no whole number above 0.")
        )
    return int(text)


def file_reason(error: OSError) -> str:
    """Why a file can't be used, and what to do; that nobody reads the output is not for people."""
    if isinstance(error, BrokenPipeError):
        raise error
    if english():
        said = error.strerror or str(error)
        return f"{error.filename}: {said}." if error.filename else said
    reason = _REASONS.get(error.errno or 0)
    if reason is None:
        reason = f"读写失败（{error.strerror}）。" if error.strerror else str(error)
    return f"{error.filename}：{reason}" if error.filename else reason


def complain(reason: str) -> int:
    """Say why it can't be done, in one line; the answer is the exit code."""
    print(one_line(reason), file=sys.stderr)
    return 2


def one_line(text: str) -> str:
    """A text safe for a terminal: no control and no direction characters, no line breaks."""
    return "".join(char if char.isprintable() else "�" for char in " ".join(text.split()))
