"""``dongtai web``, ``dongtai worker``, ``dongtai scheduler``: the long-running processes.

Owns: how gunicorn and Celery are called. Promises: the settings are checked first; this process
then becomes the server (exec), so that signals reach it; outside production nothing but loopback
is listened on. ``--check`` asks the process of this host whether it does its work (exit 0 or 1),
for a container's health check.
"""

from __future__ import annotations

import argparse
import http.client
import os
import subprocess
import sys
from typing import Any
from urllib.parse import urlsplit

from dongtai_mail import environment
from dongtai_mail.arguments import Parser, at_least_one, complain, either

_CELERY = ("celery", "-A", "worker.app:app")
_PRODUCTION_BIND = "0.0.0.0:8000"
_MEANINGS = {
    "web": "运行网页服务。 · Run the web server.",
    "worker": "运行发送进程。 · Run a sending worker.",
    "scheduler": "运行定时进程，一处就够。 · Run the scheduler; one is enough.",
}
CHECK_SECONDS = 10


def main(argv: list[str]) -> int:
    name, *rest = argv
    arguments = _arguments(name, rest)
    values = environment.load(os.environ)
    if arguments.check:
        return _check_web(arguments, values) if name == "web" else _check_celery(name)
    if name == "web":
        return _web(arguments, values)
    level = ("--loglevel", values["log_level"])
    if name == "worker":
        return _become(*_CELERY, *_worker_options(arguments), *level)
    return _become(*_CELERY, "beat", "-n", "scheduler@%h", "--enable-remote-control", *level)


def _arguments(name: str, argv: list[str]) -> argparse.Namespace:
    parser = Parser(prog=f"dongtai {name}", description=_MEANINGS[name])
    parser.add_argument(
        "--check",
        action="store_true",
        help="检查本机正在运行的，正常时退出码为 0"
        " · ask the one running on this host; exit 0 when it works",
    )
    processors = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if name == "web":
        parser.add_argument(
            "--bind", help=f"地址和端口 · HOST:PORT (default {_PRODUCTION_BIND} in production)"
        )
        parser.add_argument(
            "--workers", type=at_least_one, default=processors, help="进程数 · processes"
        )
        parser.add_argument(
            "--threads", type=at_least_one, default=4, help="每个进程的线程数 · threads a process"
        )
    if name == "worker":
        parser.add_argument(
            "--concurrency", type=at_least_one, default=processors, help="进程数 · processes"
        )
    return parser.parse_args(argv)


def _web(arguments: argparse.Namespace, values: dict[str, Any]) -> int:
    bind = _bind(arguments, values)
    if values["mode"] != "production" and bind.rpartition(":")[0] not in environment.LOOPBACK:
        return complain(
            either(
                f"dongtai web：--bind {bind} 不在本机。"
                "现在的 DONGTAI_MODE 只在 127.0.0.1 上提供服务。",
                f"dongtai web: --bind {bind} is not this machine. "
                "DONGTAI_MODE as it is serves on 127.0.0.1 alone.",
            )
        )
    return _become(
        *("gunicorn", "dongtai_mail.wsgi:application", "--bind", bind, "--worker-class", "gthread"),
        *("--workers", str(arguments.workers), "--threads", str(arguments.threads)),
        *("--graceful-timeout", "5", "--no-control-socket", "--worker-tmp-dir", _memory()),
        *(
            "--log-level",
            values["log_level"].lower(),
            "--logger-class",
            "dongtai_mail.web_log.WebLog",
        ),
    )


def _bind(arguments: argparse.Namespace, values: dict[str, Any]) -> str:
    if arguments.bind:
        return str(arguments.bind)
    return _PRODUCTION_BIND if values["mode"] == "production" else urlsplit(values["origin"]).netloc


def _memory() -> str:
    """Where gunicorn's heartbeat lives: a disk that stalls must not look like a dead worker."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"  # noqa: S108 - gunicorn makes it unguessable


def _worker_options(arguments: argparse.Namespace) -> tuple[str, ...]:
    # Workers learn nothing from each other: the rows in the database say what there is to do.
    quiet = ("--without-gossip", "--without-mingle")
    return ("worker", "-n", "worker@%h", "--concurrency", str(arguments.concurrency), *quiet)


def _become(*command: str) -> int:
    # Celery would run Django's checks, which import every page, and throw away what they find.
    os.environ.setdefault("CELERY_SKIP_CHECKS", "1")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", *command])


def _check_web(arguments: argparse.Namespace, values: dict[str, Any]) -> int:
    origin = urlsplit(values["origin"])
    port = int(_bind(arguments, values).rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=CHECK_SECONDS)
    headers = {"Host": origin.netloc, "X-Forwarded-Proto": origin.scheme}
    try:
        connection.request("GET", "/health/ready", headers=headers)
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


def _check_celery(name: str) -> int:
    node = f"{name}@{os.uname().nodename}"
    ping = (*_CELERY, "inspect", "ping", "--timeout", str(CHECK_SECONDS / 2), "-d", node)
    done = subprocess.run([sys.executable, "-m", *ping], capture_output=True, check=False)
    return 1 if done.returncode else 0
