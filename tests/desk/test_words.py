"""English is as complete as Chinese, and every state has its word and shape."""

from __future__ import annotations

import gettext
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

import dongtai_mail
from dongtai_mail.delivery.models import Delivery, Mailing
from dongtai_mail.desk.words import DELIVERIES, MAILINGS, device
from dongtai_mail.message.address import AddressError, parse
from dongtai_mail.paths import templates_dir
from dongtai_mail.sentences import SENTENCES, told
from dongtai_mail.validators import validate_line

PACKAGE = Path(dongtai_mail.__file__).parent
CATALOGUE = PACKAGE / "locale" / "en" / "LC_MESSAGES" / "django.po"
_TAG = re.compile(r'{%\s*translate\s+(["\'])(.+?)\1(?:\s+context\s+"(\w+)")?')
_BLOCK = re.compile(r"{%\s*blocktranslate([^%]*)%}(.*?){%\s*endblocktranslate\s*%}", re.DOTALL)


def _compiled() -> gettext.GNUTranslations:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        return gettext.GNUTranslations(file)


def _in_templates() -> set[str]:
    found = set()
    for folder in ("desk", "public", "account", "mfa", "usersessions"):
        for template in (templates_dir() / folder).rglob("*.html"):
            text = template.read_text()
            found |= {_in_context(words, context) for _, words, context in _TAG.findall(text)}
            found |= {_msgid(body) for _, body in _BLOCK.findall(text)}
    return found


def _in_context(words: str, context: str) -> str:
    """As gettext's catalogues name what has different English in different places."""
    return "\x04".join(filter(None, (context, words.replace("%", "%%"))))


def _msgid(body: str) -> str:
    # Django doubles percent signs, since Python would take them for placeholders.
    singular = re.split(r"{%\s*plural\s*%}", body)[0].strip().replace("%", "%%")
    return re.sub(r"{{\s*(\w+)\s*}}", r"%(\1)s", singular)


def test_every_word_of_the_templates_has_its_english():
    catalogue = _compiled()._catalog
    words = _in_templates()
    assert len(words) > 100
    missing = {each for each in words if each not in catalogue and (each, 0) not in catalogue}
    assert not missing


def test_no_entry_is_left_without_english_or_in_doubt():
    source = CATALOGUE.read_text()
    assert 'msgstr ""\n\n' not in source
    assert "#, fuzzy" not in source


@pytest.mark.skipif(not shutil.which("msgfmt"), reason="gettext is not installed")
def test_the_compiled_catalogue_is_the_sources(tmp_path):
    fresh = tmp_path / "django.mo"
    subprocess.run(["msgfmt", "--check-format", "-o", fresh, CATALOGUE], check=True)
    with fresh.open("rb") as file:
        assert gettext.GNUTranslations(file)._catalog == _compiled()._catalog


def test_placeholders_are_the_same_in_both_languages():
    for msgid, english in _compiled()._catalog.items():
        chinese = msgid[0] if isinstance(msgid, tuple) else msgid
        if chinese:
            assert set(re.findall(r"%\((\w+)\)", chinese)) == set(
                re.findall(r"%\((\w+)\)", english)
            )


def test_english_has_no_chinese_left_but_what_it_quotes():
    for msgid, english in _compiled()._catalog.items():
        assert not msgid or not re.search(r"[\u4e00-\u9fff]", re.sub(r"“[^”]*”", "", english))


@pytest.mark.parametrize(
    ("words", "states"), [(MAILINGS, Mailing.State), (DELIVERIES, Delivery.State)]
)
def test_every_state_has_a_word_and_a_shape_of_its_own(words, states):
    assert set(words) == set(states)
    assert len({word.shape for word in words.values()}) == len(words)
    with translation.override("zh-hans"):
        assert {str(words[state].word) for state in states} == {state.label for state in states}


@pytest.mark.django_db
def test_the_desk_speaks_english_when_asked(client):
    page = client.get("/login/", headers={"Accept-Language": "en"}).content.decode()
    assert '<html lang="en">' in page
    assert "User name" in page
    client.post("/language/", {"language": "zh-hans", "next": "/login/"})
    page = client.get("/login/", headers={"Accept-Language": "en"}).content.decode()
    assert "用户名" in page


@pytest.mark.parametrize(
    "typed",
    [
        *("zhang", "a@b@c.cn", "a b@example.com", "a@[192.0.2.1]", "a@-x-.com", "a..b@example.com"),
        *("a\u200b@example.com", "a" * 600, "a" * 70 + "@example.com", "a@" + "b." * 130 + "com"),
        *("名" * 25 + "@example.com", "“我”,@example.com"),
    ],
)
def test_what_is_wrong_with_an_address_is_told_in_english(typed):
    with pytest.raises(AddressError) as refused:
        parse(typed)
    with translation.override("en"):
        english = told(str(refused.value))
    assert not re.search(r"[\u4e00-\u9fff]", re.sub(r"“.*”", "", english)), english
    with translation.override("zh-hans"):
        assert told(str(refused.value)) == str(refused.value)


def test_a_mark_that_mail_cannot_carry_is_told_in_english():
    with translation.override("en"), pytest.raises(ValidationError, match=r"Character 2 \(U\+202E"):
        validate_line("a\u202eb")


@pytest.mark.parametrize(
    ("stored", "english"),
    [
        (
            "退回 6 / 50（12.00 %），超过上限 5 %，发送已自动停在第 1 批（共 2 批）。"
            "请查明原因；继续发送即表示接受到现在为止的数字。",
            "6 of 50 came back (12.00 %), more than the limit of 5 %: sending stopped itself in "
            "stage 1 of 2.",
        ),
        ("收信方拒绝的是这封邮件本身，发送已停止：554 垃圾邮件", "stopped: 554 垃圾邮件"),
        ("发信服务器 main 暂时不可用，会自动再试：timed out", "server main can't be used for now"),
        (
            "暂时不能发送，会自动再试：《Pulse》还没有 DKIM 密钥（keys/a.pem）。"
            "请运行 dongtai publication dkim pulse，并按提示添加 DNS 记录。",
            "by itself: Pulse has no DKIM key yet (keys/a.pem). Run dongtai publication dkim pulse",
        ),
        (
            "这一期无法排版：模板 issue.mjml 第 3 行，写到“码头账本”时，MJML 不接受：mj-no",
            "template issue.mjml, line 3, at “码头账本”: MJML refuses it: mj-no",
        ),
    ],
)
def test_what_was_written_down_is_told_in_english(stored, english):
    with translation.override("en"):
        assert english in told(stored)


def test_every_sentence_that_is_written_down_has_its_english():
    assert set(SENTENCES) <= set(_compiled()._catalog)


@pytest.mark.parametrize(
    ("says", "called"),
    [
        ("(Windows NT 10.0) AppleWebKit Chrome/130 Safari/537 Edg/130", "Edge · Windows"),
        ("(iPhone; CPU iPhone OS 18_1 like Mac OS X) Safari/604", "Safari · iPhone"),
        ("(Linux; Android 14) Chrome/130 Mobile Safari MicroMessenger/8", "微信 · Android"),
        ("curl/8.0", "curl/8.0"),
        ("", "—"),
    ],
)
def test_a_device_is_called_by_its_browser_and_system(says, called):
    assert device(says) == called
