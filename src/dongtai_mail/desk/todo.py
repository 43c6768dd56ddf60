"""What stands in the way of the next sending, and what to do about each.

Promises: what keeps mail from going out comes first, then what is worth a look, then the next step;
each names the page where it is done, for whoever may do it there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dongtai_mail.delivery.doctor import Verdict
from dongtai_mail.delivery.models import Mailing
from dongtai_mail.desk import reviews
from dongtai_mail.desk.access import Right
from dongtai_mail.desk.dashboard import Today, UnderWay
from dongtai_mail.desk.templatetags.desk import lane_name, moment
from dongtai_mail.desk.words import VERDICTS, Word
from dongtai_mail.issues import reviewing
from dongtai_mail.issues.models import Issue, Review

BLOCKED, LOOK = VERDICTS[Verdict.BAD], VERDICTS[Verdict.DOUBT]
NEXT = Word("check-next", "→", gettext_lazy("下一步"))
_GRAVITY = (BLOCKED, LOOK, NEXT)
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Task:
    """``right`` is what the page at ``url`` asks for, or the deed on it."""

    word: Word
    text: str
    action: str | Promise
    url: str
    right: Right = Right.SEE


def tasks(today: Today, may: Collection[Right]) -> list[tuple[Task, bool]]:
    """Each with whether the person may do it."""
    found = [*_machines(today), *_mailings(today), *_readers(today)]
    found += [_reviewed(review.issue, review) for review in today.others]
    found += _preparing(today)
    found.sort(key=lambda task: _GRAVITY.index(task.word))
    return [(task, task.right in may) for task in found]


def _machines(today: Today) -> Iterator[Task]:
    slug, told = [today.publication.slug], today.machines
    doctor = reverse("desk:doctor", args=slug)
    if told.workers is None:
        text = _("Redis 不可用，暂时不能发送；编辑和退订照常。请运维启动 Redis。")
        yield Task(BLOCKED, text, _("体检"), doctor)
    elif told.workers == 0:
        text = _("没有发送进程在运行，到点的邮件不会发出。请运维启动 dongtai worker。")
        yield Task(BLOCKED, text, _("体检"), doctor)
    if told.resting:
        text = _("中继连不上或暂时不收：%(names)s。请运维检查。") % {
            "names": "、".join(told.resting)
        }
        yield Task(BLOCKED, text, _("体检"), doctor)
    if told.paused:
        names = {"names": "、".join(map(lane_name, told.paused))}
        text = _("收信方要求放慢，正在暂停：%(names)s。到时自己接着发，别的照常。") % names
        yield Task(LOOK, text, _("看原因"), reverse("desk:providers"))


def _mailings(today: Today) -> Iterator[Task]:
    for mailing in today.missed:
        text = _("%(issue)s：没有按时发出，要不要发，等人决定。") % _named(mailing.edition.issue)
        yield Task(BLOCKED, text, _("去决定"), _at("mailing", mailing.pk), Right.SEND)
    if today.planned and today.held:
        issue = today.planned.edition.issue
        when = moment(today.planned.scheduled_at, today.publication)
        text = _("%(issue)s：批准已失效，%(when)s到时不会发出；重新送审，批准了才发。")
        url = _at("review", issue.pk)
        yield Task(BLOCKED, text % {**_named(issue), "when": when}, _("去送审"), url, Right.WRITE)
    for each in today.under_way:
        yield from _stands_still(each)


def _stands_still(each: UnderWay) -> Iterator[Task]:
    mailing, url = each.mailing, _at("mailing", each.mailing.pk)
    named = _named(mailing.edition.issue) | {"count": f"{each.waiting:,}"}
    if mailing.state == Mailing.State.STOPPED:
        text = _("%(issue)s：自己停下了，还有 %(count)s 人没有发。看过原因再决定。")
        yield Task(BLOCKED, text % named, _("去决定"), url, Right.SEND)
    elif mailing.state == Mailing.State.PAUSED:
        text = _("%(issue)s：暂停着，还有 %(count)s 人没有发。")
        yield Task(LOOK, text % named, _("继续或取消"), url, Right.SEND)


def _readers(today: Today) -> Iterator[Task]:
    if not today.growth.readers:
        url = reverse("desk:subscribers", args=[today.publication.slug])
        text = _("还没有可以收信的读者：建一个名单，导入，或让读者自己订阅。")
        yield Task(BLOCKED, text, _("去建名单"), url, Right.LISTS)


def _preparing(today: Today) -> Iterator[Task]:
    """The next step of the issue that is being made, or that one should be."""
    issue, review, slug = today.preparing, today.review, today.publication.slug
    if issue is None:
        if today.slot and not today.planned:
            when = {"when": moment(today.slot, today.publication)}
            text = _("%(when)s是固定的发送时间，还没有新的一期。导入稿件，或新建一期。") % when
            yield Task(
                NEXT, text, _("导入稿件"), reverse("desk:manuscripts", args=[slug]), Right.WRITE
            )
    elif review is not None and review.state in reviewing.OPEN:
        yield _reviewed(issue, review)
    elif today.errors:
        text = ngettext(
            "%(issue)s：还有 %(count)s 处错误，改好才能送审和发送。",
            "%(issue)s：还有 %(count)s 处错误，改好才能送审和发送。",
            today.errors,
        )
        shown = text % {**_named(issue), "count": today.errors}
        yield Task(BLOCKED, shown, _("看是哪里"), _at("issue-findings", issue.pk), Right.WRITE)
    else:
        yield _unasked(issue, review, needed=today.publication.needs_approval)


def _reviewed(issue: Issue, review: Review) -> Task:
    """What is to be done about an issue that was sent for review, or approved."""
    if review.state == Review.State.REQUESTED:
        return _asked(issue, review, issue.publication.slug)
    text = _("%(issue)s：已批准，可以发送。") % _named(issue)
    url = f"{_at('send', issue.pk)}?kind={reviews.shown(review).kind}"
    return Task(NEXT, text, _("去发送"), url, Right.SEND)


def _asked(issue: Issue, review: Review, slug: str) -> Task:
    names = reviews.approvers(review)
    if not names:
        text = _("%(issue)s：在等审核，可是没有人可以批准，有审核职责的都送审过或写过它。")
        url = reverse("desk:people", args=[slug])
        return Task(BLOCKED, text % _named(issue), _("给同事职责"), url, Right.ADMINISTER)
    text = _("%(issue)s：在等审核，可以批准的有%(names)s。")
    named = {**_named(issue), "names": "、".join(names)}
    return Task(NEXT, text % named, _("去审核"), _at("review", issue.pk), Right.APPROVE)


def _unasked(issue: Issue, review: Review | None, *, needed: bool) -> Task:
    if review is not None:
        said = {**_named(issue), "said": " ".join(review.comment.split())[:_SHOWN]}
        text = _("%(issue)s：被退回，“%(said)s”。改好，再送审。")
        return Task(NEXT, text % said, _("看意见"), _at("review", issue.pk), Right.WRITE)
    if needed:
        text = _("%(issue)s：没有错误，还没有送审；批准以后才能发送。")
        return Task(NEXT, text % _named(issue), _("去送审"), _at("review", issue.pk), Right.WRITE)
    text = _("%(issue)s：没有错误，可以发送。")
    return Task(NEXT, text % _named(issue), _("去发送"), _at("send", issue.pk), Right.SEND)


def _named(issue: Issue) -> dict[str, str]:
    return {"issue": str(issue)}


def _at(name: str, pk: int) -> str:
    return reverse(f"desk:{name}", args=[pk])
