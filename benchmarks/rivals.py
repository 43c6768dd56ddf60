"""What the engine is measured against, each in a process of its own: ``rivals.py NAME …``.

``stock`` sends prebuilt bytes with ``aiosmtplib.sendmail``; ``naive`` builds an EmailMessage for
each reader, signs it with dkimpy and sends it, over connections that stay open; ``signature`` does
nothing but RSA-2048 signatures. Prints when it began and ended (monotonic clock) and its CPU
seconds as JSON, start-up left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path

import aiosmtplib
import dkim
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SENDER = "editor@news.example.org"
READER = "reader4711@qq.test"
SIGNED = b"from:a; to:b; subject:c; date:d; message-id:e; list-unsubscribe:f; " * 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=("stock", "naive", "signature"))
    parser.add_argument("--directory", type=Path, help="message, html, text and key.pem")
    parser.add_argument("--port", type=int)
    parser.add_argument("--messages", type=int)
    parser.add_argument("--connections", type=int)
    options = parser.parse_args()
    if options.name == "signature":
        print(json.dumps(_signatures(options.directory, options.messages)))
    else:
        print(json.dumps(asyncio.run(_send(options))))


def _signatures(directory: Path, count: int) -> dict[str, float]:
    key = serialization.load_pem_private_key((directory / "key.pem").read_bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    key.sign(SIGNED, padding.PKCS1v15(), hashes.SHA256())
    began, cpu = time.monotonic(), time.process_time()
    for _ in range(count):
        key.sign(SIGNED, padding.PKCS1v15(), hashes.SHA256())
    return {"began": began, "ended": time.monotonic(), "cpu": time.process_time() - cpu}


async def _send(options: argparse.Namespace) -> dict[str, float]:
    directory = options.directory
    if options.name == "stock":
        message = (directory / "message").read_bytes()
        messages = (message for _ in range(options.messages))
    else:
        messages = _naive(directory, options.messages)
    clients = [
        aiosmtplib.SMTP(hostname="127.0.0.1", port=options.port, use_tls=False, start_tls=False)
        for _ in range(options.connections)
    ]
    await asyncio.gather(*(client.connect() for client in clients))
    began, cpu = time.monotonic(), time.process_time()
    await asyncio.gather(*(_line(client, messages) for client in clients))
    spent = {"began": began, "ended": time.monotonic(), "cpu": time.process_time() - cpu}
    await asyncio.gather(*(client.quit() for client in clients))
    return spent


async def _line(client: aiosmtplib.SMTP, messages: Iterator[bytes]) -> None:
    for message in messages:
        await client.sendmail(SENDER, [READER], message)


def _naive(directory: Path, count: int) -> Iterator[bytes]:
    html, text, pem = ((directory / name).read_text() for name in ("html", "text", "key.pem"))
    for number in range(count):
        message = EmailMessage(policy=SMTP)
        message["From"] = f"云港观察编辑部 <{SENDER}>"
        message["To"] = f"读者{number} <{READER}>"
        message["Subject"] = "云港观察"
        message["Date"] = formatdate()
        message["Message-ID"] = f"<1.{number}@news.example.org>"
        message["List-Unsubscribe"] = f"<https://news.example.org/u/{number:046}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(text, cte="base64")
        message.add_alternative(html, subtype="html", cte="base64")
        octets = message.as_bytes()
        yield dkim.sign(octets, b"r1", b"news.example.org", pem.encode()) + octets


if __name__ == "__main__":
    main()
