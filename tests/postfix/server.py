"""A Postfix of the tests' own: its configuration, queue and mailboxes in a temporary directory.

It listens on a free port of loopback and is started and stopped by its own master, so a Postfix
that the machine may run is left alone. Root is needed: Postfix's master gives up its rights itself.
"""

from __future__ import annotations

import pwd
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

ARRIVAL_SECONDS = 30
MAIN = """
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = localhost
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
smtputf8_enable = yes
# Errors are what these tests are about; they need not take a second each.
smtpd_error_sleep_time = 0
notify_classes =
"""
MASTER = """
{port} inet n - n - - smtpd
{ascii_port} inet n - n - - smtpd -o smtpd_discard_ehlo_keywords=smtputf8
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """``settings`` are lines of main.cf; ``{directory}`` in them is the instance's own."""

    def __init__(self, settings: Mapping[str, str], access: str = "") -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="dongtai-postfix-"))
        self.port, self.ascii_port = _free_port(), _free_port()
        self._settings = settings
        self._access = access

    def __enter__(self) -> Self:
        owner = pwd.getpwnam("postfix")
        self.directory.chmod(0o755)
        for name in ("config", "queue", "data", "mail"):
            (self.directory / name).mkdir(mode=0o755)
        for name in ("data", "mail"):
            shutil.chown(self.directory / name, owner.pw_uid, owner.pw_gid)
        users = {"virtual_uid_maps": f"static:{owner.pw_uid}", "virtual_minimum_uid": "1"}
        users["virtual_gid_maps"] = f"static:{owner.pw_gid}"
        self._write("main.cf", self._main({**users, **self._settings}))
        self._write("master.cf", MASTER.format(port=self.port, ascii_port=self.ascii_port))
        self._write("access", self._access)
        self._postfix("start")
        _wait_for(self.port)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._postfix("stop")
        shutil.rmtree(self.directory)

    def _main(self, settings: Mapping[str, str]) -> str:
        lines = [f"{name} = {value}" for name, value in settings.items()]
        return (MAIN + "\n".join(lines) + "\n").replace("{directory}", str(self.directory))

    def _write(self, name: str, text: str) -> None:
        (self.directory / "config" / name).write_text(text, "utf-8")

    def _postfix(self, verb: str) -> None:
        command = ["/usr/sbin/postfix", "-c", str(self.directory / "config"), verb]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{done.stdout}{done.stderr}{self.log()}"

    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def arrived(self, count: int, to: str = "") -> list[bytes]:
        """The messages in the mailbox to whoever begins with ``to``, once there are so many."""
        mark = f"X-Original-To: {to}".encode()
        deadline = time.monotonic() + ARRIVAL_SECONDS
        folder = self.directory / "mail" / "all" / "new"
        while time.monotonic() < deadline:
            files = sorted(folder.glob("*")) if folder.exists() else []
            found = [each for each in map(Path.read_bytes, files) if mark in each]
            if len(found) >= count:
                return found
            time.sleep(0.05)
        raise AssertionError(f"{count} messages did not arrive\n{self.log()}")


class Greylist:
    """Postfix's policy protocol: whoever comes for the first time shall come again."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()
        greylist = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while asked := greylist._asked(self):
                    self.wfile.write(f"action={greylist._action(asked)}\n\n".encode())

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _asked(self, handler: socketserver.StreamRequestHandler) -> dict[str, str]:
        asked = {}
        while line := handler.rfile.readline().decode().strip():
            name, _, value = line.partition("=")
            asked[name] = value
        return asked

    def _action(self, asked: Mapping[str, str]) -> str:
        triplet = asked["sender"], asked["recipient"]
        if triplet in self.seen or not asked["recipient"].startswith("grey"):
            return "DUNNO"
        self.seen.add(triplet)
        return "DEFER_IF_PERMIT Greylisted, come again in 300 seconds"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as client:
                assert client.recv(3) == b"220"
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing answers on port {port}")
