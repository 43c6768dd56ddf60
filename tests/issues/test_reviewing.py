"""Reviews: who may approve, what ends an approval, and what may be sent."""

from __future__ import annotations

import datetime

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from dongtai_mail.commands import send
from dongtai_mail.delivery import accounts, mailings, scheduling, stages
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.delivery.scheduling import MailingRefused
from dongtai_mail.desk import previews
from dongtai_mail.issues import editing, editions, importing, reviewing
from dongtai_mail.issues.models import Edition, Issue, Item, Publication, Review, Section
from dongtai_mail.issues.reviewing import ReviewRefused
from tests import factories
from tests.desk.conftest import make_issue

pytestmark = pytest.mark.django_db


@pytest.fixture
def issue(settings, tmp_path_factory) -> Issue:
    settings.DATA_DIR = tmp_path_factory.getbasetemp()
    publication = factories.publication()
    publication.needs_approval = True
    publication.save()
    return make_issue(publication, "云港口岸开通夜航")


@pytest.fixture
def editor() -> User:
    return User.objects.create_user("王编辑")


@pytest.fixture
def reviewer() -> User:
    return User.objects.create_user("李审核")


def _edit(issue: Issue, **values: object) -> None:
    item = Item.objects.filter(section__issue=issue).first()
    editing.save_item(item, item.version, values or {"body": "改过的正文。"}, "王编辑")


def test_what_another_person_approved_may_be_sent(issue, editor, reviewer):
    review = reviewing.request(issue, editor, "请看")
    assert not reviewing.is_approved(review.edition)
    with pytest.raises(MailingRefused, match="还没有批准"):
        scheduling.schedule(review.edition, factories.subscriber_list(), request_key="a" * 16)
    reviewing.approve(review, reviewer, "可以")
    assert reviewing.is_approved(review.edition)
    assert reviewing.standing(issue) == review
    assert scheduling.schedule(review.edition, factories.subscriber_list(), request_key="a" * 16)


def test_nobody_approves_their_own_request_unless_the_publication_allows_it(issue):
    alone = User.objects.create_superuser("总编")
    review = reviewing.request(issue, alone)
    with pytest.raises(ReviewRefused, match="自己送审"):
        reviewing.approve(review, alone)
    assert not reviewing.is_approved(review.edition)
    issue.publication.self_approval = True
    issue.publication.save()
    reviewing.approve(Review.objects.get(pk=review.pk), alone)
    assert reviewing.is_approved(review.edition)


def _wrote_first(issue: Issue, person: User, section: Section) -> None:
    editing.new_item(
        issue.publication, {"title": "新条", "body": "新。"}, str(person), section=section
    )


def _wrote(issue: Issue, person: User, section: Section) -> None:
    item = Item.objects.first()
    editing.save_item(item, item.version, {"body": "改过。"}, str(person))


def _put_in(issue: Issue, person: User, section: Section) -> None:
    pooled = Item.objects.create(publication=issue.publication, title="池里的", body="有。")
    editing.place(pooled, section, 0, str(person))


def _tagged(issue: Issue, person: User, section: Section) -> None:
    item = Item.objects.first()
    editing.save_item(item, item.version, {"tags": ["跨境"]}, str(person))


@pytest.mark.parametrize("seen", [False, True], ids=["at first", "after an approval"])
@pytest.mark.parametrize(
    ("act", "counts"), [(_wrote_first, True), (_wrote, True), (_put_in, True), (_tagged, False)]
)
def test_nobody_approves_what_they_wrote_since_the_last_approval(
    issue, editor, reviewer, act, counts, seen
):
    section = Section.objects.get()
    if seen:
        reviewing.approve(reviewing.request(issue, editor), reviewer)
    act(issue, reviewer, section)
    _edit(issue, body="王编辑又改。")
    review = reviewing.request(Issue.objects.get(), editor)
    assert reviewing.may_approve(review, reviewer) is not counts
    if counts:
        with pytest.raises(ReviewRefused, match="改过"):
            reviewing.approve(review, reviewer)
    reviewing.approve(review, User.objects.create_user("张审核"))
    _edit(issue, body="再改。")
    assert reviewing.may_approve(reviewing.request(Issue.objects.get(), editor), reviewer)


@pytest.mark.parametrize("of_item", [True, False], ids=["an item", "the issue"])
def test_who_puts_old_words_back_after_an_approval_wrote_them(issue, editor, reviewer, of_item):
    mallory = User.objects.create_user("马编审")

    def say(words: str) -> None:
        if of_item:
            item = Item.objects.get()
            editing.save_item(item, item.version, {"body": words}, str(mallory))
        else:
            row = Issue.objects.get()
            editing.save_issue(row, row.version, {"subject": words}, str(mallory))

    _edit(issue, body="甲。")
    editing.save_issue(issue, issue.version, {"subject": "甲。"}, str(editor))
    say("乙。")
    reviewing.approve(reviewing.request(Issue.objects.get(), editor), reviewer)
    say("甲。")
    again = reviewing.request(Issue.objects.get(), editor)
    assert not reviewing.may_approve(again, mallory)
    assert reviewing.may_approve(again, reviewer)


def test_who_imported_the_manuscript_wrote_it(settings, editor, reviewer, tmp_path_factory):
    settings.DATA_DIR = tmp_path_factory.getbasetemp()
    text = "【要闻】\n云港口岸开通夜航\n每晚增开四班。\n（来源：云港日报 2026-11-16）\n"
    issue = importing.import_manuscript(
        factories.publication(), text.encode(), "稿.txt", str(reviewer)
    )
    issue.number, issue.date = "7", datetime.date(2026, 11, 16)
    issue.save()
    assert not reviewing.may_approve(reviewing.request(issue, editor), reviewer)
    section = Section.objects.get()
    editing.new_item(
        issue.publication, {"title": "新条", "body": "新。"}, "王编辑", section=section
    )
    editing.discard(section.items.get(title="云港口岸开通夜航"), "王编辑")
    review = reviewing.request(Issue.objects.get(), editor)
    assert not reviewing.may_approve(review, reviewer), "subject and section are the importer's"
    reviewing.approve(review, User.objects.create_user("张审核"))
    _edit(issue)
    assert reviewing.may_approve(reviewing.request(Issue.objects.get(), editor), reviewer)


def test_from_is_part_of_what_is_approved(issue, editor, reviewer):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    issue.publication.from_name = "别的名字"
    issue.publication.save()
    assert not reviewing.is_approved(review.edition)
    review.refresh_from_db()
    assert review.state == Review.State.REVOKED
    assert "发件人" in review.revoked_why
    again = reviewing.request(Issue.objects.get(), editor)
    assert again.edition == review.edition
    (field,) = reviewing.differences(again).fields
    assert field.label == "发件人"
    assert reviewing.is_approved(reviewing.approve(again, reviewer).edition)


def test_any_change_revokes_the_approval_and_says_so(issue, editor, reviewer):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    _edit(issue)
    review.refresh_from_db()
    assert review.state == Review.State.REVOKED
    assert review.revoked_why == "王编辑 改动了《云港口岸开通夜航》"
    assert review.revoked_at
    assert reviewing.standing(issue) is None
    assert not reviewing.is_approved(review.edition)


@pytest.mark.parametrize(
    "change",
    [
        lambda issue: editing.save_issue(issue, issue.version, {"subject": "新主题"}, "甲"),
        lambda issue: editing.discard(Item.objects.get(), "甲"),
        lambda issue: editing.rename_section(Section.objects.get(), "新栏目", "甲"),
    ],
    ids=["subject", "discarded", "section"],
)
def test_every_kind_of_change_revokes(issue, editor, reviewer, change):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    change(issue)
    review.refresh_from_db()
    assert review.state == Review.State.REVOKED
    assert review.revoked_why.startswith("甲 ")


def test_what_readers_do_not_get_leaves_the_approval(issue, editor, reviewer):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    _edit(issue, tags=["跨境"])
    period = {"period_from": datetime.date(2026, 11, 1)}
    editing.save_issue(Issue.objects.get(), Issue.objects.get().version, period, "王编辑")
    assert reviewing.standing(issue) == review


@pytest.mark.parametrize(
    ("name", "value"),
    [("accent", "#0b5394"), ("reason", "您订阅了本刊。"), ("host_name", "新单位")],
)
def test_the_publications_own_words_count_too(issue, editor, reviewer, name, value):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    setattr(issue.publication, name, value)
    issue.publication.save()
    assert not reviewing.is_approved(review.edition)
    review.refresh_from_db()
    assert review.state == Review.State.REVOKED
    assert "刊物设置" in review.revoked_why


def test_who_changes_the_publication_is_told(issue, editor, reviewer):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    _reword(issue, "管理员", accent="#0b5394")
    review.refresh_from_db()
    assert review.revoked_why == "管理员 改动了刊物设置"


def _reword(issue, actor, **values):
    before = Publication.objects.get()
    for name, value in values.items():
        setattr(issue.publication, name, value)
    issue.publication.save()
    reviewing.check_publication(before, issue.publication, actor)


@pytest.mark.parametrize(
    ("values", "counts"),
    [({"from_name": "别的名字"}, True), ({"accent": "#0b5394"}, True), ({"slots": []}, False)],
)
def test_who_changed_the_publications_own_words_does_not_approve_them(
    issue, editor, reviewer, values, counts
):
    reviewing.approve(reviewing.request(issue, editor), reviewer)
    _reword(issue, str(reviewer), **values)
    _edit(issue)
    review = reviewing.request(Issue.objects.get(), editor)
    assert reviewing.may_approve(review, reviewer) is not counts
    reviewing.approve(review, User.objects.create_user("张审核"))
    _edit(issue, body="再改。")
    assert reviewing.may_approve(reviewing.request(Issue.objects.get(), editor), reviewer)


@pytest.fixture
def upgraded(monkeypatch):
    """A later version of the package, whose renderings differ at least by their address."""

    def upgrade() -> None:
        monkeypatch.setattr(editions, "version", lambda _name: "9.9.9")
        editions._templates_digest.cache_clear()

    yield upgrade
    monkeypatch.undo()
    editions._templates_digest.cache_clear()


def test_an_upgrade_leaves_what_was_approved_to_be_sent(issue, editor, reviewer, upgraded):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    upgraded()
    assert reviewing.standing(issue) == review
    assert editions.render(issue).html != review.edition.html
    assert previews.preview(issue, previews.AUTO).size == review.edition.size
    assert editions.freeze(issue) == review.edition
    assert scheduling.schedule(review.edition, factories.subscriber_list(), request_key="a" * 16)
    _edit(issue)
    assert not reviewing.is_approved(review.edition)
    assert editions.freeze(issue) != review.edition


def test_what_nobody_approved_is_frozen_anew_after_an_upgrade(issue, upgraded):
    before = editions.freeze(issue)
    upgraded()
    assert editions.freeze(issue) != before


@pytest.mark.parametrize("taken_back", [False, True])
def test_those_missed_get_the_same_edition_though_the_issue_went_on(
    issue, editor, reviewer, taken_back
):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    to = factories.subscriber_list()
    first = scheduling.schedule(review.edition, to, request_key="a" * 16)
    mailings.start_due()
    if taken_back:
        reviewing.withdraw(review, reviewer, "有一处错")
    else:
        _edit(issue)
    with pytest.raises(MailingRefused, match="还没有批准"):
        scheduling.schedule(review.edition, to, request_key="b" * 16)
    if taken_back:
        with pytest.raises(MailingRefused, match="还没有批准"):
            scheduling.schedule(review.edition, to, request_key="c" * 16, after=first)
        return
    again = scheduling.schedule(review.edition, to, request_key="c" * 16, after=first)
    assert again.edition == review.edition
    assert again.pk in mailings.start_due()


def test_what_has_nothing_to_do_with_the_bytes_does_not_count(issue, editor, reviewer):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    issue.publication.proof_addresses = ["a@example.org"]
    issue.publication.save()
    assert reviewing.is_approved(review.edition)


def test_a_change_during_the_review_takes_the_request_back(issue, editor, reviewer):
    review = reviewing.request(issue, editor)
    _edit(issue)
    with pytest.raises(ReviewRefused):
        reviewing.approve(review, reviewer)
    review.refresh_from_db()
    assert review.state == Review.State.WITHDRAWN


def test_a_change_that_is_taken_back_must_be_approved_again(issue, editor, reviewer):
    before = Item.objects.get().body
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    _edit(issue)
    _edit(issue, body=before)
    assert not reviewing.is_approved(review.edition)
    again = reviewing.request(issue, editor)
    assert again.edition == review.edition
    assert again.state == Review.State.REQUESTED


def test_asking_twice_for_the_same_is_one_review(issue, editor):
    assert reviewing.request(issue, editor) == reviewing.request(issue, editor)


def test_a_new_request_takes_the_place_of_the_old_one(issue, editor):
    old = reviewing.request(issue, editor)
    new = reviewing.request(issue, editor, kind="digest")
    old.refresh_from_db()
    assert (old.state, new.state) == (Review.State.WITHDRAWN, Review.State.REQUESTED)


def test_sending_back_needs_words(issue, editor, reviewer):
    review = reviewing.request(issue, editor)
    with pytest.raises(ReviewRefused, match="写明"):
        reviewing.send_back(review, reviewer, "  ")
    assert reviewing.send_back(review, reviewer, "第二段重写").comment == "第二段重写"
    with pytest.raises(ReviewRefused, match="已退回"):
        reviewing.approve(review, reviewer)


def test_an_issue_with_errors_cannot_be_sent_for_review(issue, editor):
    _edit(issue, body="")
    with pytest.raises(editions.EditionRefused):
        reviewing.request(issue, editor)
    assert not Review.objects.exists()


def test_a_reviewer_sees_what_is_new_item_by_item(issue, editor, reviewer):
    section = Section.objects.get()
    second = Item.objects.create(section=section, position=1, title="第二条", body="旧的说法。")
    gone = Item.objects.create(section=section, position=2, title="第三条", body="正文。")
    reviewing.send_back(reviewing.request(issue, editor), reviewer, "再改")
    editing.discard(gone, "王编辑")
    editing.save_item(second, second.version, {"body": "新的说法。"}, "王编辑")
    editing.place(second, section, 0, "王编辑")
    changes = reviewing.differences(reviewing.request(issue, editor))
    assert [(each.kind, each.title) for each in changes.items] == [
        ("moved", "第二条"),
        ("removed", "第三条"),
    ]
    (field,) = changes.items[0].fields
    assert [(run.kind, run.text) for run in field.runs] == [
        ("gone", "旧"),
        ("new", "新"),
        ("same", "的说法。"),
    ]


def test_the_first_review_has_nothing_to_compare_with(issue, editor):
    assert reviewing.differences(reviewing.request(issue, editor)) is None


def test_a_scheduled_mailing_waits_when_the_approval_has_ended(issue, editor, reviewer):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    mailing = scheduling.schedule(review.edition, factories.subscriber_list(), request_key="b" * 16)
    _edit(issue)
    mailings.start_due()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.MISSED
    assert "还没有批准" in mailing.note
    mailings.resume(mailing)
    mailings.start_due()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.MISSED


@pytest.mark.parametrize("paused", [False, True])
def test_what_is_being_sent_stops_when_the_approval_is_taken_back(issue, editor, reviewer, paused):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    mailing = _begun(review)
    if paused:
        mailings.pause(mailing)
    _edit(issue)
    mailing.refresh_from_db()
    assert mailing.state == (Mailing.State.PAUSED if paused else Mailing.State.SENDING)
    _edit(issue, body="正文。")
    review = reviewing.approve(reviewing.request(Issue.objects.get(), editor), reviewer)
    reviewing.withdraw(review, reviewer, "发错了")
    mailing.refresh_from_db()
    if not paused:
        assert mailing.state == Mailing.State.STOPPED
        assert "批准已被撤销" in mailing.note
    with pytest.raises(MailingRefused, match="批准已被撤销"):
        mailings.resume(mailing)
    assert not mailings.sending()
    reviewing.approve(reviewing.request(Issue.objects.get(), editor), reviewer)
    mailings.resume(mailing)
    assert mailings.sending() == {mailing.pk}


def test_what_changed_after_its_approval_was_taken_back_goes_on_as_the_next_edition(
    issue, editor, reviewer, admin_client
):
    factories.readers(2)
    mailing = _begun(reviewing.approve(reviewing.request(issue, editor), reviewer))
    reviewing.withdraw(Review.objects.get(), reviewer, "发错了")
    _edit(issue)
    with pytest.raises(MailingRefused, match="改回原样才能再批准这一版。或者取消"):
        mailings.resume(mailing)
    page = admin_client.get(f"/mailings/{mailing.pk}/").content.decode()
    assert page.count("改回原样才能再批准") == 1
    mailing.refresh_from_db()
    assert "改回原样才能再批准" in accounts.account(mailing, 0)["note"]
    assert 'id="resume"' not in page
    first = mailing.deliveries.earliest("pk")
    Delivery.objects.filter(pk=first.pk).update(state=Delivery.State.ACCEPTED)
    mailings.cancel(mailing)
    following = f"/mailings/{mailing.pk}/following/"
    assert "有一版批准后，再来这里发" in admin_client.get(following).content.decode()
    review = reviewing.approve(reviewing.request(Issue.objects.get(), editor), reviewer)
    page = admin_client.get(following)
    assert "这一期后来批准的一版" in page.content.decode()
    form = {name: page.context[name] for name in ("request_key", "newest")}
    form |= {"shown": 1, "readers": 1}
    other = admin_client.post(following, {**form, "edition": mailing.edition.key})
    assert "要发的已是另一版" in other.content.decode()
    assert not mailing.followers.exists()
    admin_client.post(following, {**form, "edition": page.context["edition"].key})
    assert mailing.followers.get().edition == review.edition


def test_what_needs_an_approval_only_since_it_began_says_so(issue, editor):
    factories.readers(4)
    publication = issue.publication
    Publication.objects.update(needs_approval=False)
    edition = reviewing.request(Issue.objects.get(), editor).edition
    mailing = _scheduled_now(edition, staged=stages.plan([50]), stage_wait_seconds=0)
    Delivery.objects.filter(pk__lte=mailing.open_until).update(state=Delivery.State.ACCEPTED)
    Publication.objects.filter(pk=publication.pk).update(needs_approval=True)
    stages.advance()
    mailing.refresh_from_db()
    assert mailing.state == Mailing.State.STOPPED
    assert mailing.note.startswith("刊物现在要求发送前审核，这一版没有批准过")
    assert "重新送审" not in mailing.note


def test_no_stage_opens_of_what_was_returned_since(issue, editor, reviewer):
    factories.readers(4)
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    mailing = _begun(review, staged=stages.plan([50]), stage_wait_seconds=0)
    Delivery.objects.filter(pk__lte=mailing.open_until).update(state=Delivery.State.ACCEPTED)
    _edit(issue)
    _edit(issue, body="正文。")
    reviewing.send_back(reviewing.request(Issue.objects.get(), editor), reviewer, "不要发")
    stages.advance()
    mailing.refresh_from_db()
    assert (mailing.state, mailing.stage) == (Mailing.State.STOPPED, 0)
    assert "退回" in mailing.note


def test_whom_a_mailing_missed_get_the_same_from_the_same_sender_alone(issue, editor, reviewer):
    review = reviewing.approve(reviewing.request(issue, editor), reviewer)
    mailing = _begun(review)
    _edit(issue)
    assert not scheduling.is_unapproved(mailing.edition, mailing)
    publication = Publication.objects.get(pk=issue.publication_id)
    publication.from_name = "别的名字"
    publication.save()
    assert scheduling.is_unapproved(mailing.edition, mailing)


def _begun(review: Review, **how) -> Mailing:
    return _scheduled_now(review.edition, **how)


def _scheduled_now(edition: Edition, **how) -> Mailing:
    mailing = scheduling.schedule(edition, factories.subscriber_list(), request_key="c" * 16, **how)
    assert mailings.start_due() == [mailing.pk]
    mailing.refresh_from_db()
    return mailing


def test_whoever_sends_from_the_shell_vouches_for_it(issue, capsys):
    factories.subscriber_list()
    assert send.main([str(issue.pk), "--list", "readers"]) == 0
    review = Review.objects.get()
    assert (review.state, review.reviewer) == (Review.State.APPROVED, "dongtai send")
    assert review.decided_by is None
    assert "以“dongtai send”的名义批准" in capsys.readouterr().out
    assert Mailing.objects.get().scheduled_at <= timezone.now()
