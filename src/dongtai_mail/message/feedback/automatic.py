"""Telling what comes from a mail system from what comes from a person's robot.

Owns: tables of patterns for notices of failure, notices of delay, receipts, and vacation replies
in the languages our readers write. Promises: a vacation reply is never a bounce, whatever
addresses and "no longer works here" it holds; each pattern has an example that a test runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dongtai_mail.message.feedback.document import Document
from dongtai_mail.message.feedback.mime import Fields, readable


@dataclass(frozen=True, slots=True)
class Pattern:
    says: re.Pattern[str]
    example: str


def _table(*rows: tuple[str, str]) -> tuple[Pattern, ...]:
    return tuple(Pattern(re.compile(says, re.IGNORECASE), example) for says, example in rows)


def matching(table: tuple[Pattern, ...], text: str) -> str:
    """The example of the first pattern in the text: it names the rule."""
    return next((pattern.example for pattern in table if pattern.says.search(text)), "")


DAEMONS = _table(
    (
        r"mailer[-_ ]?daemon|mail[-_. ]?delivery|^\s*<>\s*$",
        "Mail Delivery System <MAILER-DAEMON@a>",
    ),
    (r"\bpost[-_]?master@|mail administrator|\bmdaemon@|mailadm", "postmaster@example.org"),
    (
        r"mail ?(?:system|subsystem|server)|system administrator|系统(?:退信|管理员)"
        r"|邮件(?:系统|管理员)",
        "系统退信 <postmaster@example.cn>",
    ),
    (
        r"microsoftexchange[0-9a-f]{20,40}@|systemadministrator|administrateur syst"
        r"|administrador del sistema|システム管理者|zustellsystem|mail ?router",
        "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.org>",
    ),
)
FAILED_SUBJECTS = _table(
    (r"undeliver(?:able|ed)|unzustellbar|non remis|nicht zugestellt", "Undeliverable: 第 3 期"),
    (r"returned? (?:mail|to sender|message)|mail returned", "Returned mail: see transcript"),
    (r"deliver(?:y|ing).{0,30}(?:fail|error|problem|status|report|notif)", "Mail delivery failed"),
    (r"(?:fail|error|non-?).{0,30}deliver", "Failure to deliver"),
    (
        r"failure notice|mail (?:system )?error|could not be (?:delivered|sent)|^mail failed",
        "Failure Notice",
    ),
    (r"error (?:sending|delivering)|couldn't be delivered|bounced?\b", "error sending your mail"),
    (
        r"退信|无法(?:投递|送达|发送)|未能(?:送达|投递)|投递失败|发送失败|退回",
        "系统退信/Systems bounce",
    ),
    (r"配信(?:エラー|不能|失敗)|не доставлено|недоставлен", "配信エラーのお知らせ"),
    (
        r"nicht zustellbar|fehler bei der zustellung|zustellung fehlgeschlagen|non remise?\b"
        r"|[ée]chec de (?:la )?(?:remise|livraison)|no (?:se puede entregar|entregado)"
        r"|error de entrega|n[ãa]o (?:[ée] poss[íi]vel entregar|entregue)|falha na entrega",
        "Échec de la remise : 第 3 期",
    ),
    (
        r"non recapitabile|mancat[oa] (?:consegna|recapito)|esito negativo della consegna"
        r"|onbestelbaar|niedostarczaln|nelze doru[čc]it|levereras inte|ikke lever|ei voi toimittaa"
        r"|teslim edilemedi|не удается доставить",
        "Non recapitabile: 第 3 期",
    ),
    (
        r"配信(?:できません|不可)|送信できません|배달(?:되지 않음|할 수 없음)"
        r"|未(?:送达|传递|送達|傳遞)"
        r"|无法传递|無法(?:傳遞|送達|投遞)|传递失败|退件通知",
        "配信できませんでした",
    ),
)
FAILED_NOTICES = _table(
    (
        r"could ?n[o']t be delivered|can ?n[o']t be delivered|not be delivered",
        "could not be delivered",
    ),
    (r"delivery .{0,60}failed|undeliverable|was not delivered|wasn't delivered", "Delivery failed"),
    (r"returned (?:to sender|below|message)|permanent (?:fatal )?error", "permanent fatal errors"),
    (r"unable to deliver|did not reach|failed recipients?|delivery problems", "unable to deliver"),
    (
        r"not been delivered|was (?:blocked|rejected|refused) by|non-?deliverable",
        "was blocked by our filter",
    ),
    (
        r"requested action not taken|(?m:^[ \t]*(?:<<< )?5[0-5]\d[ -])",
        "550 Requested action not taken",
    ),
    (r"无法(?:被)?(?:投递|送达)|退信原因|投递失败|被退回|退回", "您的邮件无法送达"),
)
DELAYED = _table(
    (
        r"warning (?:message )?only|warning: (?:could not send|message .{0,40}delayed)",
        "Warning: could not send",
    ),
    (
        r"(?:temporary failure|delay) report|still (?:undelivered|trying|being retried)",
        "still trying",
    ),
    (
        r"will (?:keep trying|continue to (?:try|be)|be retried|retry)|no action is required",
        "Will keep trying",
    ),
    (
        r"(?:delivery|message|mail).{0,60}(?:has been|is|was) delayed|notification \(delay\)",
        "Delivery has been delayed",
    ),
    (r"do not need to (?:re-?send|resubmit)|not yet been delivered", "You do not need to resend"),
    (
        r"delivery incomplete|仍(?:将|会|在)(?:继续)?(?:尝试|重试)|投递延迟|延迟通知",
        "系统仍将继续尝试投递",
    ),
    (
        r"verz[öo]gert|remise diff[ée]r|^retard[ée]e?\s*[:：]|entrega (?:con retraso|retrasad)"
        r"|^(?:re|a)trasado\s*[:：]|^demorado\s*[:：]|consegna ritardat|задержк\w+ доставки"
        r"|^задержка\s*[:：]|ещ[её] не доставлен",
        "Zustellung verzögert",
    ),
    (
        r"配信(?:が)?遅延|^遅延\s*[:：]|^(?:邮件|郵件)?(?:已)?(?:延迟|延遲)\s*[:：]|传递延迟|지연됨",
        "邮件延迟：第 3 期",
    ),
)
GIVEN_UP = _table(
    (
        r"will be deleted from queue|will not (?:be retried|continue)|permanent",
        "will be deleted from queue",
    ),
    (r"giv(?:en|ing) up|has failed|no further attempts", "I'm giving up"),
)
DELIVERED = _table(
    (
        r"delivery status notification \(success\)|success(?:fully)? (?:delivered|notice)"
        r"|^successful (?:mail )?deliver",
        "Successfully delivered",
    ),
    (
        r"^(?:read|lu|gelesen|leído|letto|已读|已讀)\s*[:：]|return receipt|read receipt",
        "已读: 第 3 期",
    ),
    (
        r"^(?:not read|unread|未读|未讀|已删除|deleted)\s*[:：]|阅读回执|已读回执"
        r"|receipt notification",
        "未读: 第 3 期",
    ),
    (
        r"message (?:was|has been) (?:successfully )?(?:delivered|relayed|displayed)"
        r"|已成功(?:投递|送达)|已送达通知",
        "已成功投递",
    ),
    (
        r"^(?:lida|開封済み|既読|прочитано|읽음|gelezen|läst|zugestellt|remis|entregado|delivered"
        r"|message delivered|entregue|доставлено|relayed|afgeleverd|已送达|已传递|已转发"
        r"|配信済み)\s*[:：]",
        "Zugestellt: 第 3 期",
    ),
)
AWAY_SUBJECTS = _table(
    (
        r"^\W*auto(?:matic(?:ally)?|mated)?[-_ ]?(?:reply|response|respon[ds]er?|answer)"
        r"|\(auto[- ]reply\)|^\s*auto\s*[:：]",
        "Automatic reply: 第 3 期",
    ),
    (
        r"out[- ]of[- ](?:the[- ])?office|\booo\b|^\W*vacation|on (?:annual )?leave|on holiday",
        "Out of Office: 第 3 期",
    ),
    (
        r"^\W*away (?:from|until|till)|\bI am away|will be away|currently away|on vacation",
        "Away until May 5",
    ),
    (
        r"自动回复|自動回覆|自动答复|自動回信|自动应答|休假|不在办公室|外出(?:中|办公|期间)"
        r"|假期|年假|度假",
        "自动回复：您的邮件已收到",
    ),
    (r"自動(?:返信|応答)|不在(?:の|通知|連絡)|休暇", "自動返信: 不在のお知らせ"),
    (
        r"자동\s*(?:회신|응답)|부재\s*중|автоответ|автоматическ\w+ ответ|вне офиса|отпуск",
        "Автоответ: отпуск",
    ),
    (
        r"abwesen(?:d|heit)|automatische antwort|auto-?antwort|nicht im (?:b[üu]ro|haus)|urlaub",
        "Automatische Antwort",
    ),
    (
        r"r[ée]ponse auto|absen(?:t|ce) d|absence du bureau|en cong[ée]|message d'absence",
        "Réponse automatique",
    ),
    (
        r"respuesta autom|fuera de (?:la )?oficina|resposta autom|fora do escrit|de vacaciones"
        r"|f[ée]rias",
        "Respuesta automática",
    ),
    (
        r"risposta automatica|fuori (?:sede|ufficio)|assenza|automatisch antwoord|afwezig",
        "Risposta automatica",
    ),
    (
        r"autosvar|automatiskt? svar|fr[åa]nvarande|automaattinen|poissa|odpowied[zź] autom"
        r"|nieobecn",
        "Autosvar",
    ),
    (
        r"otomatik (?:yan[ıi]t|cevap)|tr[ảa] l[ờo]i t[ựu] đ[ộo]ng|balasan otomatis"
        r"|ตอบกลับอัตโนมัติ",
        "Otomatik yanıt",
    ),
    (
        r"自動答覆|不在辦公室|(?:出差|产假|產假|病假)(?:中|期间|期間|通知)?|^\W*(?:我|本人)?已(?:离职"
        r"|離職|退休)|^\W*(?:您的(?:邮件|来信|郵件|來信)?已收到|(?:我)?已收到您的(?:邮件|来信|郵件))",
        "您的来信已收到",
    ),
    (
        r"automatikus v[áa]lasz|automatick[áa] odpov|αυτόματη απάντηση|תשובה אוטומטית|رد تلقائي"
        r"|r[ăa]spuns automat|автоматичн\w+ відповід",
        "Automatikus válasz: 第 3 期",
    ),
    (
        r"^\W*(?:absence|en vacances|elternzeit|assente|aus[êe]ncia|oof)\b|нет на месте|отсутству"
        r"|(?:邮件|来信)我?已(?:经)?收到|no longer (?:with|at|working)"
        r"|on (?:maternity|paternity|parental|sick) leave",
        "On maternity leave",
    ),
)
_AWAY_FIELDS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply",
    "x-autoreply-from",
    "x-mail-autoreply",
    "x-vacation",
    "x-apple-action",
    "x-ms-exchange-inbox-rules-loop",
)


def is_notice(document: Document) -> bool:
    """Whether a mail system speaks: by form, or by its name and its subject or words."""
    subject = bool(matching(FAILED_SUBJECTS, document.subject))
    words = bool(matching(FAILED_NOTICES, document.notice[:6_000]))
    if not is_machine(document):
        return subject and words
    return _by_form(document) or subject or words or bool(delay_rule(document))


def is_machine(document: Document) -> bool:
    """Whether the sender says to be a mail system; a reader may quote a notice and ask."""
    speaks = matching(DAEMONS, readable(document.head.get("from")))
    # A robot's reply has the same empty sender (RFC 3834, 3.3).
    silent = _null_sender(document.head) and not away_rule(document)
    return _by_form(document) or bool(speaks) or silent


def _by_form(document: Document) -> bool:
    return bool(
        document.status_groups
        or document.report_type == "delivery-status"
        or document.head.get("x-failed-recipients")
    )


def away_of_postmaster(document: Document) -> str:
    """The rule by which even a mail system's message is a reply of somebody's robot, else ''.

    Exim marks its own notices as replies, too: by their form, subject and words they are none.
    """
    if document.status_groups:
        return ""
    if rule := matching(AWAY_SUBJECTS, document.subject):
        return rule
    failed = _by_form(document) or matching(FAILED_SUBJECTS, document.subject)
    return "" if failed or delay_rule(document) else away_rule(document)


def away_rule(document: Document) -> str:
    """The rule by which this is an automatic reply (RFC 3834, 5), else ''."""
    head = document.head
    if head.get("auto-submitted").lower().startswith("auto-replied"):
        return "Auto-Submitted: auto-replied"
    for name in _AWAY_FIELDS:
        if head.get(name).strip().lower() not in ("", "no", "false"):
            return name
    if re.match(r"auto[-_ ]?reply|auto[-_ ]?respon", head.get("precedence"), re.IGNORECASE):
        return "Precedence: auto_reply"
    return matching(AWAY_SUBJECTS, document.subject)


def delay_rule(document: Document) -> str:
    """The rule by which the sender of this notice still tries, else ''."""
    if matching(GIVEN_UP, document.notice):
        return ""
    return matching(DELAYED, f"{document.subject}\n{document.notice}")


def _null_sender(head: Fields) -> bool:
    return head.get("return-path").strip() == "<>"
