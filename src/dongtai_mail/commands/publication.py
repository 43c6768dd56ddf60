"""``dongtai publication``: publications, their lists and their DKIM keys."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from dongtai_mail.arguments import Parser
from dongtai_mail.commands import shell

FIELDS = {
    "name": "刊名 · its name",
    "from-name": "发件人名称 · name in From",
    "from-address": "发件人地址 · address in From",
    "host-name": "主办单位 · the host organisation",
    "host-also": "主办单位的另一个名称 · its other name",
    "bounce-domain": "接收退信的域名；默认是 bounce. 加发件人的域名"
    " · where bounces go (default bounce.DOMAIN)",
    "timezone": "时区；默认 Asia/Shanghai · time zone (default Asia/Shanghai)",
    "accent": "主色；默认 #b3121d · accent (default #b3121d)",
    "reason": "邮件末尾说明为什么收到这封邮件的一句话 · why readers get this mail, at its end",
    "colophon-address": "编辑部地址 · address of the editors",
    "colophon-postcode": "邮政编码 · postcode",
    "colophon-organisation": "编辑部所在单位 · organisation of the editors",
    "colophon-phone": "电话 · telephone",
}
REQUIRED = ("name", "from-name", "from-address")


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    return shell.run(lambda: int(arguments.verb(arguments)))


def _parser() -> Parser:
    parser = Parser(
        prog="dongtai publication",
        description="刊物、名单和 DKIM 密钥。 · Publications, their lists and their DKIM keys.",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    add = verbs.add_parser("add", help="新建刊物 · add a publication")
    add.set_defaults(verb=_add)
    add.add_argument("slug")
    for field, meaning in FIELDS.items():
        add.add_argument(f"--{field}", help=meaning, required=field in REQUIRED)
    add_list = verbs.add_parser(
        "add-list", help="给刊物新建名单 · add a subscriber list to a publication"
    )
    add_list.set_defaults(verb=_add_list)
    for name in ("publication", "slug", "name"):
        add_list.add_argument(name)
    add_list.add_argument(
        "--public",
        action="store_true",
        help="读者可在 /s/SLUG/ 自己订阅 · readers may sign up by themselves, at /s/SLUG/",
    )
    dkim = verbs.add_parser(
        "dkim",
        help="没有就新建 DKIM 密钥，并显示记录"
        " · make the DKIM key if there is none; print its record",
    )
    dkim.set_defaults(verb=_dkim)
    dkim.add_argument("slug")
    verbs.add_parser("list", help="列出刊物和名单 · name publications and lists").set_defaults(
        verb=_list
    )
    return parser


def _add(arguments: argparse.Namespace) -> int:
    from dongtai_mail.issues.models import Publication

    values = {name.replace("-", "_"): getattr(arguments, name.replace("-", "_")) for name in FIELDS}
    given = {name: value for name, value in values.items() if value is not None}
    domain = given["from_address"].rpartition("@")[2]
    publication = Publication(slug=arguments.slug, **{"bounce_domain": f"bounce.{domain}", **given})
    _save(publication)
    print(f"已建立《{publication}》。下一步：dongtai publication add-list {publication.slug} …")
    return 0


def _add_list(arguments: argparse.Namespace) -> int:
    from dongtai_mail.commands.lookup import publication_named
    from subscribers.models import SubscriberList

    publication = publication_named(arguments.publication)
    _save(
        SubscriberList(
            publication=publication,
            slug=arguments.slug,
            name=arguments.name,
            public=arguments.public,
        )
    )
    print(f"已为《{publication}》建立名单 {arguments.slug}（{arguments.name}）。")
    return 0


def _save(row: object) -> None:
    from django.core.exceptions import ValidationError
    from django.db.models import Model

    assert isinstance(row, Model)
    try:
        row.full_clean()
    except ValidationError as error:
        lines = (f"{name}：{' '.join(why)}" for name, why in error.message_dict.items())
        raise shell.CommandRefused("\n".join(lines)) from error
    row.save()


def _dkim(arguments: argparse.Namespace) -> int:
    from dongtai_mail.commands.lookup import publication_named
    from dongtai_mail.delivery.letters import create_key, key_path
    from dongtai_mail.message.dkim import dns_record

    publication = publication_named(arguments.slug)
    signer = create_key(publication)
    print(f"密钥：{key_path(publication)}（只留在发信的机器上，请备份）")
    print(f"请在 DNS 里添加：\n{signer.dns_name} IN TXT\n{dns_record(signer)}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from dongtai_mail.issues.models import Publication
    from subscribers.models import SubscriberList

    for publication in Publication.objects.order_by("slug"):
        print(f"{publication.slug}\t《{publication}》 {publication.from_address}")
        for row in SubscriberList.objects.filter(publication=publication).order_by("slug"):
            print(f"  {row.slug}\t{row.name}")
    return 0
