"""Evidence in Redis: it is there when the note is done, and it ends some day."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import redis
from django.conf import settings

from tests.installation import RedisServer
from worker import journal, notes
from worker.journal import Story

BATCH = 900_001
KEY = f"dongtai:batch:{BATCH}"


def test_what_is_noted_is_told_and_kept_for_days(redis_server: redis.Redis) -> None:
    async def act() -> None:
        written = notes.Notes(settings.REDIS_URL)
        notes.begin(redis_server, BATCH)
        written.adopt(BATCH)
        await asyncio.gather(
            written.write(BATCH, journal.begun(1)), written.write(BATCH, journal.begun(2))
        )
        await written.write(BATCH, journal.concluded(1, True))
        await written.end()

    asyncio.run(act())
    assert notes.story(redis_server, BATCH) == Story([BATCH], {1}, {2})
    assert 0 < redis_server.ttl(KEY) <= notes.KEEP_SECONDS
    redis_server.delete(KEY)


def test_what_is_noted_of_a_batch_that_is_recorded_ends_soon(redis_server: redis.Redis) -> None:
    async def act() -> None:
        written = notes.Notes(settings.REDIS_URL)
        notes.begin(redis_server, BATCH)
        written.adopt(BATCH)
        await written.write(BATCH, journal.begun(1))
        written.forget([BATCH])
        # A session's last word comes with what it begins of another batch.
        await written.write(BATCH, journal.concluded(1, True))
        await written.end()

    asyncio.run(act())
    assert 0 < redis_server.ttl(KEY) <= notes.RECORDED_SECONDS
    redis_server.delete(KEY)


def test_what_redis_forgot_is_said_again_and_ends_some_day_too(redis_server: redis.Redis) -> None:
    async def act() -> None:
        written = notes.Notes(settings.REDIS_URL)
        notes.begin(redis_server, BATCH)
        written.adopt(BATCH)
        await written.write(BATCH, journal.begun(1))
        redis_server.delete(KEY)
        assert notes.story(redis_server, BATCH) is None
        await written.write(BATCH, journal.concluded(1, False) + journal.begun(2))
        await written.end()

    asyncio.run(act())
    assert notes.story(redis_server, BATCH) == Story([BATCH], set(), {2})
    assert 0 < redis_server.ttl(KEY) <= notes.KEEP_SECONDS
    redis_server.delete(KEY)


def test_what_is_noted_after_redis_forgot_a_batch_that_is_recorded_is_no_story(
    redis_server: redis.Redis,
) -> None:
    async def act() -> None:
        written = notes.Notes(settings.REDIS_URL)
        notes.begin(redis_server, BATCH)
        redis_server.delete(KEY)
        await written.write(BATCH, journal.concluded(1, True))
        await written.end()

    asyncio.run(act())
    assert notes.story(redis_server, BATCH) is None
    redis_server.delete(KEY)


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"-OOM\r\n", b"x" * 200_000])
def test_whatever_redis_says_notes_are_taken_once_it_is_well(
    redis_server: redis.Redis, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr(notes, "RETRY_SECONDS", 0.01)
    unwell = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(said)
        await writer.drain()
        writer.close()
        unwell.set()

    async def act() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        written = notes.Notes(f"redis://127.0.0.1:{port}")
        notes.begin(redis_server, BATCH)
        written.adopt(BATCH)
        noted = written.write(BATCH, journal.begun(1))
        await unwell.wait()
        written._url = settings.REDIS_URL
        await asyncio.wait_for(noted, 60)
        await written.end()
        server.close()

    asyncio.run(act())
    assert notes.story(redis_server, BATCH).unconfirmed == {1}
    redis_server.delete(KEY)


def test_notes_that_a_restart_brought_back_may_lack_the_last_of_them(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)

    async def act() -> None:
        written = notes.Notes(server.url)
        notes.begin(server.client(), BATCH)
        written.adopt(BATCH)
        await written.write(BATCH, journal.begun(1))
        snapshot = server.client().lrange(KEY, 0, -1)
        await written.write(BATCH, journal.concluded(1, True))
        server.restart()
        server.client().rpush(KEY, *snapshot)
        assert notes.story(server.client(), BATCH) is None
        # Its worker lives, and says all of it again.
        await asyncio.wait_for(written.write(BATCH, journal.begun(2)), 60)
        await written.end()

    try:
        asyncio.run(act())
        assert notes.story(server.client(), BATCH) == Story([BATCH] * 2, {1}, {2})
    finally:
        server.stop()


def test_lines_that_note_at_the_same_time_ask_redis_once(
    redis_server: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notes, "GATHER_SECONDS", 600.0)

    async def act() -> None:
        written = notes.Notes(settings.REDIS_URL)
        notes.begin(redis_server, BATCH)
        written.adopt(BATCH)
        await written.write(BATCH, journal.begun(3))
        written.company = 2 * notes.GATHER_PART
        alone = written.write(BATCH, journal.begun(1))
        done, _ = await asyncio.wait([alone], timeout=0.1)
        assert not done
        await asyncio.gather(alone, written.write(BATCH, journal.begun(2)))
        await written.end()

    asyncio.run(act())
    assert redis_server.llen(KEY) == 3
    assert notes.story(redis_server, BATCH) == Story([BATCH], set(), {1, 2, 3})
    redis_server.delete(KEY)


def test_a_note_waits_for_others_no_longer_than_a_moment(redis_server: redis.Redis) -> None:
    async def act() -> None:
        written = notes.Notes(settings.REDIS_URL)
        notes.begin(redis_server, BATCH)
        written.adopt(BATCH)
        written.company = 100
        await asyncio.wait_for(written.write(BATCH, journal.begun(1)), 60)
        await asyncio.wait_for(written.write(BATCH, journal.begun(2)), 60)
        await written.end()

    asyncio.run(act())
    assert notes.story(redis_server, BATCH) == Story([BATCH], set(), {1, 2})
    redis_server.delete(KEY)
