"""Whose CPU and memory it was: accounts of whole process trees, from /proc, and a yardstick.

Promises: user and system time together, in seconds; a process that has ended is counted in the
parent that waited for it, and only there.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SIGNATURES = 10
FOREIGN = ("others", "stolen")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Run:
    """One contender once: how many messages in how long, whose CPU, over how many processes.

    ``signature`` is what a bare RSA-2048 signature cost meanwhile, in µs of CPU, if it was asked.
    """

    messages: int
    seconds: float
    cpu: dict[str, float]
    processes: int = 1
    signature: float = 0.0

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    @property
    def rate_by_cpu(self) -> float:
        """The rate that the CPU used would allow if this machine had nothing else to do."""
        ours = {name: used for name, used in self.cpu.items() if name not in FOREIGN}
        together = sum(ours.values()) / (os.cpu_count() or 1)
        sender = max(ours.get("workers", 0.0), ours.get("client", 0.0)) / self.processes
        return self.messages / max(together, sender, ours.get("sink", 0.0))

    def micros(self, name: str) -> float:
        return self.cpu.get(name, 0.0) / self.messages * 1e6


class Yardstick(threading.Thread):
    """Signs now and then while something is measured; a few parts in a thousand of the CPU."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._over = threading.Event()
        self._costs: list[float] = []
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.5) or not self._costs:
            cpu = time.thread_time()
            for _ in range(SIGNATURES):
                self._key.sign(bytes(1_500), padding.PKCS1v15(), hashes.SHA256())
            self._costs.append((time.thread_time() - cpu) / SIGNATURES * 1e6)

    def stop(self) -> float:
        self._over.set()
        self.join()
        return statistics.median(self._costs)


def family(pid: int) -> list[int]:
    """A process and all its descendants that live."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int(_stat(int(entry.name))[1])
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for known in found:
        found += children.get(known, [])
    return found


def cpu_seconds(pid: int) -> float:
    """What a process tree has used: the living by themselves, the dead in their parents."""
    total = 0
    for member in family(pid):
        with contextlib.suppress(OSError):
            total += sum(map(int, _stat(member)[11:15]))
    return total / TICKS


def peak_kilobytes(pid: int) -> int:
    """The highest resident size that any process of a tree ever had."""
    peaks = [0]
    for member in family(pid):
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{member}/status").read_text()
            peaks += [int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line]
    return max(peaks)


class Machine:
    """What a whole machine did since this was made, and what its host took from it meanwhile."""

    def __init__(self) -> None:
        self._before = self._seconds()

    def besides(self, ours: float) -> dict[str, float]:
        """The CPU seconds of ``others`` than ours, and those ``stolen`` for other machines."""
        busy, stolen = (
            now - before for now, before in zip(self._seconds(), self._before, strict=True)
        )
        return {"others": busy - ours, "stolen": stolen}

    def _seconds(self) -> tuple[float, float]:
        user, nice, system, _, _, irq, softirq, stolen, *_ = map(
            int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        )
        return (user + nice + system + irq + softirq) / TICKS, stolen / TICKS


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
