"""From bytes to text: which encoding a manuscript has.

Owns: the recognition of UTF-8, UTF-16, GB 18030 and Big5, and of files that are no text at all.
Promises: text without lone surrogates. A file with a few broken bytes is read, with U+FFFD in
their places and a finding that blocks sending.
Fails: ``ManuscriptError`` for an empty file, another format or binary noise.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from dongtai_mail.content import Finding, Severity
from dongtai_mail.manuscript.model import ManuscriptError

_FOREIGN = (
    (b"%PDF", "PDF 文件"),
    (b"PK\x03\x04", "Word 或压缩文件"),
    (b"\xd0\xcf\x11\xe0", "旧版 Word 文件"),
    (b"{\\rtf", "RTF 文件"),
    (b"\x89PNG", "图片"),
    (b"\xff\xd8\xff", "图片"),
    (b"GIF8", "图片"),
    (b"\x1f\x8b", "压缩文件"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_ODD = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ue000-\uf8ff\ufffd\ufffe\uffff]")
_USUAL = re.compile(r"[\s\x20-\x7e\u3000-\u303f\u4e00-\u9fff\uff00-\uffef\u2010-\u2030]+")
# What any Chinese text is full of, and none read in the wrong encoding.
_COMMON = re.compile("[，。、：；「」《》（）“”的一是在不了有和人中大上以年月日及為为國国與与]")
_BIG5 = "big5hkscs"
_TOLERATED = 0.02
_SAMPLE = 65536


@dataclass(frozen=True, slots=True)
class Decoded:
    text: str
    encoding: str
    findings: tuple[Finding, ...] = ()


def decode(data: bytes) -> Decoded:
    """The text of a manuscript's bytes."""
    if not data.strip(b"\x00 \t\r\n\f\x0b"):
        raise ManuscriptError("文件是空的，没有可读的文字。请检查导出的稿件，再试一次。")
    if name := foreign(data):
        raise ManuscriptError(f"这不是文本稿件（{name}）。请另存为纯文本或 Markdown 后再导入。")
    decoded = _by_mark(data) or _by_content(data)
    if not decoded.text.strip("\ufeff \t\r\n\f\x0b\x00\u3000"):
        raise ManuscriptError("文件是空的，没有可读的文字。请检查导出的稿件，再试一次。")
    return decoded


def _by_mark(data: bytes) -> Decoded | None:
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _strictly(data, encoding) or _loosely(data, encoding)
    return None


def _by_content(data: bytes) -> Decoded:
    wide = _wide(data)
    if not (wide or _strictly(data, "utf-8")) and _is_big5(data):
        return _strictly(data, _BIG5) or _loosely(data, _BIG5)
    candidates = [*([wide] if wide else []), "utf-8", "gb18030"]
    for encoding in candidates:
        decoded = _strictly(data, encoding)
        if decoded:
            return decoded
    return _best_of_the_broken(data)


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of its ASCII characters is zero."""
    sample = data[:_SAMPLE]
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    if len(data) % 2 or max(even, odd) * 100 < len(sample) or min(even, odd) * 8 > max(even, odd):
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _is_big5(data: bytes) -> bool:
    """GB 18030 has a character for nearly any two bytes: what the text says decides."""
    big5, gb = (data[:_SAMPLE].decode(one, "replace") for one in (_BIG5, "gb18030"))
    return len(_COMMON.findall(big5)) > 2 * len(_COMMON.findall(gb))


def _strictly(data: bytes, encoding: str) -> Decoded | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    if _is_noise(text):
        return None
    return Decoded(text.removeprefix("\ufeff"), encoding)


def _loosely(data: bytes, encoding: str) -> Decoded:
    text = data.decode(encoding, "replace").removeprefix("\ufeff")
    broken = text.count("\ufffd")
    if _is_noise(text) or broken > len(text) * _TOLERATED + 1:
        raise ManuscriptError(
            "文件内容不是可读的文字（可能是二进制文件，或编码已损坏）。"
            "请用 UTF-8 或 GB18030 重新保存后再导入。"
        )
    line = text[: text.find("\ufffd")].count("\n") + 1
    message = f"有 {broken} 处字节无法按 {encoding} 解读，已标为“�”。请对照原稿补上这些字。"
    return Decoded(text, encoding, (Finding("bytes-undecodable", Severity.ERROR, message, line),))


def _best_of_the_broken(data: bytes) -> Decoded:
    lossy = {name: data.decode(name, "replace") for name in ("utf-8", "gb18030")}
    best = min(lossy, key=lambda name: lossy[name].count("\ufffd") / (len(lossy[name]) or 1))
    return _loosely(data, best)


def _is_noise(text: str) -> bool:
    """Control and private characters, or hardly anything that a Chinese text is made of."""
    sample = text[:_SAMPLE]
    return is_odd(sample) or (len(sample) > 20 and len(_USUAL.sub("", sample)) > len(sample) * 0.6)


def foreign(data: bytes) -> str:
    """What another format's file is called, by how it begins; empty for what may be text."""
    return next((name for magic, name in _FOREIGN if data.startswith(magic)), "")


def is_odd(text: str, share: float = 0.05) -> bool:
    """More control and private characters than text in any language has."""
    return len(_ODD.findall(text)) - text.count("\ufffd") > max(2, len(text) * share)


def without_controls(text: str) -> str:
    """The text without control characters, which no mail can carry."""
    return _CONTROL.sub("", text)


def controls_in(text: str) -> int:
    return len(_CONTROL.findall(text))
