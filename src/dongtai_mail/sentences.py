"""Sentences that were written down in Chinese, told in the language of who reads them.

Owns: the sentences of parts that know no reader: pure ones (``message``, and with
``finding_sentences`` ``manuscript`` and ``rendering``), and what is kept for whoever looks later.
Promises: what is in none of the patterns, or is read in Chinese, is given out as it is; what a
sentence quotes stays what it was, but for our own words in it: an error that led to it, a place,
the names of what was changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from dongtai_mail.finding_sentences import FINDINGS, PLACES

SENTENCES = (
    # message.address
    _("地址有 %(length)s 个字符，最多 %(most)s 个；请只留下一个邮箱地址"),
    _("地址“%(text)s”里有看不见的字符 U+%(code)s，请删去后重新填写"),
    _("“%(text)s”里有多个 @，请只填一个地址，写成“名字@域名”"),
    _("“%(text)s”不是完整的邮箱地址，请写成“名字@域名”"),
    _("“%(text)s”里不只有邮箱地址，请只留下尖括号里的部分"),
    _("地址“%(text)s”中间有空格，请删去空格"),
    _("地址“%(text)s”的 @ 后面是 IP 地址，请改用域名"),
    _("地址“%(text)s”太长，整个地址最多 %(octets)s 字节，请核对"),
    _("地址“%(text)s”太长，@ 前面最多 %(octets)s 字节，请核对"),
    _("地址“%(text)s”的域名“%(domain)s”不合规，请检查 @ 后面的部分，例如 example.com"),
    _(
        "地址“%(text)s”里 @ 前面的“%(local)s”不合规，"
        "请检查有没有引号、括号、逗号，或开头、结尾、相连的点"
    ),
    # message.header
    _("第 %(place)s 个字符（U+%(code)s）是换行、控制或文字方向字符，邮件里不能有；请删去它。"),
    # subscribers.staging
    _("没有邮箱地址"),
    _("姓名超过 %(name)s 字或单位超过 %(organisation)s 字"),
    _("姓名或单位里看不见的字符已去掉"),
    # subscribers.tables, subscribers.importing
    _("文件是空的。"),
    _("这一行读不出来：%(error)s"),
    _("文件第 %(line)s 行有一个引号没有合上，这一行没有导入，后面的照常；请补上或删去引号"),
    _("文件已损坏，或不是 Excel 工作簿，请重新保存后再试。"),
    _("工作簿里的表读不出来，请另存为“CSV UTF-8”再试。"),
    _("工作簿里有 Excel 不会有的行号，请另存为“CSV UTF-8”再试。"),
    _("文件读不出来：%(why)s"),
    _("同一处出错 %(tries)s 次，已停下：%(why)s"),
    # delivery.approvals
    _(
        "这一版的批准已被撤销或退回，发送已停止。"
        "请在这一期的“审核”页重新送审；批准后再继续，或取消这次发送。"
    ),
    _(
        "这一版的批准已被撤销或退回，发送已停止；这一期后来又改过，改回原样才能再批准这一版。"
        "或者取消这次发送；新的一版批准后，在这次发送的页面上发给没收到的人。"
    ),
    _(
        "刊物现在要求发送前审核，这一版没有批准过，发送已停止。"
        "请在这一期的“审核”页送审；批准后再继续，或取消这次发送。"
    ),
    _(
        "刊物现在要求发送前审核，这一版没有批准过，发送已停止；这一期后来又改过，改回原样才能再批准这一版。"
        "或者取消这次发送；新的一版批准后，在这次发送的页面上发给没收到的人。"
    ),
    # delivery.stages, delivery.queue.settling, delivery.mailings, delivery.letters
    _(
        "退回 %(number)s / %(answered)s（%(percent)s），超过上限 %(limit)s，"
        "发送已自动停在第 %(stage)s 批（共 %(stages)s 批）。"
        "请查明原因；继续发送即表示接受到现在为止的数字。"
    ),
    _(
        "投诉 %(number)s / %(answered)s（%(percent)s），超过上限 %(limit)s，"
        "发送已自动停在第 %(stage)s 批（共 %(stages)s 批）。"
        "请查明原因；继续发送即表示接受到现在为止的数字。"
    ),
    _("收信方拒绝的是这封邮件本身，发送已停止：%(reply)s"),
    _(
        "邮件太大，发信服务器不收，发送已停止：%(reply)s。"
        "请提高它的大小上限后继续发送；或取消这次发送，缩小这一期后再发。"
    ),
    _("服务器的时钟刚被拨快，到点可能只是因为这个，所以没有自动发送。"),
    _(
        "《%(issue)s》的这一版还没有批准，或批准后又有改动。"
        "请在这一期的“审核”页送审；批准后再发送。"
    ),
    _(
        "《%(publication)s》还没有 DKIM 密钥（%(path)s）。"
        "请运行 dongtai publication dkim %(slug)s，并按提示添加 DNS 记录。"
    ),
    # worker.lines, worker.engine
    _("发信服务器 %(name)s 暂时不可用，会自动再试：%(error)s"),
    _("发送记录写不下来，会自动再试：%(error)s"),
    _("Redis 暂时不可用，会自动再试：%(error)s"),
    _("发信程序内部出错，详见日志"),
    _("暂时不能发送，会自动再试：%(error)s"),
    _("新中继还在预热，今天的量已发完，其余明天继续。"),
    # manuscript.encoding, manuscript.reading
    _("文件是空的，没有可读的文字。请检查导出的稿件，再试一次。"),
    _("文件里没有可读的文字。请检查导出的稿件，再试一次。"),
    _("这不是文本稿件（%(format)s）。请另存为纯文本或 Markdown 后再导入。"),
    _(
        "文件内容不是可读的文字（可能是二进制文件，或编码已损坏）。"
        "请用 UTF-8 或 GB18030 重新保存后再导入。"
    ),
    # rendering.model, rendering.compiler
    _("网页版的地址要是完整的 http(s) 网址，只用 ASCII，不带 #：“%(address)s”"),
    _("主色要写成 #b3121d 这样的颜色：“%(colour)s”"),
    _("语言要写成 zh-CN 这样的代码：“%(tag)s”"),
    _("模板 %(template)s 填不出来：%(detail)s。请改模板。"),
    _("模板 %(template)s 第 %(line)s 行，在第一条之前，MJML 不接受：%(detail)s"),
    _("模板 %(template)s 第 %(line)s 行，写到“%(title)s”时，MJML 不接受：%(detail)s"),
    _("模板 %(template)s，MJML 不接受：%(detail)s"),
    # issues.reviewing
    _("刊物设置有改动"),
    _("改动了刊物设置"),
    _("改动了%(names)s等 %(count)s 处"),
    _("改动了%(names)s"),
    _("%(who)s 改动了刊物设置"),
    _("%(who)s 改动了%(names)s等 %(count)s 处"),
    _("%(who)s 改动了%(names)s"),
    _("%(who)s 撤销了批准"),
    # subscribers.suppression
    _("读者本人确认重新订阅"),
    # delivery.returns, delivery.webhooks
    _("不是读者的投诉，而是“%(kind)s”报告。"),
    _("这位读者的资料已经删除。"),
    _("退回的是读者以前的地址，对现在的地址没有影响。"),
    _("里面没有本系统的标记，不能证明说的是谁。"),
    _("标记不是本系统签发的，可能是伪造。"),
    _("标记有效，但那次投递或订阅已经删除。"),
    _("里面没有本系统的标记或 Message-ID，不知道是哪次投递。"),
)
Patterns = Sequence[tuple[re.Pattern[str], str]]
_PLACE = re.compile(r"%\\\((\w+)\\\)s")
# A member of a Chinese enumeration; what is quoted may hold commas of its own.
_MEMBER = re.compile(r"(?:《.*?》|“.*?”|[^、]+?)(?=、|$)", re.DOTALL)


def _patterns(sentences: Iterable[str]) -> Patterns:
    return tuple(
        (re.compile(_PLACE.sub(r"(?P<\1>.*?)", re.escape(each)), re.DOTALL), each)
        for each in sentences
    )


_PLACES = _patterns(PLACES)
_OF_CODE = {code: _patterns(sentences) for code, sentences in FINDINGS.items()}
_ALL = (*_patterns(SENTENCES), *(each for patterns in _OF_CODE.values() for each in patterns))


def told(text: str) -> str:
    """A sentence of the tables in the active language."""
    return _told(text, _ALL)


def finding_told(code: str, message: str) -> str:
    """What a finding of this code says; as ``told``, at a fraction of its cost."""
    return _told(message, _OF_CODE.get(code, _ALL))


def _told(text: str, patterns: Patterns) -> str:
    if text.isascii() or (get_language() or "zh").startswith("zh"):
        return text
    for pattern, sentence in patterns:
        if found := pattern.fullmatch(text):
            quoted = found.groupdict()
            return gettext(sentence) % {name: _fitting(name, quoted[name]) for name in quoted}
    return text


def _fitting(name: str, quoted: str) -> str:
    """What fills the place of this name: most is quoted, some is our own words."""
    if name == "error":
        return told(quoted)
    if name in ("part", "where", "period", "format"):
        return _told(quoted, _PLACES)
    if name in ("names", "members", "lines", "codes"):
        first = quoted.removesuffix("等")
        members = ", ".join(map(gettext, _MEMBER.findall(first)))
        return members if first == quoted else f"{members} …"
    return quoted
