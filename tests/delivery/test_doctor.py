"""What the doctor says of a sending domain and of the machines, each found out for real."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from django.conf import settings as configured

from dongtai_mail.database import forgetful
from dongtai_mail.delivery import doctor, letters
from dongtai_mail.delivery.doctor import Check, Resolver, Verdict, machines, names
from dongtai_mail.environment import Relay
from dongtai_mail.issues.models import Publication
from dongtai_mail.message.dkim import dns_record
from tests import factories
from tests.certificates import Authority
from tests.dns_server import DnsServer, Zone
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def publication(settings, tmp_path) -> Publication:
    settings.DATA_DIR = tmp_path
    return factories.publication()


def _text(value: str) -> str:
    parts = [value[start : start + 200] for start in range(0, len(value), 200)]
    return " ".join(f'"{part}"' for part in parts)


def _look(check: object, zone: Zone, *arguments: object) -> Check:
    with DnsServer(zone) as server:
        return check(*arguments, Resolver(server.address))


@pytest.mark.parametrize(
    ("records", "verdict"),
    [
        ([], Verdict.BAD),
        (["v=spf1 a:relay.example.org -all"], Verdict.GOOD),
        (["v=spf1 include:_spf.example.net ~all"], Verdict.GOOD),
        (["v=spf1 a mx ?all"], Verdict.DOUBT),
        (["v=spf1 +all"], Verdict.BAD),
        (["v=spf1 -all", "v=spf1 mx -all"], Verdict.BAD),
        (["v=spf1 " + " ".join(f"include:s{n}.example" for n in range(11)) + " -all"], Verdict.BAD),
        (["google-site-verification=1"], Verdict.BAD),
    ],
)
def test_spf_is_read_as_receivers_read_it(publication, records, verdict):
    zone = {("bounce.example.org", "TXT"): [_text(text) for text in records]}
    check = _look(names.spf, zone, publication)
    assert check.verdict is verdict
    assert verdict is Verdict.GOOD or check.advice


def test_dkim_must_be_the_key_that_signs(publication):
    signer = letters.signers(publication)[0]
    record = dns_record(signer)
    right = _look(names.dkim, {(signer.dns_name, "TXT"): [_text(record)]}, publication)
    assert right.verdict is Verdict.GOOD
    other = record.replace("p=", "p=AAAA")
    wrong = _look(names.dkim, {(signer.dns_name, "TXT"): [_text(other)]}, publication)
    assert wrong.verdict is Verdict.BAD
    told = wrong.record.partition(" IN TXT ")[2]
    mended = _look(names.dkim, {(signer.dns_name, "TXT"): [told]}, publication)
    assert mended.verdict is Verdict.GOOD
    assert _look(names.dkim, {}, publication).verdict is Verdict.BAD


def test_dmarc_of_the_organisation_counts(publication):
    publication.from_address = "editor@news.example.org"
    own = {("_dmarc.example.org", "TXT"): [_text("v=DMARC1; p=reject")]}
    assert _look(names.dmarc, own, publication).verdict is Verdict.GOOD
    watching = {("_dmarc.news.example.org", "TXT"): [_text("v=DMARC1; p=none")]}
    assert _look(names.dmarc, watching, publication).verdict is Verdict.DOUBT
    assert _look(names.dmarc, {}, publication).verdict is Verdict.BAD


def test_an_mx_must_lead_somewhere():
    domain = "bounce.example.org"
    assert _look(names.mx, {}, domain).verdict is Verdict.BAD
    zone = {(domain, "MX"): ["10 mx.example.org."]}
    assert _look(names.mx, zone, domain).verdict is Verdict.BAD
    zone[("mx.example.org", "A")] = ["192.0.2.1"]
    assert _look(names.mx, zone, domain).verdict is Verdict.GOOD


def test_a_reverse_name_must_lead_back():
    relay = Relay("relay.example.org", 25, "starttls")
    zone = {
        ("relay.example.org", "A"): ["192.0.2.7"],
        ("7.2.0.192.in-addr.arpa", "PTR"): ["host-7.example.net."],
    }
    assert _look(names.ptr, zone, relay).verdict is Verdict.DOUBT
    zone[("host-7.example.net", "A")] = ["192.0.2.7"]
    assert _look(names.ptr, zone, relay).verdict is Verdict.GOOD
    assert _look(names.ptr, {}, Relay("localhost", 25, "none")).verdict is Verdict.UNKNOWN


@pytest.fixture
def relay(settings) -> Iterator[SmtpServer]:
    with SmtpServer() as server:
        settings.RELAYS = (Relay("127.0.0.1", server.port, "none"),)
        yield server


@pytest.mark.django_db(transaction=True)
def test_silence_is_no_verdict_and_nothing_is_sent(publication, relay, monkeypatch):
    monkeypatch.setattr(names, "SECONDS", 0.3)
    with DnsServer({}, silent=("bounce.example.org",)) as server:
        found = doctor.examine(publication, Resolver(server.address))
    unanswered = [check for check in found if check.verdict is Verdict.UNKNOWN]
    assert {"SPF", "MX bounce.example.org"} <= {check.name for check in unanswered}
    assert [check.verdict for check in found if check.name.endswith(str(relay.port))] == [
        Verdict.GOOD
    ]
    assert relay.received == []


def test_a_relay_that_is_away_or_unencrypted_is_said():
    away = machines.relay(Relay("127.0.0.1", 1, "none"))
    assert away.verdict is Verdict.BAD
    with SmtpServer() as server:
        plain = machines.relay(Relay("127.0.0.1", server.port, "starttls"))
    assert plain.verdict is Verdict.BAD


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_relay_must_show_a_certificate_of_its_own(security, tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file()))
    for host, verdict in (("localhost", Verdict.GOOD), ("mail.example.org", Verdict.BAD)):
        secured = {"tls": authority.server(host), "tls_from_start": security == "tls"}
        offered = ("STARTTLS",) if security == "starttls" else ("PIPELINING",)
        with SmtpServer(extensions=offered, **secured) as server:
            found = machines.relay(Relay("localhost", server.port, security))
        assert found.verdict is verdict
    assert "mismatch" in found.found


def test_a_backup_leaves_a_mark_that_grows_old(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    assert machines.backup().verdict is Verdict.DOUBT
    mark = tmp_path / machines.BACKUP_MARK
    mark.touch()
    assert machines.backup().verdict is Verdict.GOOD
    old = time.time() - (machines.BACKUP_HOURS + 1) * 3600
    os.utime(mark, (old, old))
    assert machines.backup().verdict is Verdict.BAD


def test_the_database_and_the_disk_are_looked_at():
    database = machines.database()
    # The tests' own server may forget.
    assert database.verdict is (Verdict.BAD if forgetful() else Verdict.GOOD)
    assert all(name in database.found for name in forgetful())
    assert str(configured.DATA_DIR) in machines.disk().name
