"""What the mail runs on: relays, certificates, database, Redis, workers, clocks, disk, backup."""

from __future__ import annotations

import datetime
import shutil
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from dongtai_mail.database import forgetful
from dongtai_mail.delivery import gauges, pace
from dongtai_mail.delivery.doctor.check import (
    CLOCK_SECONDS,
    SECONDS,
    Check,
    bad,
    doubt,
    good,
    unknown,
)
from dongtai_mail.environment import LOOPBACK, Relay

FREE_BYTES = 2 * 1024**3
FREE_SHARE = 0.1
CERTIFICATE_DAYS = 14
BACKUP_HOURS = 36
# Whatever makes the backups touches this file in the data directory when one is complete.
BACKUP_MARK = "backup-made"


def relay(relay: Relay) -> Check:
    """Greet it as a worker would, up to the certificate; nobody logs in, nothing is sent."""
    title = _("中继 %(name)s") % {"name": relay.name}
    try:
        with _greeted(relay) as session:
            offered = sorted(session.esmtp_features)
    except ssl.SSLCertVerificationError as error:
        return bad(
            title,
            _("证书不可信：%(why)s") % {"why": error.verify_message},
            _("换成受信任的证书，或核对主机名；不会明文发送。"),
        )
    except (OSError, smtplib.SMTPException) as error:
        return bad(
            title,
            _("连不上：%(why)s") % {"why": error},
            _("检查中继是否在运行、地址和端口、防火墙。"),
        )
    if relay.security == "none" and relay.host not in LOOPBACK:
        return doubt(
            title,
            _("能连上，但不加密。"),
            _("中继不在本机时，请用 smtp:// 或 smtps://。"),
        )
    return good(title, _("能连上；支持 %(list)s") % {"list": _("、").join(offered)})


@contextmanager
def _greeted(relay: Relay) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    if relay.security == "tls":
        session: smtplib.SMTP = smtplib.SMTP_SSL(
            relay.host, relay.port, timeout=SECONDS, context=context
        )
    else:
        session = smtplib.SMTP(relay.host, relay.port, timeout=SECONDS)
    try:
        session.ehlo()
        if relay.security == "starttls":
            session.starttls(context=context)
            session.ehlo()
        yield session
        session.quit()
    finally:
        session.close()


def origin(origin: str) -> Check:
    """The certificate of the address in every mail: readers leave through it."""
    title = _("网页地址 %(origin)s") % {"origin": origin}
    parts = urlsplit(origin)
    if parts.scheme != "https":
        return doubt(
            title,
            _("没有用 https。"),
            _("对外发信之前，请换成有证书的 https 地址。"),
        )
    try:
        days = _certificate_days(str(parts.hostname), parts.port or 443)
    except ssl.SSLCertVerificationError as error:
        return bad(
            title,
            _("证书不可信：%(why)s") % {"why": error.verify_message},
            _("读者打不开退订页；请更换证书。"),
        )
    except OSError as error:
        return doubt(
            title,
            _("从这里连不上：%(why)s") % {"why": error},
            _("从外面打开看看；本机经过反向代理时，可能只是防火墙。"),
        )
    if days < CERTIFICATE_DAYS:
        return bad(title, _("证书还有 %(days)s 天到期。") % {"days": days}, _("请马上续期。"))
    return good(title, _("证书还有 %(days)s 天。") % {"days": days})


def _certificate_days(host: str, port: int) -> int:
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        certificate = secured.getpeercert() or {}
    ends = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return int((ends - timezone.now().timestamp()) // 86400)


def database() -> Check:
    """Reachable, keeps what it has committed, and its clock is ours."""
    title = _("数据库")
    if connection.vendor != "postgresql":
        return good(title, _("SQLite：适合一台机器。"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp(), current_setting('server_version')")
        there, version = cursor.fetchone()
    away = abs((there - timezone.now()).total_seconds())
    if off := forgetful():
        names = {"names": _("、").join(off)}
        return bad(
            title,
            _("%(names)s 是 off：断电会忘掉已经发出的信，还会毁坏数据。") % names,
            _("在数据库服务器的配置里改成 on，再重新载入。"),
        )
    if away > CLOCK_SECONDS:
        return doubt(
            title,
            _("数据库的时钟与这里差 %(seconds).1f 秒。") % {"seconds": away},
            _("两边都用 NTP 对时。"),
        )
    return good(title, _("PostgreSQL %(version)s，时钟一致。") % {"version": version})


def broker() -> Check:
    try:
        client = pace.client()
        seconds, micros = client.time()
        policy = client.config_get("maxmemory-policy").get("maxmemory-policy", "")
    except redis.RedisError as error:
        return bad(
            "Redis",
            _("连不上：%(why)s") % {"why": error},
            _("退订和编辑照常，发送要等它回来；请启动 Redis。"),
        )
    away = abs(seconds + micros / 1e6 - timezone.now().timestamp())
    if policy not in ("noeviction", ""):
        return doubt(
            "Redis",
            _("内存满时会丢掉键（%(policy)s）。") % {"policy": policy},
            _("把 maxmemory-policy 设成 noeviction。"),
        )
    if away > CLOCK_SECONDS:
        return doubt(
            "Redis",
            _("Redis 的时钟与这里差 %(seconds).1f 秒。") % {"seconds": away},
            _("两边都用 NTP 对时。"),
        )
    return good("Redis", _("能用，时钟一致。"))


def workers() -> Check:
    title = _("发送进程")
    try:
        workers = gauges.told(pace.client()).workers
    except redis.RedisError:
        return unknown(title, _("Redis 不可用，看不到发送进程。"))
    if not workers:
        return doubt(
            title,
            _("半分钟内没有发送进程报到。"),
            _("空闲时也会报到；请看 dongtai worker 是否在运行。"),
        )
    resting = sorted(
        {relay for relays in workers.values() for relay, each in relays.items() if not each.fit}
    )
    if resting:
        return doubt(
            title,
            _("这些中继正在休息：%(relays)s") % {"relays": _("、").join(resting)},
            _("原因见上面的中继检查和发送进程的日志。"),
        )
    return good(title, _("%(count)s 个在运行。") % {"count": len(workers)})


def disk() -> Check:
    title = _("磁盘（%(path)s）") % {"path": settings.DATA_DIR}
    usage = shutil.disk_usage(settings.DATA_DIR)
    found = _("剩余 %(free).1f GB，共 %(all).1f GB。") % {
        "free": usage.free / 1e9,
        "all": usage.total / 1e9,
    }
    advice = _("清理日志或旧备份，或换更大的盘；满了就不能记录发送结果。")
    if usage.free < FREE_BYTES / 4:
        return bad(title, found, advice)
    if usage.free < FREE_BYTES or usage.free < FREE_SHARE * usage.total:
        return doubt(title, found, advice)
    return good(title, found)


def backup() -> Check:
    """Backups are the operator's; they leave a mark here, so that a stopped one is seen."""
    title = _("备份")
    mark = Path(settings.DATA_DIR) / BACKUP_MARK
    advice = _("备份数据库、DONGTAI_SEAL_KEYS 和数据目录；每次备份成功后执行：")
    if not mark.exists():
        return doubt(title, _("不知道有没有备份。"), advice, f"touch {mark}")
    made = datetime.datetime.fromtimestamp(mark.stat().st_mtime, tz=datetime.UTC)
    hours = (timezone.now() - made).total_seconds() / 3600
    if hours > BACKUP_HOURS:
        return bad(
            title,
            _("上一次备份在 %(hours)s 小时以前。") % {"hours": round(hours)},
            advice,
            f"touch {mark}",
        )
    return good(title, _("上一次备份在 %(hours)s 小时以前。") % {"hours": round(hours)})
