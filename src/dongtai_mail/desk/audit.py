"""The audit log: every change that matters, by whom, with what stood before and after.

Promises: an entry is written in the same transaction as the change, or both fail; only what
differs is kept. Addresses of readers don't belong in it: name them by the subscription's id.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

from dongtai_mail.desk.access import owner
from dongtai_mail.desk.models import AuditEntry
from dongtai_mail.issues.models import Publication

Values = Mapping[str, Any]
# A button of the same words tells in English what will be done, the log what was.
_ = partial(pgettext_lazy, "done")
# Who did what happens by itself.
SYSTEM = "系统"

ACTIONS: dict[str, str | Promise] = {
    "issue.created": _("新建一期"),
    "issue.imported": _("导入稿件"),
    "issue.changed": _("改期刊信息"),
    "issue.restored": _("恢复一期的旧版本"),
    "section.removed": _("删除栏目"),
    "item.placed": _("把条目放进一期"),
    "item.discarded": _("丢弃条目"),
    "item.brought-back": _("取回条目"),
    "item.restored": _("恢复条目的旧版本"),
    "finding.ignored": _("忽略校对意见"),
    "finding.reopened": _("取消忽略校对意见"),
    "review.requested": _("送审"),
    "review.approved": _("批准"),
    "review.returned": _("退回"),
    "review.withdrawn": _("撤回送审"),
    "review.revoked": _("批准失效"),
    "test.sent": _("测试发送"),
    "test.list-saved": _("改校样名单"),
    "mailing.scheduled": _("安排发送"),
    "mailing.paused": _("暂停发送"),
    "mailing.resumed": _("继续发送"),
    "mailing.cancelled": _("取消发送"),
    "mailing.policy": _("改未确认的处理"),
    "slots.changed": _("改固定发送时间"),
    "provider.changed": _("修改发送上限"),
    "provider.resumed": _("解除服务商暂停"),
    "relay.warmup": _("修改中继的预热"),
    "list.created": _("新建名单"),
    "list.changed": _("修改名单"),
    "list.exported": _("导出名单"),
    "import.started": _("导入订阅者"),
    "import.discarded": _("放弃导入"),
    "import.undo-begun": _("开始撤销导入"),
    "import.undone": _("撤销导入"),
    "segment.saved": _("保存分组"),
    "segment.removed": _("删除分组"),
    "suppression.added": _("列入不发名单"),
    "suppression.released": _("移出不发名单"),
    # People, rights, settings
    "person.signed-in": _("登录"),
    "person.refused": _("登录失败"),
    "person.password": _("改密码"),
    "person.factors": _("改两步验证或通行密钥"),
    "person.changed": _("改账号资料"),
    "person.invited": _("邀请同事"),
    "person.roles": _("改职责"),
    "person.deactivated": _("停用账号"),
    "person.reactivated": _("恢复账号"),
    "publication.created": _("新建刊物"),
    "publication.changed": _("改刊物设置"),
    "publication.key": _("生成签名密钥"),
}


def record(
    request: HttpRequest,
    action: str,
    subject: Model | str,
    publication: Publication | None = None,
    before: Values | None = None,
    after: Values | None = None,
    by: User | None = None,
) -> AuditEntry:
    """Write down that the request's person did ``action`` (a key of ``ACTIONS``) to ``subject``.

    ``publication`` is the subject's own unless given; ``by`` somebody who is not signed in (yet).
    """
    person = by or request.user
    user = person if isinstance(person, User) else None
    return _write(user, person.get_username(), action, subject, publication, before, after)


def by_operator(
    action: str,
    subject: Model | str,
    publication: Publication | None = None,
    before: Values | None = None,
    after: Values | None = None,
) -> AuditEntry:
    """The same for what was done at the command line, where nobody signs in."""
    return _write(None, "dongtai", action, subject, publication, before, after)


def later(
    begun: AuditEntry | None, action: str, subject: Model | str, after: Values | None = None
) -> AuditEntry:
    """The same for what a worker came to later: by whoever did what ``begun`` says."""
    by = (begun.user, begun.actor) if begun else (None, SYSTEM)
    return _write(*by, action, subject, None, None, after)


def _write(
    user: User | None,
    actor: str,
    action: str,
    subject: Model | str,
    publication: Publication | None,
    before: Values | None,
    after: Values | None,
) -> AuditEntry:
    if action not in ACTIONS:
        raise KeyError(f"{action} is not in desk.audit.ACTIONS; name it there first")
    row = subject if isinstance(subject, Model) else None
    kept = _differing(before, after)
    return AuditEntry.objects.create(
        publication=publication or (None if row is None or isinstance(row, User) else owner(row)),
        user=user,
        actor=actor,
        action=action,
        subject_kind=row._meta.label_lower if row is not None else "",
        subject_id=str(row.pk) if row is not None else "",
        subject=str(subject)[:300],
        before=kept[0],
        after=kept[1],
    )


def _differing(
    before: Values | None, after: Values | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    old, new = _plain(before), _plain(after)
    if old is None or new is None:
        return old, new
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return {name: old.get(name) for name in names}, {name: new.get(name) for name in names}


def _plain(values: Values | None) -> dict[str, Any] | None:
    if values is None:
        return None
    return {
        name: value.isoformat() if isinstance(value, datetime.date) else value
        for name, value in values.items()
    }
