"""CPU a message: the skeleton with its signature, a bare signature, and the naive way.

Run ``python benchmarks/compose.py [--rounds 7] [--messages 400]``. The contenders take turns in
one process, each round's order the same; printed are medians over the rounds, in µs of CPU a
message. The aim: composing and signing with RSA-2048 costs at most 1.25 bare signatures. SHA-256
of the HTML part, which follows the text part's personal links, is 0.17 of that.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP

import dkim as dkimpy
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from dongtai_mail.message import address
from dongtai_mail.message.compose import Letterhead, Reader, Skeleton
from dongtai_mail.message.dkim import Signer, new_key

AIM = 1.25
NOW = datetime.datetime(2025, 12, 1, 1, tzinfo=datetime.UTC)
SUBJECT = "第 23 期：样刊标题，用来量一封信的成本"
OUT, WEB = "@@OUT@@", "@@WEB@@"
PARAGRAPH = "样刊段落：数字贸易与平台经济的动态，一段写给基准测试的文字。"
# 60 kB of HTML and 30 kB of text, personal links at the end of each, as issues have them.
HTML = f"<p>{PARAGRAPH}</p>" * 623 + f'<a href="{OUT}">退订</a> <a href="{WEB}">管理</a>'
TEXT = f"{PARAGRAPH}\n" * 329 + f"退订：{OUT}\n管理：{WEB}\n"
LINK = "https://news.example.com/u/" + "T" * 46


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=400)
    options = parser.parse_args()
    medians = measure(contenders(), options.rounds, options.messages)
    base = medians["bare RSA-2048 signature"]
    for name, cost in medians.items():
        print(f"{name:<42}{cost:>10.1f} µs{cost / base:>9.2f} ×")
    print(f"aim: compose + RSA-2048 at most {AIM} ×")


def measure(
    tasks: dict[str, tuple[Callable[[], object], int]], rounds: int, messages: int
) -> dict[str, float]:
    costs: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, (task, share) in tasks.items():
            costs[name].append(cpu(task, max(messages // share, 1)))
    return {name: statistics.median(found) for name, found in costs.items()}


def cpu(task: Callable[[], object], times: int) -> float:
    task()
    start = time.process_time()
    for _ in range(times):
        task()
    return (time.process_time() - start) / times * 1e6


def contenders() -> dict[str, tuple[Callable[[], object], int]]:
    """Return each contender and how many times fewer messages it makes than the others."""
    pem = new_key()
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signers = [Signer("news.example.com", "r1", pem)]
    both = [*signers, Signer("news.example.com", "e1", new_key("ed25519"))]
    built = skeleton()
    print(f"body {built.size} octets, message {len(built.message(reader(), signers, NOW))}")
    block = b"x" * 1500
    return {
        "bare RSA-2048 signature": (
            lambda: key.sign(block, padding.PKCS1v15(), hashes.SHA256()),
            1,
        ),
        "compose, unsigned": (lambda: built.message(reader(), (), NOW), 1),
        "compose + RSA-2048": (lambda: built.message(reader(), signers, NOW), 1),
        "compose + RSA-2048 + Ed25519": (lambda: built.message(reader(), both, NOW), 1),
        "EmailMessage + dkimpy": (lambda: naive(pem.encode()), 50),
    }


def skeleton() -> Skeleton:
    letterhead = Letterhead(
        "电子商务动态", "issue@news.example.com", SUBJECT, "样刊", "demo.news.example.com"
    )
    return Skeleton(letterhead, HTML, TEXT, (OUT, WEB), (len(LINK),) * 2, "=_benchmark")


def reader() -> Reader:
    return Reader(
        address.parse("zhang.san@qq.com"),
        "张三",
        "<23.4711@news.example.com>",
        (LINK, LINK),
        LINK,
        "mailto:unsubscribe+token@news.example.com?subject=unsubscribe",
    )


def naive(pem: bytes) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = "电子商务动态 <issue@news.example.com>"
    message["To"] = "张三 <zhang.san@qq.com>"
    message["Subject"] = SUBJECT
    message["Date"] = NOW
    message["Message-ID"] = "<23.4711@news.example.com>"
    message["List-Unsubscribe"] = f"<{LINK}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(TEXT.replace(OUT, LINK).replace(WEB, LINK), cte="base64")
    html = HTML.replace(OUT, LINK).replace(WEB, LINK)
    message.add_alternative(html, subtype="html", cte="base64")
    octets = message.as_bytes()
    return dkimpy.sign(octets, b"r1", b"news.example.com", pem) + octets


if __name__ == "__main__":
    main()
