"""The command ``dongtai``: one word, then what to do.

Owns: the table of commands. Each is a function ``main(argv) -> exit code`` in a module of its
own, imported only when it is called, so that ``dongtai manuscript`` starts without Django.
Exit codes: 0 done, 1 done with a bad outcome, 2 could not be done (the reason is on stderr).
"""

from __future__ import annotations

import importlib
import io
import os
import sys
from collections.abc import Callable

from dongtai_mail.arguments import complain, either
from dongtai_mail.environment import ConfigurationError

COMMANDS = {
    "up": (
        "dongtai_mail.commands.up",
        "在本机启动全部，带样刊 · start everything on this machine, with a sample issue",
    ),
    "manuscript": (
        "dongtai_mail.manuscript.cli",
        "读稿件，列出大纲和检查结果 · read a manuscript; show outline and findings",
    ),
    "render": (
        "dongtai_mail.commands.render",
        "把稿件或一期渲染成文件 · render a manuscript or an issue into a directory",
    ),
    "import": (
        "dongtai_mail.commands.import_issue",
        "把稿件导入刊物 · import a manuscript into a publication",
    ),
    "subscribers": (
        "dongtai_mail.commands.subscribers",
        "导入、导出读者 · import readers into a list",
    ),
    "publication": (
        "dongtai_mail.commands.publication",
        "刊物、名单、DKIM 密钥 · add a publication, a list, a DKIM key",
    ),
    "send": (
        "dongtai_mail.commands.send",
        "现在或定时发送一期 · mail an issue to a list, now or at a time",
    ),
    "mailing": (
        "dongtai_mail.commands.mailing",
        "查看、暂停、继续、取消发送 · show, pause, resume, cancel, reconcile mailings",
    ),
    "staff": (
        "dongtai_mail.commands.staff",
        "编辑部的账号和角色 · accounts of staff: add, list, role, password",
    ),
    "provider": (
        "dongtai_mail.commands.provider",
        "收信方的速度限制 · show and change the limits of providers",
    ),
    "doctor": (
        "dongtai_mail.commands.doctor",
        "检查 DNS、中继和本机 · check DNS, relays and this installation",
    ),
    "web": ("dongtai_mail.commands.serve", "运行网页服务 · run the web server"),
    "worker": ("dongtai_mail.commands.serve", "运行发送进程 · run a sending worker"),
    "scheduler": (
        "dongtai_mail.commands.serve",
        "运行定时进程（一个就够） · run the scheduler (one is enough)",
    ),
    "returns": (
        "dongtai_mail.commands.returns",
        "从 MTA 接收退信（LMTP、SMTP） · take returned mail from an MTA (LMTP, SMTP)",
    ),
    "catcher": ("dongtai_mail.catcher.smtp", "运行本地收件箱 · run the local mail catcher"),
    "manage": (
        "dongtai_mail.commands.manage",
        "Django 自己的命令 · Django's own commands: migrate, createsuperuser …",
    ),
}

_INTERRUPTED = 130


def main() -> int:
    name, argv = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("help", [])
    if name not in COMMANDS:
        return _help(name)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dongtai_mail.settings")
    command = importlib.import_module(COMMANDS[name][0])
    if name in ("web", "worker", "scheduler"):
        argv = [name, *argv]
    # A name on the command line need be no text, and not every terminal knows Chinese.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    return _run(command.main, argv)


def _run(command: Callable[[list[str]], int | None], argv: list[str]) -> int:
    try:
        code = command(argv) or 0
        sys.stdout.flush()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output had enough; what Python still holds of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _help(name: str) -> int:
    if name not in ("help", "-h", "--help"):
        return complain(
            either(
                f"dongtai：没有命令 {name!r}。所有的命令见 dongtai --help",
                f"dongtai: there is no command {name!r}. All commands: dongtai --help",
            )
        )
    print("用法 · usage: dongtai COMMAND [ARGUMENT ...]\n")
    for command, (_, meaning) in COMMANDS.items():
        print(f"  {command:<12} {meaning}")
    print("\n各命令的说明 · more of each: dongtai COMMAND --help")
    return 0


if __name__ == "__main__":
    sys.exit(main())
