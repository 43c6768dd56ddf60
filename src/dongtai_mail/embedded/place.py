"""A data directory: what one embedded installation keeps, and the environment it runs in.

Owns: the directory's lock, its secrets and ports (``installation.json``, for its owner's eyes
only) and the one place where embedded settings are written down.
Promises: the same directory always yields the same keys, so that links in mails that were sent
stay good; nothing from the caller's environment leads outside this machine.
Fails: with ``Refused``, which says what to do.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote

from dongtai_mail.embedded.refusal import Refused

HOST = "127.0.0.1"
PORT = 8025
SMTP_PORT = 2526
_KEPT = "installation.json"
# A Unix socket's address has 104 octets on macOS and 108 on Linux.
_SOCKET_PATH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Place:
    data: Path
    port: int
    smtp_port: int
    secret_key: str
    seal_keys: str

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def catcher_database(self) -> Path:
        return self.data / "catcher.sqlite3"

    @property
    def redis_socket(self) -> Path:
        """In the data directory where its path is short and plain, else in a short one."""
        path = self.data / "redis.sock"
        if len(os.fsencode(path)) <= _SOCKET_PATH_LIMIT and re.fullmatch(r"[\w./-]+", str(path)):
            return path
        digest = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"dongtai-{os.getuid()}-{digest}" / "redis.sock"

    def environment(self) -> dict[str, str]:
        """The caller's environment with everything that decides where data goes set by us."""
        return os.environ | {
            "DJANGO_SETTINGS_MODULE": "dongtai_mail.settings",
            "DONGTAI_MODE": "embedded",
            "DONGTAI_SECRET_KEY": self.secret_key,
            "DONGTAI_SEAL_KEYS": self.seal_keys,
            "DONGTAI_ORIGIN": self.origin,
            "DONGTAI_ALLOWED_HOSTS": "",
            "DONGTAI_DATABASE_URL": f"sqlite:///{quote(str(self.data / 'dongtai.sqlite3'))}",
            "DONGTAI_REDIS_URL": f"redis+socket://{quote(str(self.redis_socket))}",
            "DONGTAI_RELAY_URL": f"smtp+plain://{HOST}:{self.smtp_port}",
            "DONGTAI_DATA_DIR": str(self.data),
            "DONGTAI_CATCHER_DATABASE": str(self.catcher_database),
            "PYTHONUNBUFFERED": "1",
        }


def settle(data: Path, port: int | None, smtp_port: int | None) -> Place:
    """The place as it was kept in ``data``, or a new one; ports that are given are its ports."""
    place = _kept(data) or Place(
        data, PORT, SMTP_PORT, secrets.token_urlsafe(64), f"1:{secrets.token_hex(32)}"
    )
    return replace(place, port=port or place.port, smtp_port=smtp_port or place.smtp_port)


def keep(place: Place) -> None:
    """Write it down, whole or not at all, for its owner's eyes alone; make its directories."""
    values = asdict(place)
    del values["data"]
    fresh = place.data / f"{_KEPT}.new"
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(values, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(place.data / _KEPT)
    _make_private(place.logs)
    _make_private(place.redis_socket.parent)


def existing(data: Path) -> Place:
    place = _kept(data)
    if place is None:
        raise Refused(
            f"{data} 里还没有安装；请先运行 bin/up。",
            f"Nothing has been started in {data} yet; run bin/up first.",
        )
    return place


def lock(data: Path) -> int:
    """Make the directory and hold it: the descriptor that, while it is open, keeps others out."""
    try:
        _make_private(data)
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(
            f"不能写入数据目录 {data}（{error.strerror}）；请用 --data 换一个目录。",
            f"Can't write to the data directory {data} ({error.strerror}); choose another "
            "with --data.",
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise Refused(
            f"{data} 正由另一个 dongtai up 使用；请先停止它，或用 --data 换一个目录。",
            f"Another `dongtai up` is running on {data}; stop it, or choose another directory "
            "with --data.",
        ) from None
    return descriptor


def _kept(data: Path) -> Place | None:
    path = data / _KEPT
    try:
        return Place(**(json.loads(path.read_text("utf-8")) | {"data": data}))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise Refused(
            f"读不懂 {path}（{error}）；请从备份恢复它，或用 --data 换一个目录。",
            f"Can't read {path} ({error}); restore it from a backup, or choose another directory "
            "with --data.",
        ) from error


def _make_private(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    # In a shared /tmp someone else may have made a directory of this name before us.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise Refused(
            f"{directory} 不是您自己的目录；请用 --data 换一个目录。",
            f"{directory} is no directory of yours; choose another with --data.",
        )
