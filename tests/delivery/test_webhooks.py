"""Providers' webhooks: believed by their signature, read by our own marks, harmless twice."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from base64 import b64encode
from pathlib import Path

import pytest
from django.test import Client

from dongtai_mail.delivery import mailings
from dongtai_mail.delivery.models import Attempt, Delivery, Mailing, ReturnedMessage
from dongtai_mail.keys import keyring
from dongtai_mail.message.verp import envelope_sender
from subscribers.models import Subscription, SubscriptionEvent, Suppression
from tests import factories

pytestmark = pytest.mark.django_db

SECRET = "provider:0123456789abcdef"
SIGNING_KEY = "key-0123456789"


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest.fixture
def delivery(settings, keys: Path) -> Delivery:
    """One of three readers, whose mail a provider has accepted."""
    settings.DATA_DIR = keys
    settings.WEBHOOK_SECRET = SECRET
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": SIGNING_KEY}
    factories.readers(3)
    mailing = factories.mailing()
    mailings.start(mailing.pk)
    Delivery.objects.update(state=Delivery.State.ACCEPTED)
    return Delivery.objects.order_by("id")[0]


def _message_id(delivery: Delivery) -> str:
    return f"{delivery.mailing_id}.{delivery.pk}@example.org"


def _mailgun(
    delivery: Delivery, event: str = "failed", key: str = SIGNING_KEY, ago: float = 0, **more
) -> dict:
    # One that goes on as a number's exponent would.
    token, at = f"e0{secrets.token_hex(24)}", str(int(time.time() - ago))
    signature = hmac.new(key.encode(), f"{at}{token}".encode(), hashlib.sha256).hexdigest()
    data = {
        "event": event,
        "id": "event-1",
        "timestamp": 1700000000.5,
        "severity": "permanent",
        "recipient": delivery.address,
        "message": {"headers": {"message-id": _message_id(delivery)}},
        "delivery-status": {"code": 550, "message": "550 5.1.1 no such user here"},
        **more,
    }
    signed = {"timestamp": at, "token": token, "signature": signature}
    return {"signature": signed, "event-data": data}


def _post(provider: str, body: object, secret: str = SECRET) -> int:
    response = Client(enforce_csrf_checks=True).post(
        f"/webhooks/{provider}/tracking/",
        json.dumps(body),
        content_type="application/json",
        headers={"Authorization": f"Basic {b64encode(secret.encode()).decode()}"},
    )
    return response.status_code


def _states() -> list[str]:
    return list(Subscription.objects.order_by("id").values_list("state", flat=True))


def test_a_bounce_stops_its_reader_and_keeps_the_ledger_exact(delivery: Delivery) -> None:
    assert _post("mailgun", _mailgun(delivery)) == 200
    assert _states() == ["bounced", "confirmed", "confirmed"]
    row = ReturnedMessage.objects.get()
    assert (row.door, row.effect) == ("webhook Mailgun", "bounced")
    assert "no such user" in bytes(row.raw).decode()
    assert mailings.ledger(Mailing.objects.get())["bounced"] == 1
    assert Attempt.objects.get().enhanced == "5.1.1"


def test_half_a_character_in_a_servers_words_keeps_no_bounce_away(delivery: Delivery) -> None:
    said = {"code": 550, "message": "550 5.1.1 no such user \ud83d"}
    assert _post("mailgun", _mailgun(delivery, **{"delivery-status": said})) == 200
    assert _states()[0] == "bounced"


def test_a_replay_changes_nothing(delivery: Delivery) -> None:
    report = _mailgun(delivery)
    assert [_post("mailgun", report) for _ in range(3)] == [200] * 3
    assert ReturnedMessage.objects.count() == Attempt.objects.count() == 1


def test_a_signature_is_good_for_its_report_alone_and_not_for_long(delivery: Delivery) -> None:
    other = Delivery.objects.order_by("id")[1]
    first, another = _mailgun(delivery), _mailgun(other, id="event-2")
    assert _post("mailgun", first) == 200
    signed = first["signature"]
    moved = {"timestamp": f"{signed['timestamp']}e0", "token": signed["token"][2:]}
    for each in ({}, moved):
        assert _post("mailgun", {**another, "signature": {**signed, **each}}) == 400
    assert _post("mailgun", {**first, "beside": _message_id(other)}) == 400
    assert _post("mailgun", _mailgun(other, ago=13 * 3600)) == 400
    assert _states() == ["bounced", "confirmed", "confirmed"]


def test_a_report_is_read_at_its_own_providers_address_alone(delivery: Delivery) -> None:
    sender = envelope_sender(keyring(), delivery.pk, "bounce.example.org")
    event = {"RecordType": "SpamComplaint", "ID": 42, "Email": delivery.address, "From": sender}
    for provider, body in (("mailgun", event), ("postmark", _mailgun(delivery))):
        assert _post(provider, body) in (200, 400)
    assert not ReturnedMessage.objects.exists()


def test_two_providers_that_report_one_failure_stop_its_reader_once(delivery: Delivery) -> None:
    sender = envelope_sender(keyring(), delivery.pk, "bounce.example.org")
    bounce = {"RecordType": "Bounce", "Type": "HardBounce", "ID": 7, "MessageID": "1"}
    bounce |= {"Email": delivery.address, "From": sender, "Details": "550 5.1.1 no such user"}
    assert _post("mailgun", _mailgun(delivery)) == _post("postmark", bounce) == 200
    assert _states() == ["bounced", "confirmed", "confirmed"]
    assert SubscriptionEvent.objects.count() == 1
    assert mailings.ledger(Mailing.objects.get())["bounced"] == 1


@pytest.mark.parametrize(("key", "secret"), [("wrong", SECRET), (SIGNING_KEY, "provider:wrong")])
def test_a_wrong_signature_or_secret_is_refused(delivery: Delivery, key: str, secret: str) -> None:
    assert _post("mailgun", _mailgun(delivery, key=key), secret) == 400
    assert not ReturnedMessage.objects.exists()


@pytest.mark.parametrize("provider", ["mailgun", "postmark", "mailjet", "sparkpost"])
@pytest.mark.parametrize("body", [None, ["x"], {"signature": []}])
def test_what_is_no_report_is_refused(delivery: Delivery, provider: str, body: object) -> None:
    assert _post(provider, body) in (200, 400)
    assert not ReturnedMessage.objects.exists()


@pytest.mark.parametrize(("secret", "said"), [(SECRET, "MAILGUN_"), ("me:guess", "password")])
def test_a_missing_key_is_named_to_the_provider_alone(
    delivery: Delivery, settings, caplog, secret: str, said: str
) -> None:
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET}
    answer = Client().post(
        "/webhooks/mailgun/tracking/",
        "{garbage",
        content_type="application/json",
        headers={"Authorization": f"Basic {b64encode(secret.encode()).decode()}"},
    )
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert "Traceback" not in caplog.text


def test_there_are_no_webhooks_without_a_secret(delivery: Delivery, settings) -> None:
    settings.WEBHOOK_SECRET = ""
    assert _post("mailgun", _mailgun(delivery)) == 404


def test_a_complaint_suppresses(delivery: Delivery) -> None:
    _post("mailgun", _mailgun(delivery, "complained"))
    assert _states()[0] == "complained"
    assert Suppression.objects.get().source.startswith("webhook Mailgun, returned ")


def test_a_wish_to_leave_is_granted(delivery: Delivery) -> None:
    _post("mailgun", _mailgun(delivery, "unsubscribed"))
    assert _states() == ["unsubscribed", "confirmed", "confirmed"]
    assert SubscriptionEvent.objects.get().mailing == delivery.mailing_id


@pytest.mark.parametrize("event", ["delivered", "opened", "clicked"])
def test_events_without_consequence_are_not_kept(delivery: Delivery, event: str) -> None:
    assert _post("mailgun", _mailgun(delivery, event)) == 200
    assert not ReturnedMessage.objects.exists()


def test_a_passing_failure_counts_as_soft(delivery: Delivery) -> None:
    full = {"code": 552, "message": "552 5.2.2 mailbox full"}
    _post("mailgun", _mailgun(delivery, **{"delivery-status": full}))
    assert ReturnedMessage.objects.get().effect == "counted"
    assert _states() == ["confirmed"] * 3


def test_the_number_of_somebody_elses_delivery_proves_nothing(delivery: Delivery) -> None:
    other = Delivery.objects.order_by("id")[1]
    body = _mailgun(delivery, recipient=other.address)
    assert _post("mailgun", body) == 200
    assert ReturnedMessage.objects.get().status == "ignored"
    assert _states() == ["confirmed"] * 3


def test_a_provider_with_ids_of_its_own_is_understood_by_our_sender(delivery: Delivery) -> None:
    sender = envelope_sender(keyring(), delivery.pk, "bounce.example.org")
    event = {
        "RecordType": "SpamComplaint",
        "ID": 42,
        "MessageID": "00000000-0000-0000-0000-000000000000",
        "Email": delivery.address,
        "From": sender,
        "BouncedAt": "2026-11-05T16:33:54.9070259Z",
    }
    assert _post("postmark", event) == 200
    assert _states() == ["complained", "confirmed", "confirmed"]
