"""Refusals of a message, a sender or a moment: nothing they say is about the reader.

Owns: one table of rules a subject, put in order by ``phrases``. Promises: none of these reasons is
hard. Fails: words no rule knows are left to the tables after it.
"""

from __future__ import annotations

from dongtai_mail.message.feedback.model import Reason
from dongtai_mail.message.feedback.rule import rule

FORM = (
    rule(
        "message-form",
        Reason.CONTENT,
        r"headers? (?:too (?:large|long|big)|is missing|missing|invalid|not accepted)|line too long"
        r"|(?:duplicate|multiple|missing|invalid|malformed|bare|illegal|bad).{0,20}\b(?:header"
        r"|from:"
        r"|date|message-id|lf\b|newline|mime|utf-?8|8bit|nul\b)|rfc ?(?:5322|2822|5321)"
        r"|not rfc|smtputf8|conversion (?:failed|not)|(?:addresses in|multiple).{0,20}from: header"
        r"|single-instance headers|8bitmime|not compliant",
        "554 5.6.0 Message is malformed: duplicate header",
    ),
)
NETWORK_FIRST = (
    rule(
        "connect-refused",
        Reason.NETWORK,
        r"connect to \S{1,120} .{0,30}refused|connection refused by|: connection refused$"
        r"|deferred: connection",
        "connect to mx.example.org[192.0.2.1]:25: Connection refused",
    ),
)
IDENTITY = (
    rule(
        "dmarc-spf-dkim",
        Reason.AUTHENTICATION,
        r"\b(?:dmarc|spf|dkim|sender policy framework|openspf)\b.{0,80}"
        r"(?:fail|polic|reject|check|not pass|invalid|verif|record|deny|denied|hard)"
        r"|(?:fail|reject|not pass|unauthenticated|not accepted).{0,80}"
        r"\b(?:dmarc|spf|dkim|openspf)\b|openspf\.(?:org|net)",
        "550 5.7.26 Unauthenticated email from example.com is refused due to its DMARC policy",
    ),
    rule(
        "unauthenticated-mail",
        Reason.AUTHENTICATION,
        r"(?:does not|doesn't|no|fails? to|not|lacks?) (?:have |pass |contain )?(?:email |sender )?"
        r"authenticat|unauthenticated (?:e?mail|message)|authenticated received chain"
        r"|(?:发件|發件|域名).{0,12}(?:认证|验证|校验).{0,6}(?:失败|未通过)",
        "550 5.7.1 This message does not have authentication information",
    ),
    rule(
        "chinese-identity",
        Reason.AUTHENTICATION,
        r"(?:spf|dkim|dmarc).{0,12}(?:校验|验证|检查|檢查|驗證).{0,6}(?:失败|未通过|不通过|错误|失敗)",
        "550 SPF验证未通过",
    ),
    rule(
        "authentication-level",
        Reason.AUTHENTICATION,
        r"required authentication level|(?:evaluating|checking) (?:dmarc|spf|dkim)",
        "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
    ),
    rule(
        "reverse-dns",
        Reason.BLOCKED,
        r"\bPTR\b|reverse[- ]?(?:dns|hostname|lookup|mapping)|\brDNS\b|unable to (?:look ?up"
        r"|resolve)"
        r" .{0,30}(?:ip|client)|cannot find your (?:reverse )?(?:hostname|address)|fcrdns"
        r"|cannot resolve your (?:address|host)|mismatch(?:es)? client ip|HELO (?:command )?reject"
        r"|(?:invalid|bad|forged) (?:helo|ehlo)"
        r"|\b(?:helo|ehlo)\b.{0,40}not (?:resolve|found)|client host.{0,60}cannot find",
        "550 5.7.25 Client host rejected: reverse DNS validation failed",
    ),
)
RATE = (
    rule(
        "tencent-frequency",
        Reason.RATE_LIMITED,
        r"frequency limited|sending frequency|发[信件送].{0,6}(?:频率|过于频繁)|频率(?:超限"
        r"|受限|限制)",
        "550 Ip frequency limited [4f1a Blocked IP 192.0.2.9]",
    ),
    rule(
        "netease-limits",
        Reason.RATE_LIMITED,
        r"\b(?:(?:HL|MI|RP):[A-Z]{3}|DT:SPM)\b",
        "421 HL:ICC 163 mx1,example 1700000000",
    ),
    rule(
        "too-many",
        Reason.RATE_LIMITED,
        r"too many (?:connections?|messages|mails|e-?mails|recipients|(?:invalid|unknown|bad) \w+"
        r"|sessions"
        r"|concurrent|smtp|errors|bad commands)|(?:connection|message|recipient|mail|sending|smtp)"
        r" (?:rate|count|frequency|limit)(?: limit)?s?.{0,20}(?:exceed|reached|limited|too high)"
        r"|rate[- ]limit|(?:sending|daily|hourly|message) quota|throttl|(?:exceed"
        r"|over).{0,30}(?:rate|connections?|messages per|hourly"
        r"|daily|number of (?:messages|connections|recipients))|receiving mail at a rate"
        r"|连接数(?:过多|超限)|过于频繁|too (?:fast|frequent)|slow down",
        "452 4.3.2 Connection rate limit exceeded",
    ),
    rule(
        "unusual-rate",
        Reason.RATE_LIMITED,
        r"unusual rate of|receiving mail too quickly|太频繁|太頻繁|发信(?:数量|量).{0,6}(?:超|过)",
        "421 4.7.28 Gmail has detected an unusual rate of unsolicited mail from your IP address",
    ),
    rule(
        "deferred-for-complaints",
        Reason.RATE_LIMITED,
        r"temporarily deferred|unexpected volume|temporarily (?:rate|blocked|rejected|refused)"
        r"|gr[ea]y-?list|(?:try|retry) again later.{0,40}(?:volume|complaint)|\[TSS?\d\d\]",
        "421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred",
    ),
)
NETEASE = (
    rule(
        "netease-lists",
        Reason.BLOCKED,
        r"\b(?:DT:RBL|WM:BL[IU]|MI:SPB)\b",
        "450 DT:RBL 163 mx3,example",
    ),
)
BLOCKS = (
    rule(
        "block-list",
        Reason.BLOCKED,
        r"spamhaus|spamcop|sorbs|barracuda(?:central)?|\b(?:dns|r|s)bl\b|dnsbl|\brbl|uceprotect"
        r"|(?:black|block|deny|reject) ?-?list|blacklist|blocklist|(?<!not )(?<!n't )(?:listed"
        r"|found) (?:at|by|in|on) "
        r"\S{0,60}(?:rbl|dnsbl|bl\.|list\b|\.org|\.net)|proofpoint|senderscore|backscatter"
        r"|黑名单|黑名單",
        "554 5.7.1 Service unavailable; client host [192.0.2.9] blocked using zen.spamhaus.org",
    ),
    rule(
        "aol-codes",
        Reason.BLOCKED,
        r"\((?:con|rly|dyn|rtr|hvu):[a-z]{1,2}\d?\)|access denied, banned sender",
        "521 5.2.1 : (CON:B1) https://postmaster.example.com/error-codes",
    ),
    rule(
        "reputation",
        Reason.BLOCKED,
        r"(?:low|poor|bad|negative) (?:sender |ip |domain )?reputation|reputation of"
        r"|sender ?base|(?:ip|domain|sender|your).{0,20}reputation|信誉",
        "550 5.7.1 very low reputation of the sending IP address",
    ),
)
CONTENT = (
    rule(
        "virus",
        Reason.VIRUS,
        r"\bvirus(?!-free)|malware|infected|trojan|worm (?:found|detected)|病毒"
        r"|(?:suspicious|dangerous|prohibited|executable|illegal) (?:attachment|file)",
        "550 Virus Detected; Content Rejected",
    ),
    rule(
        "spam",
        Reason.SPAM,
        r"(?:detected|identified|classified|scored|marked|flagged|looks?|rejected|considered"
        r"|refused"
        r"|categori[sz]ed|recogni[sz]ed|blocked|rated|determined|due|seems?|appears?|suspected"
        r"|probability).{0,30}"
        r"\b(?:spam(?!haus|cop)|junk|ube|uce|bulk|phish\w*)"
        r"|\bspam\b.{0,40}(?:detect|reject|score|message|content|filter|block|policy|test|refused"
        r"|suspected|thresholds?|not accepted|check|probab)|spamassassin|cloudmark|brightmail"
        r"|\b(?:anti-?spam|no ?spam|spam ?score|unsolicited|spamming)\b|垃圾邮件|垃圾郵件|反垃圾"
        r"|high spam|message (?:content|body) (?:was )?(?:rejected|refused|blocked)"
        r"|mail data refused by aisp|mcspamsignature|message looks like"
        r"|content (?:filter|rejected|denied)|\bphishing\b",
        "554 5.6.0 This message has been scored as spam with a probability of more than 90%",
    ),
    rule(
        "spam-named",
        Reason.SPAM,
        r"\bspam (?:e-?)?mail|content spam|contains spam",
        "554 Reject by content spam at RcptTo State(8)",
    ),
)
SENDER = (
    rule(
        "chinese-sender",
        Reason.SENDER,
        r"(?:发件人|发信人|寄件人|寄件者|發件人|发送者|发[件信]方|发信用户|发件)(?:的)?"
        r"(?:邮箱|郵箱|邮件|信箱|域名|账号|帐号|账户|帐户|服务器)?(?:地址)?.{0,4}"
        r"(?:不存在|无效|错误|有误|不合法|被拒|拒绝|未通过|不被|无法验证|注销|删除|刪除|停用|撤销)"
        r"|(?:无此|没有此|找不到|查无|無此|查無)(?:发件人|发信人|寄件人|寄件者|發件人)",
        "550 发件人地址不存在",
    ),
    rule(
        "sender-not-his",
        Reason.SENDER,
        r"mail from must (?:equal|match)|bad outbound sender|(?:sender|from).{0,30}(?:must"
        r"|does not|doesn't) match (?:the )?(?:authenti|authori|login)",
        "553 Mail from must equal authorized user",
    ),
    rule(
        "sender-rejected",
        Reason.SENDER,
        r"(?:sender|mail from|from: ?<|return[- ]path|originator|envelope[- ]from)(?:'s)? ?"
        r"(?:e-?mail )?(?:address |domain )?.{0,80}?(?:is |was |has been )?"
        r"(?:rejected|not (?:allowed|exist|found|valid|verified|accepted)|invalid|unverified"
        r"|does not (?:exist|resolve)|unresolvable|verify failed|verification failed|denied|blocked"
        r"|not permitted)",
        "553 5.1.8 <news@example.com>... Domain of sender address news@example.com does not exist",
    ),
    rule(
        "sender-callout",
        Reason.SENDER,
        r"sender (?:verify|verification|callout|unknown|is (?:on|in))|verify (?:the )?sender"
        r"|\byour (?:e-?mail )?address (?:is |was )?(?:not (?:known|recogni[sz]ed)|unknown)"
        r"|(?:invalid|unknown|bad|unroute?able|forged) sender|badly formed (?:mail )?sender"
        r"|can(?:'|no)t determine purported responsible|you are not allowed to send"
        r"|not (?:authori[sz]ed|allowed|permitted) to send (?:to|mail|messages)"
        r"|(?:not|n't) accept (?:e?mail|messages?) from|verification failed for"
        r"|refuses? (?:mail|messages) from|sender.{0,30}denied"
        r"|(?:unauthenticated|unauthori[sz]ed) senders?",
        "550 Could not verify sender",
    ),
)
CLIENTS = (
    rule(
        "client-refused",
        Reason.BLOCKED,
        r"(?:client|connecting|sending|your|source|remote|sender'?s?) (?:host|ip|server"
        r"|mail ?server"
        r"|network|mta|system|machine|domain)(?: address| name)?(?:(?! (?:after|said)\b).){0,60}"
        r"(?:reject|block|banned|denied|refused|not (?:allowed|accepted|permitted|authori[sz]ed)"
        r"|blacklist|prohibited|unauthori[sz]ed|dynamic|suspicious)"
        r"|(?:block|banned|reject|refus|denied|deny|bad(?! host)|unwelcome)[^:]{0,30}"
        r"(?:\bip\b|\bhost\b|connection|ip address|\[\d{1,3}\.\d)"
        r"|(?:connection|session|transaction|service) (?:is |was |has been )?(?:refused|rejected|"
        r"blocked|denied)|no smtp service here|smtp service (?:is )?not available|dynamic (?:ip"
        r"|pool)"
        r"|dial-?up|residential|blocked for abuse|blocked - see|\bip\b.{0,40}\b(?:blocked"
        r"|rejected|hang ?up)"
        r"|refused to talk to me|may not be mail exchanger|unusual (?:rate|traffic)"
        r"|(?:发件|来源)?(?:ip|服务器).{0,10}(?:被拒|被屏蔽|被封|禁止)",
        "550 5.7.606 Access denied, banned sending IP [192.0.2.222]",
    ),
)
RELAYS = (
    rule(
        "relay-denied",
        Reason.NO_RELAY,
        r"(?:relay(?:ing)?|forward).{0,30}(?:denied|not (?:permitted|allowed|authori[sz]ed)"
        r"|prohibit"
        r"|reject|disallow|refus|blocked|failed)|(?:not|unable|can(?:no|')t|won't|don't|no"
        r"|insecure)"
        r"(?: to)?(?: a)?(?: mail)? relay|rcpthosts|not (?:a )?(?:local|gateway) (?:domain|host)"
        r"|(?:无|禁止|拒绝)(?:权)?(?:中继|转发)|not permitted to relay"
        r"|authentication (?:is )?required"
        r"|must (?:be )?authenticat",
        "554 5.7.1 <li@example.org>: Relay access denied",
    ),
)
SIZES = (
    rule(
        "too-big",
        Reason.TOO_BIG,
        r"\b(?:message|mail|e-?mail|attachment|letter|data)\b.{0,20}(?:size|length).{0,40}(?:exceed"
        r"|large"
        r"|big|limit|maximum)|(?:message|mail|content|email|attachment|file|it).{0,12}(?:is |was )?"
        r"too (?:big|large|long)|exceed.{0,30}(?:message|mail|fixed|maximum|allowed"
        r"|administrative)?"
        r".{0,20}\bsize|size (?:limit|exceed)|larger than the|(?:邮件|附件).{0,8}(?:过大|太大|超过)"
        r"|too large to (?:be )?deliver|message length exceeds|routing.{0,5}size",
        "552 5.3.4 Message size exceeds fixed limit",
    ),
)
POLICY = (
    rule(
        "policy",
        Reason.POLICY,
        r"\bpolic(?:y|ies)\b|(?:security|content).{0,30}(?:issue|violation|restrict|guideline)"
        r"|not accepted for|prohibited|not taken: (?:message|mail) refused"
        r"|local (?:rule|policy)|rejected by (?:administrator|rule)"
        r"|denied by|administrative(?:ly)? (?:prohibit|reject|denied|lock)|violat|违反|策略",
        "550 5.7.0 Local Policy Violation",
    ),
    rule(
        "members-only",
        Reason.POLICY,
        r"(?:not in|only).{0,20}allowed[- ]senders?|restricts? (?:messages|mail|who)"
        r"|restricted from receiving|RST\.(?:Restricted|NotAuthorized)\w*",
        "550 5.7.124 Sender not in allowed-senders list",
    ),
    rule(
        "group-closed",
        Reason.POLICY,
        r"permission to (?:post|send)|not (?:have|has) (?:permission|access)"
        r"|group you tried to contact"
        r"|only (?:members|subscribers)|(?:posting|post to|list|group).{0,40}(?:restricted|closed"
        r"|not (?:allowed|permitted|a member)|moderated)|groups\.google\.com/support"
        r"|you do not have",
        "The group you tried to contact may not exist, or you may not have permission to post",
    ),
)
PASSING = (
    rule(
        "loop",
        Reason.NETWORK,
        r"too many hops|hop count|mail (?:loop|is looping)|loop(?:s|ing)? (?:back|detected|found"
        r"|count)"
        r"|routing loop|mail forwarding loop|circular|loops back",
        "554 5.4.6 Too many hops 26 (25 max)",
    ),
    rule(
        "expired",
        Reason.EXPIRED,
        r"(?:retry|delivery|queue|message|envelope).{0,12}(?:time(?:out)?|time limit|lifetime"
        r"|period)"
        r".{0,20}(?:exceed|expir|reached)|(?:envelope|message|delivery|mail).{0,20}(?:expired"
        r"|timed ?out)"
        r"|(?:retry|queue) timeout|could not be delivered for (?:\d|too)|too (?:long|old)"
        r"|in (?:the )?queue (?:too|for|more|longer)|undeliver\w+ (?:for|after) \d|aborted after"
        r"|been in the queue|retries? (?:exceeded|exhausted)|maximum (?:retry|time)"
        r"|(?:unable|failed|could ?n[o']t).{0,60}(?:after|for|within) \d+ ?(?:minute|hour|day"
        r"|time|attempt)"
        r"|delivery (?:attempts|retry)|not (?:been )?(?:possible|delivered).{0,20}(?:after|within"
        r"|for) "
        r"\d|投递超时|重试.{0,6}(?:超时|失败)|giving up(?! on )|expired|last attempt",
        "Message could not be delivered for 5 days; message will be deleted from queue",
    ),
    rule(
        "chinese-passing",
        Reason.NETWORK,
        r"(?:连接|連接|连线|連線).{0,12}(?:超时|逾时|逾時|失败|失敗|中断)|无法连接|無法連接"
        r"|(?:队列|佇列)中?(?:停留|等待).{0,8}(?:过长|超过|过久)"
        r"|wasn't able to establish an smtp connection|cname lookup failed temporarily",
        "对方服务器连接超时",
    ),
    rule(
        "network",
        Reason.NETWORK,
        r"connection (?:timed ?out|reset|refused|was (?:dropped|closed|lost)|to .{0,60}failed"
        r"|failed"
        r"|lost|dropped|closed|died)|timed? ?out|lost connection|no route to host|unreachable"
        r"|(?:unable|failed|could ?n[o']t|can ?n[o']t|couldn't).{0,30}connect|network (?:error"
        r"|problem)"
        r"|connect(?:ed)? (?:to|failed).{0,60}(?:refused|timed|failed|but)|bad connection"
        r"|(?:host|name|dns).{0,12}(?:try again|lookup failure|server.{0,20}(?:fail|temporar"
        r"|timeout))"
        r"|host (?:is )?(?:down|unreachable)|(?:temporary|transient) (?:dns|name|lookup|resolution)"
        r"|no (?:dns|response from|answer from)|failing for a long time"
        r"|dns query(?!.{0,40}not (?:exist|found))"
        r"|servers? (?:did not|didn't|not) respond|not respond(?:ing|ed)"
        r"|socket|broken pipe|tls (?:is )?(?:required|handshake|negotiation|not available)|starttls"
        r"|certificate|gateway for|service error for .{0,80}try again|dns (?:soft|server) ",
        "connect to mx.example.org[192.0.2.1]:25: Connection timed out",
    ),
)
BARE = (
    rule(
        "bare-refusal",
        Reason.POLICY,
        r"access denied|\bblocked\b|(?:message|mail) refused|transaction failed|\bspam ?content"
        r"|not allowed\b",
        "550 Access denied",
    ),
)
SERVERS = (
    rule(
        "out-of-order",
        Reason.SYNTAX,
        r"syntax error|bad sequence|(?:command|parameter)s? (?:not |un)(?:recogni[sz]ed"
        r"|implemented)"
        r"|unrecogni[sz]ed command|need (?:rcpt|mail)|must (?:issue|send|precede)|improper use of",
        "503 5.5.0 Bad sequence of commands: need MAIL before RCPT",
    ),
    rule(
        "server-trouble",
        Reason.SYSTEM,
        r"(?:local|system|server|internal|configuration|operating system|i/?o|resource|queue file"
        r"|processing|mail system|temporary|transient|unexpected)[ -](?:\w+ )?(?:error|fail\w*"
        r"|problem"
        r"|trouble|fault)|service (?:currently |temporarily |is )?(?:un|not )available"
        r"|try (?:again|later)"
        r"|temporar|insufficient (?:system )?(?:resource|memory)|command output|can't create"
        r"|couldn't"
        r" create|permission denied|busy|maintenance|overload|系统(?:繁忙|错误|故障)|稍后",
        "451 4.3.0 Temporary system failure, try again later",
    ),
)
