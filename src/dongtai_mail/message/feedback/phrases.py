"""What servers say when they refuse, as one ordered table of phrases and reasons.

Owns: ``PHRASES``, shared by replies heard while sending (``message.reply``) and replies quoted in
notices that came back. Promises: the first rule that matches decides, so rules run from the
particular to the general: what is said about a sender, a message or a moment comes before what is
said about a mailbox, for "550 recipient rejected: SPF failed" is no word against the recipient.
Every rule carries an example that a test runs, and which no earlier rule may claim.
Fails: a text no rule knows has no reason; it is never guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dongtai_mail.message.feedback.model import Reason

# A refusal is a few lines; what is longer quotes something else.
LONGEST = 2_000
_SPACES = re.compile(r"\s+")
_CONTINUED = re.compile(
    r"\s[2-5]\d\d(?:-| )(?:[245]\.\d{1,3}\.\d{1,3}\s+)?(?=[a-z])", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to say one reason.

    ``weak`` words fit other reasons too: they count only in answer to a recipient. ``sure`` words
    are a provider's own, known to mean the mailbox whenever they are said.
    """

    name: str
    reason: Reason
    says: re.Pattern[str]
    example: str
    weak: bool = False
    sure: bool = False


def find(text: str) -> Phrase | None:
    """The first rule that knows this refusal."""
    flat = flattened(text)
    return next((phrase for phrase in PHRASES if phrase.says.search(flat)), None)


def flattened(text: str) -> str:
    """One line of a refusal: folding and the codes of continued reply lines taken out."""
    return _CONTINUED.sub(" ", _SPACES.sub(" ", text[:LONGEST]))


def _rule(
    name: str, reason: Reason, says: str, example: str, weak: bool = False, sure: bool = False
) -> Phrase:
    return Phrase(name, reason, re.compile(says, re.IGNORECASE), example, weak, sure)


_WHO = r"(?:user|recipient|mailbox|account|address|addressee|customer|subscriber|person|inbox)"
_SENDER = (
    _rule(
        "sender-rejected",
        Reason.SENDER,
        r"(?:sender|mail from|from: ?<|return[- ]path|originator|envelope[- ]from)(?:'s)? ?"
        r"(?:e-?mail )?(?:address |domain )?.{0,80}?(?:is |was |has been )?"
        r"(?:rejected|not (?:allowed|exist|found|valid|verified|accepted)|invalid|unverified"
        r"|does not (?:exist|resolve)|unresolvable|verify failed|verification failed|denied|blocked"
        r"|not permitted)",
        "553 5.1.8 <news@example.com>... Domain of sender address news@example.com does not exist",
    ),
    _rule(
        "sender-callout",
        Reason.SENDER,
        r"sender (?:verify|verification|callout|unknown|is (?:on|in))|verify (?:the )?sender"
        r"|(?:invalid|unknown|bad|unroute?able|forged) sender|badly formed (?:mail )?sender"
        r"|can(?:'|no)t determine purported responsible|you are not allowed to send"
        r"|not (?:authori[sz]ed|allowed|permitted) to send (?:to|mail|messages)"
        r"|does not accept mail from|refuses? (?:mail|messages) from|sender.{0,30}denied"
        r"|(?:unauthenticated|unauthori[sz]ed) senders?",
        "550 Could not verify sender",
    ),
)
_IDENTITY = (
    _rule(
        "dmarc-spf-dkim",
        Reason.AUTHENTICATION,
        r"\b(?:dmarc|spf|dkim|sender policy framework|openspf)\b.{0,80}"
        r"(?:fail|polic|reject|check|not pass|invalid|record|signature|deny|denied|hard)"
        r"|(?:fail|reject|not pass|unauthenticated|not accepted).{0,80}"
        r"\b(?:dmarc|spf|dkim|openspf)\b|openspf\.(?:org|net)",
        "550 5.7.26 Unauthenticated email from example.com is refused due to its DMARC policy",
    ),
    _rule(
        "unauthenticated-mail",
        Reason.AUTHENTICATION,
        r"(?:does not|doesn't|no|fails? to|not|lacks?) (?:have |pass |contain )?(?:email |sender )?"
        r"authenticat|unauthenticated (?:e?mail|message)|authenticated received chain"
        r"|(?:发件|發件|域名).{0,12}(?:认证|验证|校验).{0,6}(?:失败|未通过)",
        "550 5.7.1 This message does not have authentication information",
    ),
    _rule(
        "reverse-dns",
        Reason.BLOCKED,
        r"\bPTR\b|reverse[- ]?(?:dns|hostname|lookup|mapping)|\brDNS\b|unable to (?:look ?up|resolve)"
        r" .{0,30}(?:ip|client)|cannot find your (?:reverse )?(?:hostname|address)|fcrdns"
        r"|cannot resolve your (?:address|host)|mismatch(?:es)? client ip|HELO (?:command )?reject"
        r"|(?:invalid|bad|forged) (?:helo|ehlo)|client host.{0,60}cannot find",
        "550 5.7.25 Client host rejected: reverse DNS validation failed",
    ),
)
_RATE = (
    _rule(
        "tencent-frequency",
        Reason.RATE_LIMITED,
        r"frequency limited|sending frequency|发[信件送].{0,6}(?:频率|过于频繁)|频率(?:超限|受限|限制)",
        "550 Ip frequency limited [4f1a Blocked IP 192.0.2.9]",
    ),
    _rule(
        "netease-limits",
        Reason.RATE_LIMITED,
        r"\b(?:HL:(?:ICC|IFC|REP|ITC|IHU)|MI:(?:DMC|SFQ|IMF|CCR)|RP:(?:DRC|QRC|CEL|TRC)|DT:SPM)\b",
        "421 HL:ICC 163 mx1,example 1700000000",
    ),
    _rule(
        "too-many",
        Reason.RATE_LIMITED,
        r"too many (?:connections?|messages|mails|e-?mails|recipients|invalid recipients|sessions"
        r"|concurrent|smtp|errors|bad commands)|(?:connection|message|recipient|mail|sending|smtp)"
        r" (?:rate|count|frequency|limit)(?: limit)?s?.{0,20}(?:exceed|reached|limited|too high)"
        r"|rate[- ]limit|throttl|(?:exceed|over).{0,30}(?:rate|connections?|messages per|hourly"
        r"|daily|number of (?:messages|connections|recipients))|receiving mail at a rate"
        r"|连接数(?:过多|超限)|过于频繁|too (?:fast|frequent)|slow down",
        "452 4.3.2 Connection rate limit exceeded",
    ),
    _rule(
        "deferred-for-complaints",
        Reason.RATE_LIMITED,
        r"temporarily deferred|unexpected volume|temporarily (?:rate|blocked|rejected|refused)"
        r"|gr[ea]y-?list|(?:try|retry) again later.{0,40}(?:volume|complaint)|\[TSS?\d\d\]",
        "421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred",
    ),
)
_CONTENT = (
    _rule(
        "virus",
        Reason.VIRUS,
        r"\bvirus(?!-free)|malware|infected|trojan|worm (?:found|detected)|病毒"
        r"|(?:suspicious|dangerous|prohibited|executable|illegal) (?:attachment|file)",
        "550 Virus Detected; Content Rejected",
    ),
    _rule(
        "spam",
        Reason.SPAM,
        r"(?:detected|identified|classified|scored|marked|flagged|looks?|rejected|considered|refused"
        r"|categori[sz]ed|recogni[sz]ed|blocked|rated|determined|due|seems?|appears?|suspected).{0,30}"
        r"\b(?:spam|junk|ube|uce|bulk|phish\w*)"
        r"|\bspam\b.{0,40}(?:detect|reject|score|message|content|filter|block|policy|test|refused"
        r"|suspected|thresholds?|not accepted|check|probab)|spamassassin|cloudmark|brightmail"
        r"|\b(?:anti-?spam|no ?spam|spam ?score|unsolicited|spamming)\b|垃圾邮件|垃圾郵件|反垃圾"
        r"|high spam|message (?:content|body) (?:was )?(?:rejected|refused|blocked)"
        r"|mail data refused by aisp|mcspamsignature|message looks like"
        r"|content (?:filter|rejected|denied)|\bphishing\b",
        "554 5.6.0 This message has been scored as spam with a probability of more than 90%",
    ),
)
_BLOCKS = (
    _rule(
        "block-list",
        Reason.BLOCKED,
        r"spamhaus|spamcop|sorbs|barracuda(?:central)?|\b(?:dns|r|s)bl\b|dnsbl|\brbl|uceprotect"
        r"|(?:black|block|deny|reject) ?-?list|blacklist|blocklist|(?:listed|found) (?:at|by|in|on) "
        r"\S{0,60}(?:rbl|bl|list|\.org|\.net)|proofpoint|senderscore|backscatter"
        r"|黑名单|黑名單",
        "554 5.7.1 Service unavailable; client host [192.0.2.9] blocked using zen.spamhaus.org",
    ),
    _rule(
        "reputation",
        Reason.BLOCKED,
        r"(?:low|poor|bad|negative) (?:sender |ip |domain )?reputation|reputation of"
        r"|sender ?base|(?:ip|domain|sender|your).{0,20}reputation|信誉",
        "550 5.7.1 very low reputation of the sending IP address",
    ),
    _rule(
        "client-refused",
        Reason.BLOCKED,
        r"(?:client|connecting|sending|your|source|remote|sender'?s?) (?:host|ip|server|mail ?server"
        r"|network|mta|system|machine|domain)(?: address| name)?.{0,60}"
        r"(?:reject|block|banned|denied|refused|not (?:allowed|accepted|permitted|authori[sz]ed)"
        r"|blacklist|prohibited|unauthori[sz]ed|dynamic|suspicious)"
        r"|(?:block|banned|reject|refus|denied|deny|bad|unwelcome).{0,30}"
        r"(?:\bip\b|\bhost\b|connection|ip address|\[\d{1,3}\.\d)"
        r"|(?:connection|session|transaction|service) (?:is |was |has been )?(?:refused|rejected|"
        r"blocked|denied)|no smtp service here|smtp service (?:is )?not available|dynamic (?:ip|pool)"
        r"|dial-?up|residential|blocked for abuse|blocked - see|\bip\b.{0,40}\bblocked"
        r"|refused to talk to me|may not be mail exchanger|unusual (?:rate|traffic)"
        r"|(?:发件|来源)?(?:ip|服务器).{0,10}(?:被拒|被屏蔽|被封|禁止)",
        "550 5.7.606 Access denied, banned sending IP [192.0.2.222]",
    ),
)
_RELAYS = (
    _rule(
        "relay-denied",
        Reason.NO_RELAY,
        r"(?:relay(?:ing)?|forward).{0,30}(?:denied|not (?:permitted|allowed|authori[sz]ed)|prohibit"
        r"|reject|disallow|refus|blocked|failed)|(?:not|unable|can(?:no|')t|won't|don't|no|insecure)"
        r"(?: to)?(?: a)?(?: mail)? relay|rcpthosts|not (?:a )?(?:local|gateway) (?:domain|host)"
        r"|(?:无|禁止|拒绝)(?:权)?(?:中继|转发)|not permitted to relay|authentication (?:is )?required"
        r"|must (?:be )?authenticat",
        "554 5.7.1 <li@example.org>: Relay access denied",
    ),
)
_SIZES = (
    _rule(
        "too-big",
        Reason.TOO_BIG,
        r"(?:message|mail|e-?mail|attachment|letter|data).{0,20}(?:size|length).{0,40}(?:exceed|large"
        r"|big|limit|maximum)|(?:message|mail|content|email|attachment|file|it).{0,12}(?:is |was )?"
        r"too (?:big|large|long)|exceed.{0,30}(?:message|mail|fixed|maximum|allowed|administrative)?"
        r".{0,20}\bsize|size (?:limit|exceed)|larger than the|(?:邮件|附件).{0,8}(?:过大|太大|超过)"
        r"|too large to (?:be )?deliver|message length exceeds|routing.{0,5}size",
        "552 5.3.4 Message size exceeds fixed limit",
    ),
)
_FULL = (
    _rule(
        "quota",
        Reason.MAILBOX_FULL,
        r"(?:over|exceed\w*|out of|insufficient|not enough|no|low|beyond|reached|above|hit)"
        r"[ -](?:\w+[ -]){0,4}(?:quota|storage|disk ?space|allowed space|mailbox (?:size|limit))"
        r"|quota.{0,40}(?:exceed|full|reached|violat|used|over|error|fail|limit)"
        r"|overquota|(?:disk|storage) (?:quota|space|full|limit)|no space left|out of space"
        r"|\b(?:storage|allocat\w+) (?:exceed|limit)|(?:配额|空间|容量).{0,8}(?:不足|已满|超|满|用完|耗尽)",
        "552 5.2.2 <li@example.org> Quota exceeded (mailbox for user is full)",
    ),
    _rule(
        "mailbox-full",
        Reason.MAILBOX_FULL,
        rf"{_WHO}(?:'s|s)?(?: \S{{1,60}})?(?: \w+){{0,4}} (?:full|overfull|over (?:the )?limit|too large"
        r"|over its|out of)|(?:full|overfull) (?:mail ?box|inbox|account)|mbox full|mailfull"
        r"|mailbox (?:currently )?exceeds|too full|mail ?folder is full|account is full"
        r"|in ?box is full|user has (?:too many messages|exceeded)"
        r"|(?:邮箱|信箱|郵箱).{0,6}(?:已满|满了|爆满|已滿|满)|ボックスが.{0,6}いっぱい|容量を超え",
        "550 5.2.2 Mailbox Full",
    ),
)
_SUSPENDED = (
    _rule(
        "recipient-declines",
        Reason.FILTERED,
        r"recipient preferences|(?:recipient|user|addressee).{0,30}(?:not|refus|declin|does not want)"
        r".{0,20}(?:accept(?:ing)?|receiv(?:e|ing)|wish|want).{0,30}(?:mail|message|from)"
        r"|rejected by (?:the )?recipient|(?:recipient|user) has (?:blocked|rejected|refused)"
        r"|(?:收件人|对方|用户).{0,4}(?:拒收|拒绝|屏蔽)|(?:domain|mail) filter|refused due to recipient",
        "550 5.1.1 Refused due to recipient preferences",
    ),
    _rule(
        "account-suspended",
        Reason.SUSPENDED,
        rf"{_WHO}(?: \S{{1,60}})?(?: \w+){{0,4}} (?:suspended|disabled|inactive|deactivated|locked"
        r"|discontinued|dormant|frozen|blocked|closed|terminated|expired|cancell?ed|not active"
        r"|on hold|unavailable for delivery|unsubscribed|over its quota|no longer active)"
        rf"|(?:suspended|disabled|inactive|deactivated|locked|dormant|frozen|expired|discontinued)"
        rf" {_WHO}|(?:帐号|账号|帳號|帐户|账户|邮箱|用户|信箱).{{0,8}}"
        r"(?:停用|冻结|凍結|禁用|锁定|注销|暂停|过期|失效|未激活)"
        r"|not active|mailbox (?:is )?(?:locked|inactive|disabled|currently unavailable)"
        r"|temporarily (?:disabled|suspended|inactive)|has been (?:suspended|disabled|deactivated)"
        r"|boite du destinataire archiv|not accepting (?:any )?(?:mail|messages|new)"
        r"|user (?:is )?(?:currently )?not active|this account is (?:not allowed|inactive)",
        "550 5.2.1 The email account that you tried to reach is disabled",
    ),
)
_POLICY = (
    _rule(
        "policy",
        Reason.POLICY,
        r"\bpolic(?:y|ies)\b|(?:security|content).{0,30}(?:issue|violation|restrict|guideline)"
        r"|not accepted for|prohibited|local (?:rule|policy)|rejected by (?:administrator|rule)"
        r"|denied by|administrative(?:ly)? (?:prohibit|reject|denied|lock)|violat|违反|策略",
        "550 5.7.0 Local Policy Violation",
    ),
    _rule(
        "group-closed",
        Reason.POLICY,
        r"permission to (?:post|send)|not (?:have|has) (?:permission|access)|group you tried to contact"
        r"|only (?:members|subscribers)|(?:posting|post to|list|group).{0,40}(?:restricted|closed"
        r"|not (?:allowed|permitted|a member)|moderated)|groups\.google\.com/support|you do not have",
        "The group you tried to contact may not exist, or you may not have permission to post",
    ),
    _rule(
        "message-form",
        Reason.CONTENT,
        r"headers? (?:too (?:large|long|big)|is missing|missing|invalid|not accepted)|line too long"
        r"|(?:duplicate|multiple|missing|invalid|malformed|bare|illegal|bad).{0,20}\b(?:header|from:"
        r"|date|message-id|lf\b|newline|mime|utf-?8|8bit|nul\b)|rfc ?(?:5322|2822|5321|822)"
        r"|not rfc|smtputf8|conversion (?:failed|not)|(?:addresses in|multiple).{0,20}from: header"
        r"|single-instance headers|8bitmime|not compliant",
        "554 5.6.0 Message is malformed: duplicate header",
    ),
)
_PASSING = (
    _rule(
        "loop",
        Reason.NETWORK,
        r"too many hops|hop count|mail (?:loop|is looping)|loop(?:s|ing)? (?:back|detected|found|count)"
        r"|routing loop|mail forwarding loop|circular|loops back",
        "554 5.4.6 Too many hops 26 (25 max)",
    ),
    _rule(
        "expired",
        Reason.EXPIRED,
        r"(?:retry|delivery|queue|message|envelope).{0,12}(?:time(?:out)?|time limit|lifetime|period)"
        r".{0,20}(?:exceed|expir|reached)|(?:envelope|message|delivery|mail).{0,20}(?:expired|timed ?out)"
        r"|(?:retry|queue) timeout|could not be delivered for (?:\d|too)|too (?:long|old)"
        r"|in (?:the )?queue (?:too|for|more|longer)|undeliver\w+ (?:for|after) \d|aborted after"
        r"|been in the queue|retries? (?:exceeded|exhausted)|maximum (?:retry|time)"
        r"|(?:unable|failed|could ?n[o']t).{0,60}(?:after|for|within) \d+ ?(?:minutes|hours|days|times)"
        r"|delivery (?:attempts|retry)|not (?:been )?(?:possible|delivered).{0,20}(?:after|within|for) "
        r"\d|投递超时|重试.{0,6}(?:超时|失败)|giving up|expired|last attempt",
        "Message could not be delivered for 5 days; message will be deleted from queue",
    ),
    _rule(
        "network",
        Reason.NETWORK,
        r"connection (?:timed ?out|reset|refused|was (?:dropped|closed|lost)|to .{0,60}failed|failed"
        r"|lost|dropped|closed|died)|timed? ?out|lost connection|no route to host|unreachable"
        r"|(?:unable|failed|could ?n[o']t|can ?n[o']t|couldn't).{0,30}connect|network (?:error|problem)"
        r"|connect(?:ed)? (?:to|failed).{0,60}(?:refused|timed|failed|but)|bad connection"
        r"|(?:host|name|dns).{0,12}(?:try again|lookup failure|server.{0,20}(?:fail|temporar|timeout))"
        r"|host (?:is )?(?:down|unreachable)|(?:temporary|transient) (?:dns|name|lookup|resolution)"
        r"|no (?:dns|response from)|servers? (?:did not|didn't|not) respond|not respond(?:ing|ed)"
        r"|socket|broken pipe|tls (?:is )?(?:required|handshake|negotiation|not available)|starttls"
        r"|certificate|gateway for|service error for .{0,80}try again|dns (?:soft|server) ",
        "connect to mx.example.org[192.0.2.1]:25: Connection timed out",
    ),
)
_HOSTS = (
    _rule(
        "host-not-found",
        Reason.HOST_UNKNOWN,
        r"(?:\bhost|domain)(?: name)? \S{1,80} not found(?!,? try)",
        "DNS lookup failure: host mx.example.org not found",
    ),
)
_ROUTES = (
    _rule(
        "null-mx",
        Reason.NO_MAIL_HOST,
        r"null ?mx|(?:domain|host|recipient).{0,60}(?:does ?n[o']t|not|never) (?:accept|receive)s? "
        r"(?:any )?(?:e-?mail|mail|messages)|(?:mx|srv) (?:record|or srv record).{0,30}no smtp"
        r"|no (?:smtp|mail) (?:service|server|exchanger|host)|does not accept mail|nullmx",
        "an MX or SRV record indicated no SMTP service",
    ),
    _rule(
        "no-such-host",
        Reason.HOST_UNKNOWN,
        r"(?:host|domain|server|site)(?: name)?(?: \S{1,80}| \w+ name)? ?(?:is |was |has |could |can )?(?:not "
        r"(?:be )?(?:found|exist|known|reachable|resolved?|valid)|unknown|does ?n[o']t exist"
        r"|doesn't exist|couldn't be found|invalid|non-?exist\w+|unreachable|no longer)"
        r"|(?:unknown|no such|unrouteable|invalid|non-?existent|bad|unresolvable|illegal)"
        r" (?:mail |recipient |destination )?(?:host|domain|site|address domain)"
        r"|(?:no|cannot|can't|couldn't|could not|unable to).{0,24}(?:find|resolve|look ?up|locate|route)"
        r".{0,40}(?:host|domain|\bmx\b|dns|mail server|server|exchanger)"
        r"|unrouteable|unroutable|nxdomain|no (?:mx|a|valid mx).{0,16}(?:record|found)|\ball mx\b"
        r"|name (?:or service )?not known|no data known|host ?not ?found|domain not exist"
        r"|(?:域名|主机).{0,8}(?:不存在|无法解析|错误|无效)|address domain|no mail exchang"
        r"|dns (?:error|name|lookup).{0,40}(?:not exist|domain|nonexist|not found|failed)"
        r"|unable to route|no route to (?:domain|destination)|domain is not reachable",
        "550 5.1.2 <li@example.org>... Host unknown (Name server: host not found)",
    ),
    _rule(
        "moved",
        Reason.MOVED,
        r"(?:user|mailbox|account|recipient|address|addressee|customer).{0,30}\b(?:has |have )?"
        r"(?:moved|migrated|changed)|new (?:e-?mail )?address|no longer (?:use|using|valid|available)"
        r"|(?:address|account|e-?mail).{0,30}(?:has been|was) (?:changed|replaced)|not our customer"
        r"|please (?:forward|try|use) (?:the )?(?:new|<)|recipient has moved|has moved to|更换邮箱",
        "551 5.1.6 User has moved to a new address",
    ),
)
_PROGRAMS = (
    _rule(
        "delivery-program",
        Reason.SYSTEM,
        r"command output:|procmail|pipe to \|| generated by |command (?:died|failed)|\|/\w+/"
        r"|no such file or directory|exec format|operating system error",
        "user unknown. Command output: procmail: Couldn't create spool file",
    ),
)
_MISSING = (
    _rule(
        "messagelabs-rejected",
        Reason.USER_UNKNOWN,
        r"\b542 <?\S{1,100}>? rejected",
        "542 li@example.org Rejected",
        sure=True,
    ),
    _rule(
        "yahoo-no-account",
        Reason.USER_UNKNOWN,
        r"this user doesn't have a \S{1,80} account",
        "554 delivery error: dd This user doesn't have a example.com account (li@example.com) [0]",
        sure=True,
    ),
    _rule(
        "microsoft-edge-block",
        Reason.USER_UNKNOWN,
        r"recipient address rejected: access denied",
        "550 5.4.1 [li@example.org]: Recipient address rejected: Access denied",
        sure=True,
    ),
    _rule(
        "no-such-user",
        Reason.USER_UNKNOWN,
        rf"(?:no such|unknown|invalid|non-?existent|not a valid|bad|illegal|nonexisting|unrecogni[sz]ed"
        rf"|unresolvable|undefined|incorrect|wrong|not a known)(?: \w+){{0,2}} {_WHO}"
        r"|(?:no|not any|there is no|isn't a|is not a|not an?)(?: \w+){0,2}"
        rf" {_WHO} (?:here|by that name|with|of|named|in|at|found|called|exists?)"
        r"|no (?:such )?(?:person|account|mailbox|user|one)\b.{0,20}(?:here|found|by that|at this|exist"
        r"|with that)|unknown (?:or illegal )?alias|delivery to this (?:address|user) is not"
        r"|(?:user|recipient|mailbox|account) unkn?own|unknown (?:address|recipient|local part)"
        r"|no (?:valid )?(?:recipient|mailbox) (?:by|here|matches)|RESOLVER\.ADR\.\w*NotFound"
        r"|no such (?:user|mailbox|recipient|address|account|person|local)",
        "550 5.1.1 <li@example.org>... User unknown",
    ),
    _rule(
        "not-found",
        Reason.USER_UNKNOWN,
        rf"{_WHO}(?: name| address| id)?(?: \S{{1,80}})?(?: at \S{{1,80}})?(?: \w+){{0,2}}? ?"
        r"(?:is |was |has |could |can |does |do |did |are )?(?:not |n't |n’t |couldn't |wasn't |doesn't "
        r"|isn't |cannot |can't )(?:be |been |a )?(?:found|exist\w*|known|listed|valid|recogni[sz]ed"
        r"|local|registered|defined|located|resolved|present|correct|match|matched|available|unique)"
        rf"|{_WHO}(?: name| address| \S{{1,80}})?(?: is| was|:)? ?(?:unknown|invalid|nonexist\w*|non-exist"
        r"\w*|undefined|deleted|incorrect|unlisted|unrecogni[sz]ed|missing|wrong)",
        "550 User not found",
    ),
    _rule(
        "not-in-directory",
        Reason.USER_UNKNOWN,
        r"not (?:listed|found|known|present|registered) (?:in|at|by|to|on|here).{0,40}"
        r"(?:directory|address book|server|system|domain|table|name)|(?:in|from) (?:local|virtual|relay)"
        r" .{0,20}(?:table|recipient)|(?:account|mailbox|address).{0,30}(?:does ?n[o']t|not) exist"
        r"|does not exist (?:at|here|on|in)|does ?n[o']t have (?:a|an) .{0,30}(?:account|mailbox)"
        r"|doesn't have (?:a|an) .{0,30}account|no longer (?:a )?(?:such|mailbox)|wasn't found at"
        r"|destinataire (?:invalide|inconnu)|no longer (?:on|at|with|available|exists?|works|employed)"
        r"|is not (?:known|recogni[sz]ed|valid) (?:here|at)|deleted (?:mailbox|account|user)"
        r"|unbekannt|desconocid|inconnu|sconosciut|utente non|usuario (?:no|inexist)"
        r"|несуществующ|не существует|存在しない|見つかりません|宛先.{0,10}(?:不明|ありません)",
        "kijitora@example.org not listed in public Name & Address Book",
    ),
    _rule(
        "chinese-unknown-user",
        Reason.USER_UNKNOWN,
        r"(?:收件人|收信人|用户|帐号|账号|帳號|邮箱|邮件地址|地址|信箱|郵箱|使用者).{0,12}"
        r"(?:不存在|不正确|无效|错误|有误|未找到|找不到|查无|未注册|無效)|查无此人|无此用户|没有此用户"
        r"|(?:不存在|无此|没有|找不到|查无)(?:的|该|此|这个)?.{0,4}(?:收件人|用户|帐号|账号|邮箱|地址)",
        "收件人邮件地址（li@example.org）不存在，邮件无法送达",
    ),
    _rule(
        "recipient-rejected",
        Reason.USER_UNKNOWN,
        r"(?:recipient|address|rcpt|mailbox|user)(?: address| \S{1,80})?(?: was| is| has been)? ?"
        r"(?:rejected|refused|unavailable|not accepted|denied|inaccessible|undeliverable)"
        r"|(?:rejected|refused|invalid) (?:recipient|address|rcpt)|(?:all )?recipients? (?:were |was )?"
        r"(?:rejected|refused|failed)|mailbox (?:is )?(?:currently )?(?:unavailable|not available)"
        r"|requested action not taken|not deliverable|undeliverable address|mailbox name",
        "550 <li@example.org>: Recipient address rejected",
        weak=True,
    ),
)
_SERVERS = (
    _rule(
        "out-of-order",
        Reason.SYNTAX,
        r"syntax error|bad sequence|(?:command|parameter)s? (?:not |un)(?:recogni[sz]ed|implemented)"
        r"|unrecogni[sz]ed command|need (?:rcpt|mail)|must (?:issue|send|precede)|improper use of",
        "503 5.5.0 Bad sequence of commands: need MAIL before RCPT",
    ),
    _rule(
        "server-trouble",
        Reason.SYSTEM,
        r"(?:local|system|server|internal|configuration|operating system|i/?o|resource|queue file"
        r"|processing|mail system|temporary|transient|unexpected)[ -](?:\w+ )?(?:error|fail\w*|problem"
        r"|trouble|fault)|service (?:currently |temporarily |is )?(?:un|not )available|try (?:again|later)"
        r"|temporar|insufficient (?:system )?(?:resource|memory)|command output|can't create|couldn't"
        r" create|permission denied|busy|maintenance|overload|系统(?:繁忙|错误|故障)|稍后",
        "451 4.3.0 Temporary system failure, try again later",
    ),
)

PHRASES: tuple[Phrase, ...] = (
    *_IDENTITY,
    *_RATE,
    *_CONTENT,
    *_SENDER,
    *_BLOCKS,
    *_RELAYS,
    *_SIZES,
    *_FULL,
    *_SUSPENDED,
    *_PROGRAMS,
    *_MISSING[:4],
    *_POLICY,
    *_HOSTS,
    *_PASSING,
    *_ROUTES,
    *_MISSING[4:],
    *_SERVERS,
)
