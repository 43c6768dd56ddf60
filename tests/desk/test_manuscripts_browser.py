"""Mending a manuscript in a real browser, beside a colleague who does, too."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from dongtai_mail.issues.importing import hand_in
from dongtai_mail.issues.models import ManuscriptDraft
from tests.desk.test_manuscripts import SLIP
from tests.e2e.looking import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_ones_own_changes_follow_each_other_and_a_colleagues_are_shown(page, publication):
    draft = hand_in(publication, SLIP.encode(), "稿件.txt", "editor")
    page.goto(f"/manuscripts/{draft.pk}/")
    page.get_by_text("改稿件的文字").click()
    words = page.get_by_label("稿件全文")
    for text in (SLIP.replace("。。", "。"), SLIP.replace("夜航", "早航")):
        if not words.is_visible():
            page.get_by_text("改稿件的文字").click()
        words.fill(text)
        page.get_by_role("button", name="保存改动").click()
        expect(page.get_by_text("改动已保存")).to_be_visible()
        assert ManuscriptDraft.objects.get().mended == text
    ManuscriptDraft.objects.update(mended=SLIP.replace("自本月", "自下月"))
    page.get_by_text("改稿件的文字").click()
    words.fill(SLIP.replace("口岸自", "码头自"))
    page.get_by_role("button", name="保存改动").click()
    expect(page.get_by_text("在您打开以后又改过")).to_be_visible()
    look(page, "manuscripts/both")
    page.get_by_role("button", name="保存改动").click()
    expect(page.get_by_text("改动已保存")).to_be_visible()
    assert ManuscriptDraft.objects.get().mended == SLIP.replace("口岸自", "码头自")
