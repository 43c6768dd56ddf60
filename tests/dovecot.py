"""A Dovecot of the tests' own: mailboxes with quotas, filled by LMTP, read by IMAP over TLS.

Its configuration, mail and logs are in a temporary directory and its ports free ones of loopback,
so a Dovecot that the machine may run is left alone. Root is needed: it becomes its own users.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.certificates import Authority

READY_SECONDS = 30
PASSWORD = "mailbox-password"


PROGRAMS = ("/usr/sbin/dovecot", "/usr/lib/dovecot/lmtp", "/usr/lib/dovecot/imap")


def installed() -> bool:
    return all(Path(name).exists() for name in PROGRAMS)


class Dovecot:
    """``users`` by address, each with a quota in KiB or None; ``aliases`` share a mailbox."""

    def __init__(
        self, users: Mapping[str, int | None], aliases: Mapping[str, str] | None = None
    ) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="dongtai-dovecot-"))
        self.directory.chmod(0o755)
        self._users = {**users, **dict.fromkeys(aliases or {})}
        self._aliases = aliases or {}
        self.imaps, self.lmtp = free_port(), free_port()

    def __enter__(self) -> Self:
        authority = Authority(self.directory)
        self.authority = authority.file()
        self._certificate, self._key = authority.files("localhost")
        self._write_users()
        conf = self.directory / "dovecot.conf"
        conf.write_text(self._conf())
        self._process = subprocess.Popen(
            ["/usr/sbin/dovecot", "-F", "-c", conf], stdout=subprocess.DEVNULL
        )
        for port in (self.imaps, self.lmtp):
            wait_until(lambda port=port: _answers(port), self.log)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(READY_SECONDS)
        shutil.rmtree(self.directory)

    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def clear(self) -> None:
        """Let every mailbox be as if nothing had come."""
        for path in (self.directory / "mail").glob("*"):
            shutil.rmtree(path)

    def mailbox(self, address: str) -> list[Path]:
        """The messages that lie there."""
        home = self._home(address)
        return sorted([*home.glob("Maildir/new/*"), *home.glob("Maildir/cur/*")])

    def _write_users(self) -> None:
        mail = self.directory / "mail"
        mail.mkdir(mode=0o777)
        mail.chmod(0o777)
        lines = []
        for address, kib in self._users.items():
            rule = f"userdb_quota_rule=*:storage={kib}K" if kib else ""
            login = f"{address}:{{PLAIN}}{PASSWORD}"
            lines.append(f"{login}::::{self._home(address)}::{rule}\n")
        (self.directory / "users").write_text("".join(lines))

    def _home(self, address: str) -> Path:
        return self.directory / "mail" / self._aliases.get(address, address)

    def _conf(self) -> str:
        here = self.directory
        return f"""
base_dir = {here}/run
state_dir = {here}/state
log_path = {here}/log
protocols = imap lmtp
listen = 127.0.0.1
mail_location = maildir:~/Maildir
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
mail_plugins = quota
recipient_delimiter = +
auth_username_format = %Lu
ssl = required
ssl_cert = <{self._certificate}
ssl_key = <{self._key}
passdb {{
  driver = passwd-file
  args = username_format=%u {here}/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {here}/users
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
}}
protocol lmtp {{
  postmaster_address = postmaster@mail.test
  lmtp_save_to_detail_mailbox = no
  lmtp_rcpt_check_quota = yes
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {self.imaps}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {self.lmtp}
  }}
}}
"""


def wait_until(ready: Callable[[], object], log: Callable[[], str]) -> None:
    """Wait for other processes; what they logged is the reason when they don't come."""
    deadline = time.monotonic() + READY_SECONDS
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(log())
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
