"""A real DNS server on loopback that answers from a table, for the doctor's questions."""

from __future__ import annotations

import socket
import threading
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

# (name, kind) to what a zone file would say.
Zone = dict[tuple[str, str], list[str]]


class DnsServer:
    """``silent`` names are never answered; whatever is not in the zone does not exist."""

    def __init__(self, zone: Zone, silent: tuple[str, ...] = ()) -> None:
        self._zone = zone
        self._silent = silent
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self.address)
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            packet, asker = self._socket.recvfrom(4096)
            if not packet:
                return
            question = dns.message.from_wire(packet)
            name = question.question[0].name.to_text(omit_final_dot=True)
            if name not in self._silent:
                self._socket.sendto(self._answer(question, name).to_wire(), asker)

    def _answer(self, question: dns.message.Message, name: str) -> dns.message.Message:
        asked = question.question[0]
        kind = dns.rdatatype.to_text(asked.rdtype)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        records = self._zone.get((name, kind), [])
        if records:
            answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *records))
        elif not any(known == name for known, _ in self._zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer
