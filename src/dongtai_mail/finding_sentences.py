"""What findings say, as sentences that ``dongtai_mail.sentences`` tells in other languages.

Owns: under every finding's code the sentences that its messages are made of, as the pure packages
and ``issues`` write them, and the words that these fill in. Where two sentences fit, the one that
says more stands first. Promises: nothing is missing here; ``tests/test_finding_sentences.py`` reads
every ``Finding(…)`` of the source.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

_UNSAID = _("稿件中没有%(part)s，将使用刊物设置里的。")
_UNTOLD = _("稿件中没有%(part)s。导入以后，请在“期刊信息”里填上。")
_SUPPLIED = _("稿件没有%(part)s，用了设置里的")
_EMPTY = _("没有%(part)s，邮件里空着这一处")
_REMOVED = _("去掉了 %(count)s 个%(part)s（%(codes)s）")
_REPEATED = (_("这一条与“%(title)s”（%(where)s）相同或几乎相同。请留一条。"),)
_FACTS = (_("这一条与“%(title)s”（%(where)s）说到同样的事：“%(sample)s”。请看看是否重复。"),)

# What %(part)s, %(where)s, %(period)s and %(format)s are filled with.
PLACES = (
    *(_("刊名"), _("期号"), _("出刊日期"), _("出版日期"), _("主办单位")),
    *(_("邮件主题"), _("预览文字")),
    *(_("版权信息（地址、邮编、电话）"), _("编辑部信息"), _("全文版"), _("精简版"), _("摘要版")),
    *(_("网页"), _("纯文本"), _("控制字符"), _("文字方向控制符")),
    *(_("PDF 文件"), _("Word 或压缩文件"), _("旧版 Word 文件"), _("RTF 文件")),
    *(_("图片"), _("压缩文件")),
    *(_("第 %(line)s 行"), _("第 %(number)s 条"), _("本期"), _("往期")),
    *(_("至 %(last)s"), _("%(first)s 至 %(last)s"), _("%(first)s 至")),
)
FINDINGS: dict[str, tuple[str, ...]] = {
    # manuscript: reading the file
    "bytes-undecodable": (
        _("有 %(count)s 处字节无法按 %(encoding)s 解读，已标为“�”。请对照原稿补上这些字。"),
    ),
    "control-characters": (
        _("此行有 %(count)s 个控制字符，邮件无法承载，已去掉。请看看是否丢了字。"),
    ),
    "page-number": (_("第 %(lines)s 行共 %(count)s 处页码，没有放进正文。"),),
    "rule-line": (_("第 %(lines)s 行共 %(count)s 条分隔线，没有放进正文。"),),
    "running-head": (
        _("“%(text)s”在第 %(lines)s 行共出现 %(count)s 次，按页眉页脚处理，没有放进正文。"),
    ),
    "break-guessed": (
        _(
            "有 %(count)s 处，句子正好排满上一行，稿件里没有别的分段标记："
            "第 %(lines)s 行是否另起一段，只是推断。请看一眼。"
        ),
    ),
    "page-joined": (_("第 %(line)s 行前的换页把一段话断成两半，已接成一段。请看一眼接得对不对。"),),
    "title-guessed": (
        _("上一条没有来源行，这里按标题另起了一条。如果它是小标题，请在上一条末尾补来源行。"),
    ),
    "source-line-repeated": (_("这一条有两个来源行，已并在一起；来源和日期取自第一个。"),),
    "text-unplaced": (_("“%(text)s”不属于刊名、目录、栏目或版权信息，没有放进本期内容。"),),
    # manuscript.checks.structure
    "issue-number-missing": (_UNTOLD,),
    "issue-date-missing": (_UNTOLD,),
    "items-missing": (_("没有找到任何条目。请检查栏目标题和来源行。"),),
    "section-missing": (_("开头的条目不属于任何栏目。请在它们前面加一行【栏目名】。"),),
    "section-repeated": (
        _("栏目【%(section)s】重复出现（第 %(line)s 行已有）。请合并，或改正栏目名。"),
        _("栏目【%(section)s】重复出现。请合并，或改正栏目名。"),
    ),
    "section-empty": (_("栏目【%(section)s】下没有条目。请补上条目或删去栏目。"),),
    "title-missing": (_("这一条没有标题。请在正文前补一行标题。"),),
    "title-long": (
        _(
            "标题有 %(count)s 个字，多半是正文被当成了标题。"
            "请看看标题后面是不是少了换行，或把标题改短。"
        ),
    ),
    "item-empty": (_("这一条只有标题，没有正文。请补上正文或删去这一条。"),),
    "subheading-alone": (
        _("“%(text)s”按小标题处理。如果它是另一条的标题，请在它前面补上一条的来源行。"),
    ),
    # manuscript.checks.contents
    "toc-entry-without-item": (
        _("目录中的“%(title)s”在正文里找不到对应的条目。请改目录，或补上这一条。"),
    ),
    "toc-title-differs": (_("目录写作“%(entry)s”，正文标题是“%(title)s”。请统一。"),),
    "toc-section-differs": (_("目录把它列在【%(entry)s】，正文在【%(section)s】。请统一。"),),
    "toc-page-order": (_("目录页码从 %(before)s 倒回 %(page)s。请核对页码。"),),
    "item-not-in-toc": (_("这一条没有列入目录。"),),
    # manuscript.checks.sources
    "source-missing": (_("这一条没有来源行。请在正文后补“来源：… 编选：… 年月日”。"),),
    "compiler-missing": (_("来源是%(source)s，但没有写编选者。如果是本刊编选的，请补“编选：”。"),),
    "source-unnamed": (_("来源行没有写出来源。请在“来源：”后补上。"),),
    "date-impossible": (_("来源行的日期在日历上不存在。请核对。"),),
    "source-line-differs": (
        _("来源行与“来源”一栏不同，读者看到的是来源行。请改成一样。"),
        _("来源行与“编选”一栏不同，读者看到的是来源行。请改成一样。"),
        _("来源行与“日期”一栏不同，读者看到的是来源行。请改成一样。"),
    ),
    "date-missing": (_("来源行没有完整的日期。请补上年月日。"), _EMPTY),
    "date-outside-period": (
        _("日期 %(date)s 晚于出刊日期 %(issued)s。请核对。"),
        _("日期 %(date)s 离本期其他条目（%(middle)s 前后）太远。请核对年份和月份。"),
    ),
    # manuscript.checks.punctuation
    "punctuation-doubled": (_("标点重复：“%(shown)s”中的“%(marks)s”。"),),
    "paragraph-unfinished": (_("这一段末尾没有句号：“…%(end)s”。请补上标点，或看看是否缺了字。"),),
    "title-punctuation": (_("标题末尾有标点“%(mark)s”。"),),
    "halfwidth-punctuation": (
        _("中文里用了半角标点：%(members)s等 %(count)s 处。"),
        _("中文里用了半角标点：%(members)s。"),
    ),
    "unbalanced": (
        _("“%(shown)s”中的“%(mark)s”没有配对的后半。请补上或删去。"),
        _("“%(shown)s”中的“%(mark)s”没有配对的前半。请补上或删去。"),
    ),
    # manuscript.checks.characters
    "mojibake": (_("这里像是乱码：“%(shown)s”。请对照原稿改正。"),),
    "lookalike-character": (
        _("“%(shown)s”中的“%(wrong)s”（%(codes)s）看着像，但不是正确的字符。"),
    ),
    "invisible-characters": (
        _("“%(shown)s”附近有 %(count)s 个看不见的字符（U+%(code)s）。请删去。"),
    ),
    # manuscript.checks.words, manuscript.checks.spacing
    "word-repeated": (_("“%(shown)s”中的“%(twice)s”像是重复了。"),),
    "word-stray": (_("“%(shown)s”里夹着英文“%(word)s”。"),),
    "placeholder": (_("“%(shown)s”像是没有填完的地方。"),),
    "clause-repeated": (_("这一句重复了两遍：“%(clause)s”。"),),
    "sentence-repeated": (
        _("这句话在同一条里出现过（第 %(line)s 行）：“%(sentence)s”。"),
        _("这句话在同一条里出现过：“%(sentence)s”。"),
    ),
    "space-stray": (_("“%(shown)s”中多了空格。"),),
    "spacing-mixed": (
        _(
            "汉字与数字、字母之间，这一条有 %(spaced)s 处空格、%(tight)s 处不空，"
            "而全期以空格为主。请统一。"
        ),
        _(
            "汉字与数字、字母之间，这一条有 %(spaced)s 处空格、%(tight)s 处不空，"
            "而全期以不空为主。请统一。"
        ),
    ),
    # manuscript.checks.duplicates
    "item-repeated": _REPEATED,
    "item-repeated-earlier": _REPEATED,
    "facts-repeated": _FACTS,
    "facts-repeated-earlier": _FACTS,
    # rendering.complete, which shares some codes with manuscript.checks.structure
    **{
        f"{name}-supplied": (_SUPPLIED,)
        for name in ("masthead", "number", "date", "host", "colophon", "subject", "preheader")
    },
    **{f"{name}-missing": (_EMPTY, _UNSAID) for name in ("masthead", "host", "colophon")},
    "number-missing": (_EMPTY,),
    # rendering.view, rendering.inline, rendering.clean
    "issue-empty": (_("这一期没有条目"),),
    "subject-missing": (
        _("没有邮件主题，也没有可以代替的刊名、期号和日期"),
        _("没有邮件主题，用了“%(subject)s”"),
    ),
    "image-refused": (_("图片地址不是完整的 https 地址，没有放进邮件：%(source)s"),),
    "image-alt-missing": (
        _("图片没有替代文字：%(source)s"),
        _("图片没有 alt 属性：%(image)s"),
    ),
    "markup-excessive": (_("一段文字里的标记超过 %(most)s 个，按原文显示"),),
    "link-refused": (_("链接不是完整的 http、https 或 mailto 地址，按文字显示：%(target)s"),),
    "control-character": (_REMOVED,),
    "bidi-mark": (_REMOVED,),
    # rendering.checks, rendering.edition, rendering.cli
    "content-missing": (_("%(part)s里缺：%(words)s"),),
    "content-extra": (_("%(part)s里多出：%(words)s"), _("%(part)s末尾多出：%(words)s")),
    "anchor-doubled": (_("%(part)s里的锚点重复：%(name)s"),),
    "anchor-missing": (
        _("%(part)s里的链接没有去处：%(target)s"),
        _("网页里没有这一条的锚点：%(name)s"),
    ),
    "link-not-absolute": (_("链接不是完整的网址或邮箱：%(target)s"),),
    "doctype-missing": (_("HTML 的文档类型声明丢了"),),
    "media-query-missing": (_("HTML 里的媒体查询丢了：%(query)s"),),
    "mso-comments-unbalanced": (_("HTML 里给 Outlook 的条件注释不成对"),),
    "slot-not-once": (_("个人链接应在 HTML 和纯文本里各出现一次：%(slot)s"),),
    "edition-too-big": (_("%(part)s的 HTML 有 %(size)s 字节，超过 %(limit)s 字节"),),
    "size": (
        _(
            "%(part)s的 HTML 有 %(size)s 字节，超过 %(limit)s 字节，"
            "Gmail 会截断；改用更小的版本或减少条目"
        ),
    ),
    "line-too-long": (_("邮件第 %(line)s 行有 %(size)s 字节，超过 %(limit)s"),),
    # issues.textual, issues.proofreading, issues.links
    "date-outside-issue": (
        _("日期 %(date)s 不在本期的时段（%(period)s）里。请核对，或移到别的一期。"),
    ),
    "masthead-differs": (
        _(
            "刊名写作“%(masthead)s”，而这份刊物是“%(publication)s”。"
            "请看看是不是放错了刊物，或改正刊名。"
        ),
    ),
    "rendering-failed": (_("这一期无法排版：%(error)s"),),
    "link-dead": (
        _("链接打不开，对方说没有这个页面（%(status)s）：%(url)s。请改正或去掉。"),
        _("链接打不开，没有这个网站：%(url)s。请检查网址。"),
        _("链接指向内部地址，读者打不开：%(url)s。请换成公开的网址。"),
    ),
    "link-uncertain": (
        _("链接没能确认，对方答复 %(status)s：%(url)s。请自己打开看看。"),
        _("链接没能确认，对方没有答复：%(url)s。请自己打开看看。"),
    ),
}
