"""A long mailing while everything fails again and again: ``bin/soak [READERS] [--kills N]``.

Workers are killed with SIGKILL, evenly spread over the sending, Redis is restarted (and forgets),
PostgreSQL is stopped in the middle of whatever it does, and the SMTP server drops connections at
random stages, also after it has taken a message and before it says so. At the end every reader is
counted.
Exit code 1 when a reader has no message, or more have two than the bound allows: one for each open
SMTP session of a worker that was killed, and one for each reply that the server swallowed.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass

from tests.cluster import KEEPING, Cluster
from tests.faults.world import Template, World
from tests.installation import RedisServer, short_directory
from tests.smtp_server import DROP, KEEP_AND_DROP, SmtpServer

READERS, KILLS = 100_000, 60
SESSIONS = 5
WORKERS = ("worker 1", "worker 2")
LOOK_SECONDS = 1.0
STAGES = ("connect", "mail", "rcpt", "data", "dot")
# One dialogue step in so many is broken.
RARELY = 2000


@dataclass
class Account:
    readers: int
    ledger: Counter[str]
    targeted: int
    received: Counter[str]
    kills: int = 0
    redis_restarts: int = 0
    postgresql_restarts: int = 0
    swallowed: int = 0
    doubts: int = 0
    seconds: float = 0.0

    @property
    def lost(self) -> int:
        return self.readers - len(self.received)

    @property
    def duplicates(self) -> int:
        return self.received.total() - len(self.received)

    @property
    def bound(self) -> int:
        return self.kills * SESSIONS + self.swallowed

    @property
    def good(self) -> bool:
        everybody = self.targeted == self.ledger["accepted"] == self.readers
        within = self.duplicates <= min(self.bound, self.doubts)
        return everybody and not self.lost and within

    def __str__(self) -> str:
        states = " + ".join(f"{name} {count:,}" for name, count in sorted(self.ledger.items()))
        return (
            f"targeted {self.targeted:,} = {states}\n"
            f"kills {self.kills}, Redis restarted and emptied {self.redis_restarts} times, "
            f"PostgreSQL stopped {self.postgresql_restarts} times, "
            f"replies swallowed {self.swallowed}, {self.seconds:.0f} s\n"
            f"unconfirmed and sent again {self.doubts}, duplicates {self.duplicates} "
            f"(bound {self.bound}), lost {self.lost}"
        )


class _Weather:
    """The SMTP server's script: now and then a connection breaks, at any stage."""

    def __init__(self, chance: random.Random) -> None:
        self.swallowed = 0
        self._chance = chance

    def __call__(self, stage: str, argument: str) -> str | None:
        if stage not in STAGES or self._chance.randrange(RARELY):
            return None
        if stage == "dot" and self._chance.random() < 0.5:
            self.swallowed += 1
            return KEEP_AND_DROP
        return DROP


class _Soak:
    def __init__(
        self, world: World, cluster: Cluster, due: list[int], chance: random.Random
    ) -> None:
        self._world, self._cluster = world, cluster
        # A worker is killed whenever so many messages have arrived.
        self._due = due
        self.weather = _Weather(chance)
        self.kills = self.redis_restarts = self.postgresql_restarts = 0
        self._next = 0.0

    def run(self) -> None:
        self._world.smtp.script = self.weather
        for name in WORKERS:
            self._world.start_worker(name)
        self._world.send()
        self._world.wait(self._step, "everything is sent", 4 * 3600)

    def _step(self) -> bool:
        if self.kills < len(self._due) and len(self._world.smtp.received) >= self._due[self.kills]:
            self._harm()
        if time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + LOOK_SECONDS
        self._world.time_passes()
        return self._world.state() == "finished"

    def _harm(self) -> None:
        """Kill a worker, and now and then what it depends on."""
        name = WORKERS[self.kills % len(WORKERS)]
        self._world.installation.kill(name)
        self.kills += 1
        if self.kills % 7 == 3:
            self._world.redis.restart()
            self.redis_restarts += 1
        if self.kills % 11 == 5:
            self._cluster.stop()
            self._cluster.start()
            self.postgresql_restarts += 1
        self._world.start_worker(name)


def soak(template: Template, readers: int, kills: int, seed: int) -> Account:
    chance = random.Random(seed)
    started = time.monotonic()
    with short_directory() as directory, SmtpServer() as smtp:
        smtp.keep_data = False
        redis = RedisServer(directory)
        relay = f"smtp+plain://127.0.0.1:{smtp.port}?connections={SESSIONS}"
        world = World(template.copy(directory, redis, relay), redis, smtp)
        world.add_readers(readers)
        world.installation.environment["DONGTAI_BATCH_SIZE"] = "200"
        due = [int(readers * (kill + chance.random()) / (kills + 1)) for kill in range(kills)]
        run = _Soak(world, template.cluster, due, chance)
        try:
            run.run()
            world.assert_adds_up(readers)
            return _account(world, run, readers, time.monotonic() - started)
        finally:
            world.close()
            redis.stop()


def _account(world: World, run: _Soak, readers: int, seconds: float) -> Account:
    doubts = world.value(
        "SELECT count(*) FROM delivery_attempt WHERE stage = 'final' AND code IS NULL"
    )
    return Account(
        readers=readers,
        ledger=world.ledger(),
        targeted=world.value("SELECT targeted FROM delivery_mailing WHERE id = 1"),
        received=Counter(world.smtp.recipients()),
        kills=run.kills,
        redis_restarts=run.redis_restarts,
        postgresql_restarts=run.postgresql_restarts,
        swallowed=run.weather.swallowed,
        doubts=doubts,
        seconds=seconds,
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/soak", description=__doc__)
    parser.add_argument("readers", nargs="?", type=int, default=READERS)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=1, help="another seed is another run")
    arguments = parser.parse_args()
    with Cluster(KEEPING) as cluster, short_directory() as prepared:
        template = Template(prepared, cluster)
        account = soak(template, arguments.readers, arguments.kills, arguments.seed)
    print(account)
    return 0 if account.good else 1


if __name__ == "__main__":
    sys.exit(main())
