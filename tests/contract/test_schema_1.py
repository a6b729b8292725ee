"""A store that psd wrote before schema 2: read as it stands, moved by the next write or a repair.

tests/golden/schema_1.msgpack.gz is what the scripts of schema 1 made of :func:`sent`.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgpack
import pytest
from redis.asyncio import Redis

from psd.engine.events import Event
from psd.engine.plan import Range
from psd.runtime import Runtime
from tests.support.audits import audit_of
from tests.support.engine import EVER, NOON_S, book, collected, count, report, sum_of
from tests.support.keyspace import keyspace

STORED = Path(__file__).parent.parent / "golden" / "schema_1.msgpack.gz"


def sent() -> list[Event]:
    """A minute of 700 bookings, and activities of 300 hours, of 700 reports an hour, a count."""
    minute = [report(n + 1, NOON_S + n % 3 * 7, aid=n, atid=n % 2) for n in range(700)]
    hours = [report(1 + h, NOON_S + h * 3600, uid=2, aid=0) for h in range(300)]
    hour = [report(5, NOON_S + s * 4, NOON_S + s * 4 - s % 7, uid=3, aid=9) for s in range(700)]
    counts = [count(f"e{n}", 1, NOON_S + n * 2500) for n in range(400)]
    return [*minute, *hours, *hour, *counts]


def more() -> list[Event]:
    """One more of each, late where that can be."""
    late = [report(9, NOON_S + 1800, uid=uid, aid=aid) for uid, aid in ((2, 0), (3, 9))]
    return [report(5, NOON_S + 7, aid=9000), *late, count("late", 1, NOON_S + 7)]


async def restore(client: Redis) -> None:
    """Fill an empty store with what schema 1 had."""
    held: dict[str, Any] = msgpack.unpackb(gzip.decompress(STORED.read_bytes()))
    for key, content in held.items():
        if isinstance(content, dict):
            flat = [part for item in content.items() for part in item]
            await client.execute_command("HSET", key, *flat)
        else:
            await client.set(key, content)


@pytest.fixture
async def made_anew(psd: Runtime) -> dict[str, Any]:
    """What schema 2 makes of the same events; the store is empty again."""
    await book(psd, sent())
    held = await keyspace(psd.store.client)
    await psd.store.client.flushdb()
    return owners_keys(held)


def owners_keys(held: dict[str, Any]) -> dict[str, Any]:
    return {key: content for key, content in held.items() if "{" in key}


async def test_it_is_read_as_it_stands(psd: Runtime) -> None:
    await restore(psd.store.client)
    second = Range(NOON_S + 7, NOON_S + 8)
    of_second = [n for n in range(700) if n % 3 == 1]
    assert await sum_of(psd, second) == sum(n + 1 for n in of_second)
    assert await sum_of(psd, second, atid=1) == sum(n + 1 for n in of_second if n % 2)
    total, activities = await collected(psd, second)
    assert (total, set(activities)) == (sum(n + 1 for n in of_second), set(of_second))
    hours = Range(NOON_S + 3600, NOON_S + 250 * 3600)
    assert await psd.engine.activity_sum(2, 1, 0, hours) == sum(range(2, 251))
    assert await psd.engine.activity_sum(2, 1, 0, EVER) == sum(range(1, 301))
    part = Range(NOON_S + 400, NOON_S + 800)
    assert await psd.engine.activity_sum(3, 1, 9, part) == await sum_of(psd, part, uid=3)


async def test_a_write_moves_what_it_meets_to_the_shapes_of_today(psd: Runtime) -> None:
    await book(psd, [*sent(), *more()])
    anew = owners_keys(await keyspace(psd.store.client))
    await psd.store.client.flushdb()
    await restore(psd.store.client)
    assert await book(psd, more()) == ["booked"] * len(more())
    assert owners_keys(await keyspace(psd.store.client)) == anew


async def test_a_repair_moves_everything(psd: Runtime, made_anew: dict[str, Any]) -> None:
    await restore(psd.store.client)
    async with audit_of(psd) as audits:
        audited = await audits.run(repair=True)
        assert {found.outcome for found in audited} <= {"repaired", "clean"}
        assert await audits.differences() == []
    assert owners_keys(await keyspace(psd.store.client)) == made_anew
