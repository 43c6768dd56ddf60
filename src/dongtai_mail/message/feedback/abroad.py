"""Refusals in other languages than English and Chinese: what Exchange and providers translate.

Owns: one table of rules a subject, put in order by ``phrases``. Promises: each names whom it speaks
of before what is wrong, so that words about a sender or a domain are none about a reader; what is
said of full and closed mailboxes comes before what is said of missing ones.
"""

from __future__ import annotations

from dongtai_mail.message.feedback.model import Reason
from dongtai_mail.message.feedback.rule import rule

SENDER = (
    rule(
        "european-sender",
        Reason.SENDER,
        r"absender[^.;]{0,40}(?:abgelehnt|ung[üu]ltig|nicht|unbekannt|gesperrt|blockiert)"
        r"|exp[ée]diteur[^.;]{0,40}(?:refus|rejet|invalide|inconnu|bloqu|pas autoris|n'existe)"
        r"|(?:remitente|remetente)[^.;]{0,40}(?:rechaz|rejeit|inv[áa]lid|bloque|descon|no |n[ãa]o )"
        r"|mittente[^.;]{0,40}(?:rifiutat|respint|non |bloccat|sconosciut)"
        r"|отправител\w{0,2}[^.;]{0,40}(?:отклон|не |заблокир|неизвест)",
        "550 Absender abgelehnt",
    ),
    rule(
        "asian-sender",
        Reason.SENDER,
        r"(?:送信者|差出人|発信者)[^。]{0,20}(?:拒否|無効|存在し|許可されて|見つかり)"
        r"|(?:보낸 ?사람|발신자)[^.]{0,20}(?:거부|차단|존재하지)",
        "送信者が拒否されました",
    ),
)
FULL = (
    rule(
        "german-full",
        Reason.MAILBOX_FULL,
        r"(?:postfach|mailbox|speicher\w{0,12}|quota|kontingent)[^.;]{0,50}"
        r"(?:\bvoll\b|[üu]berschritten|[üu]berf[üu]llt|ersch[öo]pft)",
        "Das Postfach des Empfängers ist voll",
    ),
    rule(
        "romance-full",
        Reason.MAILBOX_FULL,
        r"(?:bo[îi]te|r[ée]ception|quota|espace)[^.;]{0,50}(?:pleine?\b|d[ée]pass|satur|insuffis)"
        r"|(?:buz[óo]n|casilla|cuota|caixa|cota)[^.;]{0,50}(?:llen[oa]|excedid|superad|cheia|lotada)"
        r"|casella[^.;]{0,50}\bpiena",
        "La boîte de réception du destinataire est pleine",
    ),
    rule(
        "slavic-full",
        Reason.MAILBOX_FULL,
        r"ящик\w{0,2}[^.;]{0,30}(?:переполнен|заполнен)|(?:превышен\w{0,2}|исчерпан\w{0,2}) квот"
        r"|квот\w{0,2} [^.;]{0,20}(?:превышен|исчерпан)|skrzynk\w[^.;]{0,40}pe[łl]n",
        "Почтовый ящик переполнен",
    ),
    rule(
        "asian-full",
        Reason.MAILBOX_FULL,
        r"容量[^。]{0,8}(?:超過|不足|オーバー)|ボックスが(?:満杯|一杯)"
        r"|(?:메일함|편지함|사서함|용량)[^.]{0,12}(?:초과|가득|부족|꽉)",
        "메일함 용량 초과",
    ),
)
SUSPENDED = (
    rule(
        "european-suspended",
        Reason.SUSPENDED,
        r"(?:konto|postfach)[^.;]{0,40}(?:gesperrt|deaktiviert|inaktiv|stillgelegt)"
        r"|(?:compte|bo[îi]te)[^.;]{0,40}(?:d[ée]sactiv|suspendu|bloqu|ferm[ée]|inacti)"
        r"|(?:cuenta|conta|buz[óo]n)[^.;]{0,40}(?:des?habilitad|desativad|suspen[ds]|bloquead|inativ"
        r"|inactiv)|(?:casella|account)[^.;]{0,40}(?:disattivat|disabilitat|sospes)"
        r"|(?:ящик|аккаунт)\w{0,2}[^.;]{0,30}(?:заблокирован|отключ[её]н|неактив)",
        "550 Compte désactivé",
    ),
    rule(
        "asian-suspended",
        Reason.SUSPENDED,
        r"(?:アカウント|メールボックス)[^。]{0,12}(?:停止|無効|凍結|ロック)"
        r"|(?:계정|메일)[^.]{0,12}(?:정지|휴면|비활성|사용 ?중지)",
        "アカウントは停止されています",
    ),
)
HOSTS = (
    rule(
        "domains-abroad",
        Reason.HOST_UNKNOWN,
        r"\b(?:dom[äa]ne|domain)\b[^.;]{0,40}(?:nicht gefunden|existiert nicht|unbekannt)"
        r"|\bdomaine\b[^.;]{0,40}(?:introuvable|n'existe pas|inconnu|pas trouv)"
        r"|\bdom[íi]nio\b[^.;]{0,40}(?:no existe|n[ãa]o existe|no se (?:ha )?enc|desconoc|inexist)"
        r"|\bdominio\b[^.;]{0,40}(?:inesistente|non (?:esiste|trovat))"
        r"|ドメイン[^。]{0,20}(?:見つかりません|存在し)|도메인[^.]{0,12}(?:존재하지|없|찾을 수)"
        r"|домен\w{0,2}[^.;]{0,30}(?:не существует|не найден)",
        "Le domaine n'existe pas",
    ),
)
MISSING = (
    rule(
        "german-unknown",
        Reason.USER_UNKNOWN,
        r"(?:empf[äa]nger|benutzer|teilnehmer|postfach|adress(?:e|at)|mailbox|konto)[^.;]{0,60}"
        r"(?:nicht (?:gefunden|bekannt|vorhanden)|existiert nicht|ung[üu]ltig|unbekannt)",
        "Die E-Mail-Adresse, die Sie eingegeben haben, konnte nicht gefunden werden",
    ),
    rule(
        "romance-unknown",
        Reason.USER_UNKNOWN,
        r"(?:destinataire|adresse|bo[îi]te|utilisateur|compte)[^.;]{0,60}(?:n'existe (?:pas|plus)"
        r"|introuvable|n'a pas (?:pu )?(?:[êe]tre|[ée]t[ée]) trouv|inconnue?\b"
        r"|inexistante?\b|invalide|non trouv)"
        r"|(?:destinat[áa]rio|direcci[óo]n|usu[áa]rio|buz[óo]n|cuenta|casilla|endere[çc]o|caixa"
        r"|\bcontas?\b|utilizador)[^.;]{0,60}(?:(?:no|n[ãa]o) existe"
        r"|(?:no se|n[ãa]o) (?:ha |foi |p[ôu]de ser )?enc(?:uentra|ontr)|des?conhecid|desconocid"
        r"|inv[áa]lid|inexistente|no v[áa]lid)"
        r"|no se (?:ha )?encontr(?:[óo]|ado)[^.;]{0,20}(?:direcci|buz|usuario|destinatario)"
        r"|(?:casella|utente|destinatario|indirizzo)[^.;]{0,60}(?:inesistente"
        r"|non (?:esiste|valid|(?:[èe] stat[oa] )?trovat)|sconosciut)",
        "No se encontró la dirección de correo electrónico que ha especificado",
    ),
    rule(
        "slavic-unknown",
        Reason.USER_UNKNOWN,
        r"(?:u[żz]ytkownik|odbiorca|konto|skrzynka|adres)\w{0,2}[^.;]{0,40}(?:nieznan|nie istnieje)"
        r"|(?:пользовател|получател|ящик|адрес)\w{0,2}[^.;]{0,40}(?:не существует|не найден"
        r"|неизвест|нет такого)|нет такого (?:пользовател|ящик|адрес)"
        r"|не уда(?:лось|[её]тся) найти[^.;]{0,40}(?:пользовател|получател|ящик|адрес)"
        r"|nieznany (?:u[żz]ytkownik|odbiorca|adres)|u[žz]ivatel[^.;]{0,20}neexistuje",
        "550 Użytkownik nieznany",
    ),
    rule(
        "northern-unknown",
        Reason.USER_UNKNOWN,
        r"(?:modtager|mottag?ar|mottaker|bruger|bruker|användar|adress|gebruiker|ontvanger|postvak"
        r"|brevlåd)\w{0,3}[^.;]{0,40}(?:ukendt|ukjent|okänd|onbekend|finn?e?s (?:inte|ikke)"
        r"|hittades inte|bestaat niet|niet gevonden)"
        r"|(?:ukendt|ukjent|okänd|onbekende?) (?:modtager|mottag|mottaker|bru[gk]er|användar"
        r"|gebruiker|ontvanger|adres)",
        "550 Ontvanger onbekend",
    ),
    rule(
        "asian-unknown",
        Reason.USER_UNKNOWN,
        r"(?:ユーザー?|アドレス|宛先|受信者|アカウント|メールボックス)[^。]{0,30}(?:存在しま?せ"
        r"|存在しない|見つかりません|不明|無効|ありません|登録されていま?せん|登録がありません)"
        r"|(?:계정|아이디|사용자|수신자|받는 ?사람|주소)[^.]{0,16}(?:존재하지|없습니다|찾을 수)"
        r"|존재하지 않는 (?:사용자|계정|주소|메일)",
        "指定されたユーザーは存在しません",
    ),
)
