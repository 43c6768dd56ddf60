"""How long an editor who types waits to be told of a likely duplicate.

    python benchmarks/similar.py [--issues 50] [--items 66]

On SQLite and on PostgreSQL, each its own: fills so many issues with texts of one field (the same
words over and over, as in a trade newsletter), brings the index up, and looks for what is like a
text that is new, one that is known and one that is changed. Prints what the index takes, and the
median, the 95th percentile and the slowest answer, and this process's own part of them.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from tests.cluster import Cluster

WORDS = re.findall(
    r"\S+",
    """
电子商务 跨境 平台 直播 带货 监管 部门 数据 消费者 企业 增长 同比 亿元 试点 政策 物流 仓储 快递 农村
县域 品牌 出口 海外仓 支付 数字化 转型 供应链 商家 流量 服务 质量 标准 投诉 处罚 税收 综合试验区
示范 基地 人才 培训 合作 协议 签署 发布 报告 显示 表示 认为 预计 将 进一步 推动 促进 加快 完善 提升
规范 创新 融合 发展 市场 规模 达到 超过 占比 下降 其中 今年 前十个月 上半年 全国 地区 城市 浙江 广东
上海 北京 我国 国际 贸易 规则 关税 清单 通关 便利化 一体化
""",
)
SEARCHES = 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--issues", type=int, default=50)
    parser.add_argument("--items", type=int, default=66)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        return _measure(asked.issues, asked.items)
    with Cluster() as cluster, tempfile.TemporaryDirectory() as directory:
        for url in (f"sqlite:///{directory}/similar.sqlite3", cluster.url):
            environment = {**os.environ, "DONGTAI_DATABASE_URL": url}
            subprocess.run([sys.executable, *sys.argv, "--here"], env=environment, check=True)
    return 0


def _measure(issues: int, items: int) -> int:
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from dongtai_mail.issues import similar
    from dongtai_mail.issues.models import Item, Shingle

    call_command("migrate", verbosity=0)
    chance = random.Random(7)
    publication = _fill(issues, items, chance)
    started = time.perf_counter()
    while similar.catch_up(publication, most=500):
        pass
    each = (time.perf_counter() - started) / (issues * items)
    print(f"{connection.vendor}: {issues * items} items, {Shingle.objects.count():,} strings")
    print(f"  to index an item: {each * 1000:.1f} ms")
    known = list(Item.objects.order_by("?")[:SEARCHES])
    for kind, texts in (
        ("new", [(_title(chance), _body(chance)) for _ in range(SEARCHES)]),
        ("known", [(item.title, item.body) for item in known]),
        ("changed", [(_title(chance), _changed(item.body, chance)) for item in known]),
    ):
        _report(kind, [_search(publication, title, body) for title, body in texts])
    return 0


def _search(publication, title: str, body: str) -> tuple[float, float, int]:
    from dongtai_mail.issues import similar

    started, busy = time.perf_counter(), time.process_time()
    found = similar.similar(publication, title, body)
    took, worked = time.perf_counter() - started, time.process_time() - busy
    return took * 1000, worked * 1000, len(found)


def _report(kind: str, answers: list[tuple[float, float, int]]) -> None:
    times, own = (sorted(answer[part] for answer in answers) for part in (0, 1))
    met = sum(1 for *_times, found in answers if found)
    middle, late = len(times) // 2, int(len(times) * 0.95)
    print(
        f"  {kind}: median {times[middle]:.0f} ms, p95 {times[late]:.0f} ms, slowest "
        f"{times[-1]:.0f} ms (own: {own[middle]:.0f}, {own[late]:.0f}); "
        f"{met} of {len(answers)} have a match"
    )


def _fill(issues: int, items: int, chance: random.Random):
    from dongtai_mail.issues.models import Issue, Item, Section
    from tests import factories

    publication = factories.publication()
    for number in range(issues):
        issue = Issue.objects.create(publication=publication, number=f"第{number}期")
        section = Section.objects.create(issue=issue, position=0, name="要闻")
        Item.objects.bulk_create(
            Item(
                publication=publication,
                section=section,
                position=position,
                title=_title(chance),
                body=_body(chance),
            )
            for position in range(items)
        )
    return publication


def _title(chance: random.Random) -> str:
    return "".join(chance.choices(WORDS, k=8))


def _body(chance: random.Random) -> str:
    """600 to 1,400 characters in sentences."""
    sentences = [
        "，".join("".join(chance.choices(WORDS, k=6)) for _ in range(3)) + "。"
        for _ in range(chance.randint(14, 32))
    ]
    return "".join(sentences)


def _changed(body: str, chance: random.Random) -> str:
    """Half of its sentences, in the same order, with a word of each replaced."""
    kept = [sentence for sentence in body.split("。") if chance.random() < 0.5]
    return "。".join(
        sentence.replace(chance.choice(WORDS), chance.choice(WORDS), 1) for sentence in kept
    )


if __name__ == "__main__":
    sys.exit(main())
