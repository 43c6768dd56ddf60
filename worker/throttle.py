"""The pace of each receiving provider, shared by all workers on all hosts through Redis.

Owns: a token bucket a lane, slower after a provider complains and faster again in steps; one for
each mailing that staff capped; and how many sessions may be open for a lane at once. Promises:
each decision is one script in Redis, so workers can't overrun each other; the clock is Redis's
own. What Redis forgets starts afresh at the configured limits. How a lane stands is read by
``delivery.pace``.
Fails: ``redis.RedisError``, and then nothing is sent.
"""

from __future__ import annotations

import redis

from dongtai_mail.delivery import pace, reasons
from dongtai_mail.delivery.providers import OTHERS, Limit

# A bucket holds what this many seconds give, so that a quiet minute is no licence for a burst.
BURST_SECONDS = 5
FIRST_PAUSE, LONGEST_PAUSE = 60, 3600
# After so many quiet seconds a slowed lane takes its next step up.
STEP_SECONDS = 300
SLOWEST = 1 / 64
# The pace that a lane without a limit falls from when its provider complains.
UNLIMITED_PER_MINUTE = 1200
SLOT_SECONDS = 30
# What is known of a mailing's pace goes when nobody has asked for it for so long.
MAILING_SECONDS = 3600

_PERMITS = """
local lane, want, rate, burst, step = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]),
    tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local state = redis.call('HMGET', lane, 'tokens', 'at', 'factor', 'paused', 'since')
local paused = tonumber(state[4] or 0)
-- What lasts longer than any may was written before the clock was set back.
local longest = tonumber(ARGV[7])
if paused > now + longest then
    paused = 0
    redis.call('HDEL', lane, 'paused')
end
if paused > now then return {0, math.ceil((paused - now) * 1000)} end
local factor, since = tonumber(state[3] or 1), tonumber(state[5] or now)
if factor < 1 and (now - since >= step or since > now + longest) then
    factor = math.min(1, factor * 1.5)
    redis.call('HSET', lane, 'factor', factor, 'since', now)
    if factor == 1 then redis.call('HDEL', lane, 'strikes', 'reason') end
end
if rate == 0 then
    if factor == 1 then return {want, 0} end
    rate = tonumber(ARGV[5])
end
local pace = rate / 60 * factor
local room = math.max(1, pace * burst)
-- A clock that was set back gives nothing and takes nothing.
local passed = math.max(0, now - tonumber(state[2] or now))
local tokens = math.min(room, tonumber(state[1] or room) + passed * pace)
local ahead = tonumber(ARGV[6]) * room
local grant = math.max(0, math.min(want, math.floor(tokens + ahead)))
redis.call('HSET', lane, 'tokens', tokens - grant, 'at', now)
if grant > 0 then return {grant, 0} end
return {0, math.ceil((1 - tokens - ahead) / pace * 1000)}
"""

_SLOWER = """
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local state = redis.call('HMGET', KEYS[1], 'factor', 'paused', 'strikes')
-- Complaints that were on their way when the lane was paused are one complaint.
local paused = tonumber(state[2] or 0)
if paused > now and paused <= now + tonumber(ARGV[2]) then return 0 end
local strikes = tonumber(state[3] or 0) + 1
local pause = math.min(tonumber(ARGV[2]), tonumber(ARGV[1]) * 2 ^ (strikes - 1))
redis.call('HSET', KEYS[1], 'factor', math.max(tonumber(ARGV[3]), tonumber(state[1] or 1) / 2),
    'paused', now + pause, 'since', now + pause, 'strikes', strikes, 'reason', ARGV[4])
return pause
"""

_SLOTS = """
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
-- What lasts longer than any may was written before the clock was set back.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now + tonumber(ARGV[4]), '+inf')
local own = ARGV[1] .. '/'
local others = 0
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
    if string.sub(member, 1, #own) ~= own then others = others + 1
    else redis.call('ZREM', KEYS[1], member) end
end
local grant = math.max(0, math.min(tonumber(ARGV[2]), tonumber(ARGV[3]) - others))
for slot = 1, grant do redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]), own .. slot) end
return grant
"""


class Throttle:
    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._permits = client.register_script(_PERMITS)
        self._slower = client.register_script(_SLOWER)
        self._slots = client.register_script(_SLOTS)

    def permits(
        self, lane: str, want: int, limit: Limit = OTHERS, *, ahead: bool = False
    ) -> tuple[int, float]:
        """How many messages may be claimed now, and after how many seconds to ask again.

        What goes ``ahead`` has what the next seconds give as well, which those who wait then lack:
        a mailing takes every permit as soon as there is one.
        """
        return self._ask(pace.key(lane), want, limit.per_minute or 0, ahead)

    def _ask(self, key: str, want: int, rate: int, ahead: bool = False) -> tuple[int, float]:
        arguments = [want, rate, BURST_SECONDS, STEP_SECONDS, UNLIMITED_PER_MINUTE, int(ahead)]
        granted, wait = self._permits([key], [*arguments, LONGEST_PAUSE])
        return int(granted), int(wait) / 1000

    def mailing_permits(self, mailing_id: int, want: int, per_minute: int) -> tuple[int, float]:
        """The same for a mailing that staff capped, whatever its lanes allow."""
        key = pace.mailing_key(mailing_id)
        answer = self._ask(key, want, per_minute)
        self._client.expire(key, MAILING_SECONDS)
        return answer

    def give_back(self, key: str, count: int) -> None:
        """Return permits, of a lane or a mailing, that came to nothing."""
        self._client.hincrbyfloat(key, "tokens", count)

    def slower(self, lane: str, reason: str) -> float:
        """A provider complained: halve its pace and pause it; answers the pause in seconds."""
        # Every publication's staff see it, and servers like to quote the reader's address.
        words = reasons.wording(reason)
        arguments: list[int | float | str] = [FIRST_PAUSE, LONGEST_PAUSE, SLOWEST, words]
        return float(self._slower([pace.key(lane)], arguments))

    def slots(self, lane: str, worker: str, want: int, limit: Limit = OTHERS) -> int:
        """Sessions that this worker may have open for a lane; asked again before they lapse."""
        if limit.connections is None:
            return want
        arguments: list[int | str] = [worker, want, limit.connections, SLOT_SECONDS]
        return int(self._slots([f"{pace.key(lane)}:slots"], arguments))
