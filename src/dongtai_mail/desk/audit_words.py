"""What an entry of the audit log kept, in words: names of fields, values as people write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from dongtai_mail.desk.models import AuditEntry, Role
from dongtai_mail.desk.words import KINDS, MAILINGS, PROVIDERS
from dongtai_mail.sentences import told

# The names under which views keep values; one that is missing here is shown as it is.
FIELDS: dict[str, str | Promise] = {
    **PROVIDERS,
    "accent": gettext_lazy("主色"),
    "action": gettext_lazy("操作"),
    "archived": gettext_lazy("已停用"),
    "audience": gettext_lazy("收件人"),
    "by": gettext_lazy("谁"),
    "bounce_domain": gettext_lazy("退信域名"),
    "colophon_address": gettext_lazy("编辑部地址"),
    "colophon_organisation": gettext_lazy("编辑部所在单位"),
    "colophon_phone": gettext_lazy("电话"),
    "colophon_postcode": gettext_lazy("邮政编码"),
    "comment": gettext_lazy("批注"),
    "connections": gettext_lazy("并发连接"),
    "count": gettext_lazy("数量"),
    "counts_clicks": gettext_lazy("统计点击"),
    "date": gettext_lazy("日期"),
    "days": gettext_lazy("每天的封数"),
    "dkim_selector": gettext_lazy("DKIM 选择器"),
    "edition": gettext_lazy("版本"),
    "email": gettext_lazy("邮箱"),
    "everywhere": gettext_lazy("所有刊物"),
    "factor": gettext_lazy("方式"),
    "file": gettext_lazy("文件"),
    "first_name": gettext_lazy("姓名"),
    "from_address": gettext_lazy("发件人地址"),
    "from_name": gettext_lazy("发件人名称"),
    "host_also": gettext_lazy("主办单位的另一个名称"),
    "host_name": gettext_lazy("主办单位"),
    "ip": gettext_lazy("网络地址"),
    "issue": gettext_lazy("期"),
    "kind": gettext_lazy("种类"),
    "language": gettext_lazy("语言"),
    "list": gettext_lazy("名单"),
    "masthead": gettext_lazy("刊名"),
    "message": gettext_lazy("意见"),
    "messages_per_connection": gettext_lazy("每次连接的封数"),
    "name": gettext_lazy("名称"),
    "needs_approval": gettext_lazy("发送前要审核"),
    "note": gettext_lazy("说明"),
    "number": gettext_lazy("期号"),
    "people": gettext_lazy("人数"),
    "per_minute": gettext_lazy("每分钟封数"),
    "preheader": gettext_lazy("预览文字"),
    "proof_addresses": gettext_lazy("校样名单"),
    "reason": gettext_lazy("理由"),
    "renewed": pgettext_lazy("done", "重新生成"),
    "review_mail": gettext_lazy("审核的邮件"),
    "roles": gettext_lazy("职责"),
    "scheduled_at": gettext_lazy("发送时间"),
    "section": gettext_lazy("栏目"),
    "section_names": gettext_lazy("栏目"),
    "self_approval": gettext_lazy("可以自己审核"),
    "sha256": gettext_lazy("指纹"),
    "slots": gettext_lazy("固定发送时间"),
    "slug": gettext_lazy("代号"),
    "state": gettext_lazy("状态"),
    "superuser": gettext_lazy("系统管理员"),
    "subject": gettext_lazy("主题"),
    "suppression": gettext_lazy("不发名单编号"),
    "timezone": gettext_lazy("时区"),
    "unconfirmed": gettext_lazy("未确认的处理"),
    "version": gettext_lazy("版本"),
    "why": gettext_lazy("原因"),
}
VALUES: dict[str, dict[str, str | Promise]] = {
    "roles": {role.value: role.label for role in Role},
    "factor": {
        "totp": gettext_lazy("验证器应用"),
        "webauthn": gettext_lazy("通行密钥"),
        "recovery_codes": gettext_lazy("恢复码"),
    },
    "state": {state: shown.word for state, shown in MAILINGS.items()},
    "kind": dict(KINDS),
    "unconfirmed": {"resend": gettext_lazy("再发一次"), "leave": gettext_lazy("不再发")},
    "why": {"password": gettext_lazy("密码不对"), "code": gettext_lazy("验证码不对")},
}
VALUES["renewed"] = VALUES["factor"]
_SENTENCES = frozenset({"message", "why"})


@dataclass(frozen=True, slots=True)
class Change:
    """``before`` or ``after`` is None where the entry kept none."""

    name: str
    before: str | None
    after: str | None


def changes(entry: AuditEntry) -> list[Change]:
    before, after = entry.before or {}, entry.after or {}
    return [
        Change(str(FIELDS.get(name, name)), _said(name, before), _said(name, after))
        for name in {**before, **after}
    ]


def _said(name: str, values: dict[str, Any]) -> str | None:
    return _words(name, values[name]) if name in values else None


def _words(name: str, value: Any) -> str:
    if isinstance(value, list):
        return _("、").join(_words(name, each) for each in value) or "—"
    if isinstance(value, dict):
        return _("，").join(
            f"{FIELDS.get(key, key)} {_words(key, each)}" for key, each in value.items()
        )
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if value in (None, ""):
        return "—"
    known = VALUES.get(name, {}).get(str(value))
    return str(known or (told(str(value)) if name in _SENTENCES else value))
