"""Refusals as servers word them, each with the reason a reader of the sentence would give."""

from __future__ import annotations

import pytest

from dongtai_mail.message.feedback.automatic import (
    AWAY_SUBJECTS,
    DAEMONS,
    DELAYED,
    DELIVERED,
    FAILED_NOTICES,
    FAILED_SUBJECTS,
    GIVEN_UP,
    Pattern,
)
from dongtai_mail.message.feedback.judge import COMMANDS, command_of
from dongtai_mail.message.feedback.model import Command, Reason
from dongtai_mail.message.feedback.phrases import PHRASES, Phrase, find
from dongtai_mail.message.feedback.status import CODES, STATUSES, find_code, find_status, lookup

SAID: dict[Reason, tuple[str, ...]] = {
    Reason.USER_UNKNOWN: (
        # How qmail ends whatever a server said; no word about time.
        "Remote host said: 550 That user does not exist here Giving up on 192.0.2.7.",
        "550 We have no mailbox of that name",
        "550 This mailbox was removed last year",
        "550 The recipient can not be verified",
        "550 <li@example.org> is not registered here",
        "550 Non existing user",
        "550 No matching account for li",
        "550 li is not in the local user list",
        "550 We don't know that recipient",
        "550 unavailable mail user",
        "550 该邮箱已注销",
        "550 此用户已销户",
        "550 无效的收件人",
        "550 無此使用者",
        "550 收件者不存在",
        "550 この宛先は登録されていません",
        "550 5.1.1 <li@example.org>: Recipient address rejected: User unknown",
        "550-5.1.1 The email account that you tried to reach does not exist. Please try",
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        "550 #5.1.1 bad address li@example.org",
        "550 5.1.1 unknown or illegal alias: li@example.org",
        "553 sorry, no mailbox here by that name (#5.7.1)",
        "550 li@example.org is not a known user",
        "550 no such recipient",
        "550 There is no one at this address",
        "550 No account by that name here",
        "553 5.3.0 <li@example.org>... Addressee unknown",
        "550 this address no longer accepts mail",
        "550 sorry, your envelope recipient is in my badrcptto list (#5.7.1)",
        "550 sorry, that recipient is not in my validrcptto list",
        "550 unknown local part li in <li@example.org>",
        "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)",
        "550 Mailbox not found",
        "550 User not exists: li@example.org",
        "550 No such mailbox",
        "Recipient's mailbox nonexistent",
        "550 5.1.1 RCP-P1 Recipient address does not exist",
        "User li (li@example.org) not listed in Domino Directory",
        "The e-mail account does not exist at the organization this message was sent to.",
        "The user's email name is not found.",
        "user (user unknown)",
        "550 Utilisateur inconnu !",
        "550 Empfaenger unbekannt",
        "550 El usuario no existe en este servidor",
        "550 Пользователь не найден",
        "550 message was not accepted -- invalid mailbox: user not found",
        "550 收件人不存在",
        "550 用户不存在",
        "无此用户",
        "邮箱地址不存在，请核对后重新发送",
        "554 delivery error: dd This user doesn't have a yahoo.com account (li@yahoo.com) [0]",
        "550 5.4.1 [li@example.org]: Recipient address rejected: Access denied",
        "550 not a valid recipient",
        "550 Invalid recipient li@example.org",
        "550 5.1.6 recipient no longer on server: li@example.org",
        "550 5.1.1 The recipient does not exist here",
        "550 invalid address",
        "550 5.1.0 Address rejected",
        "550 该用户未开通邮箱",
        "local server don't exists that user",
        "recipient does not have an account",
        "550 not user of this server",
        "550 user not known",
        "550 invalid user",
        'Unknown local-part "li" in domain "example.org"',
        "550 5.1.1 <a@b.example>: Recipient address rejected: undeliverable: 550 No such user",
        "As the remote mailbox doesnt exist",
        "Der Empfänger wurde nicht gefunden",
        "Diese E-Mail-Adresse wurde im Zielsystem nicht gefunden",
        "550 Empfänger existiert nicht",
        "L'adresse de messagerie que vous avez entrée est introuvable",
        "Le destinataire n'existe pas",
        "La dirección de correo electrónico no existe",
        "550 O usuário não existe",
        "550 Casella inesistente",
        "550 Нет такого пользователя",
        "指定されたユーザーは存在しません",
        "550 이메일 계정이 존재하지 않습니다",
        "未找到收件人的电子邮件地址",
        "The address li@example.org may be misspelled or may not exist",
        "550 The user name you entered is unknown",
        "li wasn't found at example.org",
        "550 Requested action not taken: mailbox unavailable (-2019901852:4030:-2147467259)",
        "550 that user isn't hosted here",
        "550 RCPT (li@example.org) failed: user not in directory",
        "SMTP error from remote mail server after RCPT TO:<a@b.cn>: 550 rejected: User unknown",
        "550 Mottagaren finns inte",
        "550 Ukendt modtager",
        "550 Nieznany odbiorca",
        "550 Uživatel neexistuje",
        "550 Destinataire inexistant",
        "550 아이디가 존재하지 않습니다",
        "Не удалось найти указанный адрес электронной почты",
    ),
    Reason.HOST_UNKNOWN: (
        "550 DNS query: that domain does not exist",
        "Bad host: nowhere.example has no entry in DNS",
        "550 5.1.2 <li@nowhere.example>... Host unknown (Name server: host not found)",
        "Host or domain name not found. Name service error for name=nowhere.example",
        "Unrouteable address",
        "all relevant MX records point to non-existent hosts",
        "Sorry, I couldn't find any host named nowhere.example. (#5.1.2)",
        "Domain does not exist",
        "550 Unknown domain",
        "域名不存在",
        "DNS Error: Domain name not found",
        "the domain nowhere.example couldn't be found",
        "Domäne nicht gefunden",
        "ドメインが見つかりません",
        "CNAME lookup failed permanently. (#5.4.4)",
    ),
    Reason.NO_MAIL_HOST: (
        "550 example.org has no valid mail exchanger",
        "550 5.1.10 Domain nowhere.example does not accept mail (nullMX)",
        "an MX or SRV record indicated no SMTP service",
        "host/domain does not accept mail",
    ),
    Reason.MOVED: (
        "551 5.1.6 User has moved; please use the new address",
        "551 not our customer",
        "550 The address li@example.org has been changed to wang@example.org",
    ),
    Reason.MAILBOX_FULL: (
        "552 mailbox unavailable now: its storage is exceeded",
        "552 5.2.2 Over quota",
        "452 4.2.2 The email account that you tried to reach is over quota",
        "552-5.2.2 The recipient's inbox is out of storage space",
        "550 5.2.2 <li@example.org>... Mailbox Full",
        "550 Requested mail action aborted: exceeded storage allocation",
        "552 user has exceeded quota",
        "Mailbox disk quota exceeded",
        "can't create user output file: Disc quota exceeded",
        "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException",
        "552 5.7.1 Mailbox size limit exceeded",
        "mail quota exceeded",
        "452 insufficient storage space in mailbox",
        "The user's mailbox is over its limit",
        "552 收件人邮箱已满",
        "邮箱容量不足",
        "收件人空间不足",
        "收信人收件箱已满，无法收信",
        "mailbox for li@example.org is full",
        "user has exhausted allowed storage space",
        "ユーザのメールボックスがいっぱいです",
        "Das Kontingent des Postfachs ist überschritten",
        "quota dépassé",
        "El buzón del destinatario está lleno",
        "Caixa postal cheia",
        "メールボックスの容量が超過しています",
        "메일 용량이 부족합니다",
        "552 Mailbox limit exceeded",
    ),
    Reason.SUSPENDED: (
        "550 5.2.1 The email account that you tried to reach is disabled",
        "554 delivery error: This account has been disabled or discontinued [#102]",
        "550 User suspended: li@example.org",
        "550 account is locked",
        "550 mailbox is inactive",
        "525 5.7.13 account disabled",
        "550 帐号已停用",
        "该用户已被冻结",
        "用户由于长时间未登录处于休眠状态",
        "550 User hangup",
        "Konto gesperrt",
        "Cuenta deshabilitada",
        "アカウントは停止されています",
    ),
    Reason.FILTERED: (
        "550 5.1.1 Refused due to recipient preferences",
        "550 The recipient has blocked you",
        "550 收件人拒收",
        "550 Rejected by header based manually Blocked Senders",
        "550 5.7.1 Rejected: mailbox owner only accepts mail from known people",
        "550 Mail is rejected by recipients [Xq1 IP: 192.0.2.9]",
    ),
    Reason.RATE_LIMITED: (
        "550 Ip frequency limited",
        "550 Domain frequency limited",
        "421 HL:ICC 163 mx9,example",
        "451 MI:DMC",
        "450 RP:CCL",
        "550 sending quota exceeded",
        "452 4.5.3 Too many recipients",
        "421 4.7.28 Our system has detected an unusual rate limit exceeded",
        "450 4.2.0 <li@example.org>: Recipient address rejected: Greylisted",
        "421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred due to unexpected volume",
        "550 5.4.5 Daily sending limit: too many messages",
        "550 发信频率超限",
        "452 4.3.2 Connection rate limit exceeded.",
        "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents",
        "550 发送太频繁",
        "450 4.2.1 The user you are trying to contact is receiving mail too quickly",
        "550 Too many unknown users",
    ),
    Reason.BLOCKED: (
        "550 Your EHLO name does not resolve: host not found",
        "554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org",
        "550 5.7.606 Access denied, banned sending IP [192.0.2.222]",
        "554 Blocked - see https://support.example.com/lookup?ip=192.0.2.225",
        "550 5.7.25 Reverse DNS validation failed",
        "550-mail from 192.0.2.1 refused: no PTR record",
        "553 http://www.spamhaus.org/query/bl?ip=192.0.2.222",
        "550 5.7.1 very low reputation of the sending IP address",
        "554 Your IP is on our blacklist",
        "550 IP在黑名单中",
        "450 DT:RBL 163 mx3",
        "550 IP is rejected",
    ),
    Reason.SPAM: (
        "554 5.6.0 This message has been scored as spam",
        "550 5.7.1 Message rejected as spam by content filtering",
        "550 5.7.1 message content rejected",
        "554 rejected due to spam content",
        "550 Mail content denied. 疑似垃圾邮件",
        "553 Mail data refused by AISP, rule [1234]",
        "550 High probability of spam",
        "550 spam mail",
    ),
    Reason.VIRUS: (
        "550 Virus Detected; Content Rejected",
        "554 message contains malware",
        "邮件含有病毒",
    ),
    Reason.AUTHENTICATION: (
        "550 5.7.26 Unauthenticated email from example.com is refused by its DMARC policy",
        "550 DMARC check failed.",
        "550 5.7.1 SPF check failed for example.com",
        "550 5.7.20 DKIM signature did not verify: check failed",
        "SPF验证未通过",
    ),
    Reason.POLICY: (
        "550 Requested action not taken: mail refused",
        "550 5.7.0 Local Policy Violation",
        "550 Denied by policy",
        "554 5.7.1 <li@example.org>: Recipient address rejected: Policy Rejection",
        "550 Access denied",
        "554 5.7.9 Message not accepted for policy reasons",
        "554 rejected due to security policies",
        "550 5.7.1 The organization restricts messages from outside",
    ),
    Reason.SENDER: (
        "451 Your address is unknown to this reader, who has to allow it first",
        "553 5.1.8 <n@example.com>... Domain of sender address n@example.com does not exist",
        "501 5.1.8 Sender address rejected",
        "550 Verification failed for <news@example.com>",
        "550 Unroutable sender address",
        "550 Could not verify sender",
        "550 Unauthenticated senders not allowed",
        "550 5.7.1 You are not allowed to send to this list",
        "550 发件人地址不存在",
        "554 发件人帐号已被删除",
        "550 寄件者信箱已刪除",
        "550 找不到发件人邮箱",
        "发信人域名无效",
        "550 Absender ungültig",
        "550 L'expéditeur n'existe pas",
        "送信者のアドレスが存在しません",
        "550 5.1.8 Access denied, bad outbound sender",
    ),
    Reason.NO_RELAY: (
        "554 5.7.1 <li@example.org>: Relay access denied",
        "550 5.7.1 Unable to relay for li@example.org",
        "550 relaying not permitted",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
    ),
    Reason.TOO_BIG: (
        "552 5.3.4 Message size exceeds fixed limit",
        "552 5.2.3 Message size exceeds fixed maximum message size (10485760)",
        "554 message too large to deliver",
        "邮件过大",
        "exceeded mailsize limit",
    ),
    Reason.CONTENT: (
        "Remote host said: 554 5.6.0 Invalid MIME in the message",
        "552 5.6.0 Headers too large (3 max)",
        "554 Transaction failed: Duplicate header 'DKIM-Signature'.",
        "550 5.7.1 Messages with multiple addresses in From: header are not accepted",
    ),
    Reason.EXPIRED: (
        "retry timeout exceeded",
        "Message could not be delivered for 5 days",
        "Envelope expired",
        "4.4.7 delivery time expired",
        "unable to deliver this message after 1 day",
    ),
    Reason.NETWORK: (
        "connect to mx.example.org[192.0.2.1]:25: Connection timed out",
        "554 5.4.6 Too many hops 26 (25 max)",
        "lost connection with mx.example.org[192.0.2.1] while performing the HELO handshake",
        "Name service error for domain example.com: Host not found, try again",
        "Deferred: Name server: example.org.: host name lookup failure",
        "Connection refused by [127.0.0.1]",
        "554 5.4.4 [internal] no answer from DNS",
        "Name service error for name=a.example type=MX: Host not found, try again",
        "Network error on destination MXs",
        "无法连接到对方服务器",
        "CNAME lookup failed temporarily. (#4.4.3)",
    ),
    Reason.SYSTEM: (
        "451 4.3.0 System error, try again later",
        "554 Service currently unavailable",
        "user unknown. Command output: procmail: Couldn't create spool file",
        "451 4.0.0 Operating system error",
    ),
    Reason.SYNTAX: (
        "503 5.5.0 Bad sequence of commands",
        "500 5.5.1 Command unrecognized: unrecognized command",
    ),
}
TABLES = {
    "daemons": DAEMONS,
    "failed subjects": FAILED_SUBJECTS,
    "failed notices": FAILED_NOTICES,
    "delayed": DELAYED,
    "given up": GIVEN_UP,
    "delivered": DELIVERED,
    "away": AWAY_SUBJECTS,
}


@pytest.mark.parametrize(
    ("reason", "text"), [(reason, text) for reason, texts in SAID.items() for text in texts]
)
def test_a_sentence_gives_the_reason_a_reader_would_give(reason: Reason, text: str) -> None:
    phrase = find(text)
    assert phrase is not None
    assert (phrase.reason, phrase.name) == (reason, phrase.name)


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.name)
def test_every_phrase_decides_its_own_example(phrase: Phrase) -> None:
    assert find(phrase.example) is phrase


def test_rules_have_names_of_their_own() -> None:
    assert len({phrase.name for phrase in PHRASES}) == len(PHRASES)


@pytest.mark.parametrize("pattern", [p for table in TABLES.values() for p in table])
def test_every_pattern_knows_its_own_example(pattern: Pattern) -> None:
    assert pattern.says.search(pattern.example)


@pytest.mark.parametrize(
    ("command", "example"), [(command, example) for command, _, example in COMMANDS]
)
def test_the_command_that_was_refused_is_found(command: Command, example: str) -> None:
    assert command_of(example, "") is command


@pytest.mark.parametrize(
    "text",
    [
        *("", "Dear reader, thank you.", "每期两周一次", "https://example.org/5.1.1"),
        "550 Email contains invalid characters",
        "550 您的帐号已被删除，不能发信",
        "550 无效的用户名或密码",
        "您的邮件未经阅读即被用户删除",
    ],
)
def test_a_text_without_refusal_has_no_reason(text: str) -> None:
    assert find(text) is None


def test_every_status_and_code_says_what_it_means() -> None:
    assert all(rule.means and f"{status}" == rule.status for status, rule in STATUSES.items())
    assert all(400 <= code < 600 and means for code, (_, means) in CODES.items())


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("smtp; 550 5.1.1 no such user", "5.1.1", 550),
        ("550-5.7.26 refused, 550 5.7.26 see", "5.7.26", 550),
        ("host mx[192.0.2.5.1] said: 552 full", "", 552),
        ("delivered in 512 seconds to 10.5.1.1", "", None),
        ("(#5.1.2) no such host", "5.1.2", None),
        ("250 2.1.5 OK then 4.4.1 gone", "4.4.1", 250),
        ("", "", None),
    ],
)
def test_numbers_are_found_where_they_are_replies(text: str, status: str, code: int | None) -> None:
    assert (find_status(text), find_code(text)) == (status, code)


def test_a_number_that_means_nothing_has_no_reason() -> None:
    assert lookup("5.0.0") is None
    assert lookup("") is None
    policy = lookup("5.7.606")
    assert policy is not None
    assert policy.reason is Reason.POLICY
