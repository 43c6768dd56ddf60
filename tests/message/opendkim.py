"""Verify the message on standard input with OpenDKIM; run inside ``unshare -rmn``.

Arguments: the DNS name of a key and its TXT record. OpenDKIM asks the system's resolver, so the
namespace gets a loopback name server of its own that knows this one record. Exits as
opendkim-testmsg does.
"""

import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import dns.message
import dns.rrset


def main(name: str, record: str) -> int:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    threading.Thread(target=answer, args=(server, name, record), daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        resolver = Path(folder) / "resolv.conf"
        resolver.write_text("nameserver 127.0.0.1\n")
        subprocess.run(["mount", "--bind", str(resolver), "/etc/resolv.conf"], check=True)
        result = subprocess.run(["opendkim-testmsg"], stdin=sys.stdin.buffer, check=False)
        subprocess.run(["umount", "/etc/resolv.conf"], check=True)
    return result.returncode


def answer(server: socket.socket, name: str, record: str) -> None:
    strings = " ".join(f'"{record[at : at + 200]}"' for at in range(0, len(record), 200))
    while True:
        octets, asker = server.recvfrom(4096)
        query = dns.message.from_wire(octets)
        reply = dns.message.make_response(query)
        if query.question[0].name.to_text() == f"{name}.":
            reply.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "TXT", strings))
        server.sendto(reply.to_wire(), asker)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
