from __future__ import annotations

import email
import json
import re
import unicodedata
from email.header import decode_header, make_header
from typing import Any

import django.db.models.deletion
from django.db import migrations, models

# As ``delivery.mentions`` read messages when this was written.
ENCODED = (b"=?", b"base64", b"quoted-printable", b"uue")
APART = re.compile(r"[\s\0<>\"]+")
MOST = 64 * 1024


def note_what_is_there(apps: Any, schema_editor: Any) -> None:
    kept = apps.get_model("delivery", "ReturnedMessage").objects.order_by("pk")
    rows = apps.get_model("delivery", "Mentions").objects
    for message in kept.iterator(chunk_size=100):
        told = said(bytes(message.raw or b""))
        inside = None if told is None else words(told)
        judgement = json.dumps(message.judgement, ensure_ascii=False)
        rows.create(
            message_id=message.pk,
            inside=None if inside is None or len(inside) > MOST else inside,
            beside=words(f"{message.recipient} {judgement} {message.note}"),
        )


def said(octets: bytes) -> str | None:
    """None where strangers have written what the parser breaks at."""
    if not any(mark in octets.lower() for mark in ENCODED):
        return octets.decode("utf-8", "replace")
    try:
        parts = list(email.message_from_bytes(octets).walk())
        fields = [readable(str(value)) for part in parts for value in part.values()]
        decoded = [part.get_payload(decode=True) for part in parts if not part.is_multipart()]
    except Exception:
        # Python's parser breaks in many ways; what is not read here is looked at as a whole.
        return None
    texts = [octets, *(piece for piece in decoded if isinstance(piece, bytes))]
    return " ".join([*fields, *(piece.decode("utf-8", "replace") for piece in texts)])


def readable(value: str) -> str:
    try:
        return str(make_header(decode_header(value)))
    except (ValueError, LookupError):
        return value


def words(text: str) -> str:
    whole = text.encode("utf-8", "replace").decode()
    plain = unicodedata.normalize("NFKC", whole).lower()
    return "\n".join(sorted({word for word in APART.split(plain) if "@" in word}))


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0011_notices_of_mailings"),
    ]

    operations = [
        migrations.CreateModel(
            name="Mentions",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="delivery.returnedmessage",
                    ),
                ),
                ("inside", models.TextField(null=True)),
                ("beside", models.TextField(blank=True)),
            ],
        ),
        migrations.RunPython(note_what_is_there, migrations.RunPython.noop),
    ]
