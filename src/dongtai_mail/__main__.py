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

from dongtai_mail.arguments import complain
from dongtai_mail.environment import ConfigurationError

COMMANDS = {
    "up": ("dongtai_mail.commands.up", "start everything on this machine, with a sample issue"),
    "manuscript": ("dongtai_mail.manuscript.cli", "read a manuscript; show outline and findings"),
    "render": ("dongtai_mail.commands.render", "render a manuscript or an issue into a directory"),
    "import": ("dongtai_mail.commands.import_issue", "import a manuscript into a publication"),
    "subscribers": ("dongtai_mail.commands.subscribers", "import readers into a list"),
    "publication": ("dongtai_mail.commands.publication", "add a publication, a list, a DKIM key"),
    "send": ("dongtai_mail.commands.send", "mail an issue to a list, now or at a time"),
    "mailing": ("dongtai_mail.commands.mailing", "show, pause, resume, cancel, reconcile mailings"),
    "staff": ("dongtai_mail.commands.staff", "accounts of staff: add, list, role, password"),
    "provider": ("dongtai_mail.commands.provider", "show and change the limits of providers"),
    "doctor": ("dongtai_mail.commands.doctor", "check DNS, relays and this installation"),
    "web": ("dongtai_mail.commands.serve", "run the web server"),
    "worker": ("dongtai_mail.commands.serve", "run a sending worker"),
    "scheduler": ("dongtai_mail.commands.serve", "run the scheduler (one is enough)"),
    "returns": ("dongtai_mail.commands.returns", "take returned mail from an MTA (LMTP, SMTP)"),
    "catcher": ("dongtai_mail.catcher.smtp", "run the local mail catcher"),
    "manage": ("dongtai_mail.commands.manage", "Django's own commands: migrate, createsuperuser …"),
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
        return complain(f"dongtai：没有命令 {name!r}。所有的命令见 dongtai --help")
    print("usage: dongtai COMMAND [ARGUMENT ...]\n")
    for command, (_, meaning) in COMMANDS.items():
        print(f"  {command:<12} {meaning}")
    print("\ndongtai COMMAND --help says more of each.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
