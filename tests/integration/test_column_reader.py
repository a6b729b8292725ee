"""Boards read out of columns that were written as booking leaves them, whole and in pieces."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import numpy as np
import pytest

from bench.columns import ColumnWriter
from psd.columns import column_pieces, column_reader
from psd.columns.column_keys import unit_start
from psd.columns.column_reader import ColumnReader
from psd.engine.plan import Range
from psd.errors import TooLargeError
from psd.runtime import Runtime
from psd.store.keys import columns_root
from tests.support.engine import DAY_S, engine_on, report, second
from tests.support.servers.redis_server import RedisServer

BEGIN_S = second("2016-03-01")
DAYS = 100
THING = 3
SHIFT = """
local function change(column, log, from, delta)
  redis.call('BITFIELD', KEYS[1] .. column, 'INCRBY', 'i64', '#' .. ARGV[1], delta)
  redis.call('APPEND', KEYS[1] .. log, struct.pack('<I4I4i8', ARGV[2], ARGV[1], delta))
end
change(':m:201603', ':l:201603', ARGV[2], ARGV[3])
change(':m:201605', ':l:201605', ARGV[2], -ARGV[3])
"""
"""Moves something of an owner from May to March."""


class Bookings:
    """Some of a few owners, most of them on a few days, so that logs of all levels are full."""

    def __init__(self, owners: int, number: int, seed: int = 1) -> None:
        rng = np.random.default_rng(seed)
        spread = rng.integers(BEGIN_S, BEGIN_S + DAYS * DAY_S, number // 2)
        busy = rng.integers(BEGIN_S + 40 * DAY_S, BEGIN_S + 41 * DAY_S, number // 2)
        self.seconds = np.sort(np.concatenate([spread, busy]))
        self.uids = rng.integers(-owners, owners, number)
        self.values = rng.integers(-50, 1000, number)

    def sums(self, start: int, end: int) -> dict[int, int]:
        """Everybody's."""
        found = dict.fromkeys(self.uids.tolist(), 0)
        within = (self.seconds >= start) & (self.seconds < end)
        for uid, value in zip(
            self.uids[within].tolist(), self.values[within].tolist(), strict=True
        ):
            found[uid] += value
        return found


@pytest.fixture(params=["whole", "pieces"])
def _sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "pieces":
        monkeypatch.setattr(column_pieces, "PIECE_BYTES", 1600)
        monkeypatch.setattr(column_reader, "PIECE_BYTES", 1600)


@pytest.fixture(params=[1, 4])
async def psd(redis_server: RedisServer, request: pytest.FixtureRequest) -> AsyncIterator[Runtime]:
    redis_server.flush()
    async with engine_on(redis_server.url, {"redis.partitions": request.param}) as runtime:
        yield runtime


@pytest.mark.parametrize("seals", [False, True])
@pytest.mark.usefixtures("_sizes")
async def test_every_sum_is_that_of_plain_addition(
    psd: Runtime, redis_server: RedisServer, seals: bool
) -> None:
    bookings = Bookings(owners=40, number=6_000)
    await psd.store.placed()
    writer = ColumnWriter(redis_server.sync_client(), psd.store.partitions, THING, seals=seals)
    writer.write(bookings.seconds, bookings.uids, bookings.values)
    columns, rng = ColumnReader(psd.store), random.Random(7)
    spent: list[int] = []
    for number in range(30):
        edges = sorted(rng.randrange(BEGIN_S - DAY_S, BEGIN_S + DAYS * DAY_S) for _ in range(2))
        if number % 3 == 0:
            edges = [edge - edge % DAY_S for edge in edges]
        found = await columns.everybody(THING, *edges, spent.append)
        told = dict(zip(found.uids.tolist(), found.values.tolist(), strict=True))
        assert told == bookings.sums(*edges), edges
        assert found.newest_s == bookings.seconds[-1]
    assert len(spent) >= 30


async def test_of_a_thing_that_nobody_booked_there_is_nobody(psd: Runtime) -> None:
    found = await ColumnReader(psd.store).everybody(THING, BEGIN_S, BEGIN_S + 9, lambda _: None)
    assert (len(found.uids), found.newest_s) == (0, None)


@pytest.mark.usefixtures("_sizes")
async def test_a_sum_is_of_one_moment_while_others_book(
    psd: Runtime, redis_server: RedisServer
) -> None:
    bookings = Bookings(owners=300, number=6_000)
    await psd.store.placed()
    partitions = psd.store.partitions
    ColumnWriter(redis_server.sync_client(), partitions, THING).write(
        bookings.seconds, bookings.uids, bookings.values
    )
    roots = [columns_root(partitions.tag(each), THING) for each in range(partitions.count)]
    client = redis_server.client()
    script = client.register_script(SHIFT)
    start, end = unit_start("201603") + 3_000, unit_start("201605") + 30 * DAY_S
    columns, rng = ColumnReader(psd.store), random.Random(5)
    expected = bookings.sums(start, end)

    is_over = asyncio.Event()

    async def shift() -> None:
        while not is_over.is_set():
            await script(keys=[rng.choice(roots)], args=[rng.randrange(60), 90_000, 7])

    shifting = asyncio.create_task(shift())
    try:
        for _ in range(20):
            found = await columns.everybody(THING, start, end, lambda _: None)
            told = dict(zip(found.uids.tolist(), found.values.tolist(), strict=True))
            assert told == expected
            assert not shifting.done()
    finally:
        is_over.set()
        await shifting
        await client.aclose()


async def test_a_board_of_too_much_is_refused_before_it_is_read(
    psd: Runtime, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bookings = Bookings(owners=40, number=500)
    await psd.store.placed()
    ColumnWriter(redis_server.sync_client(), psd.store.partitions, THING).write(
        bookings.seconds, bookings.uids, bookings.values
    )
    read: list[object] = []
    monkeypatch.setattr(column_pieces.PartitionRead, "add_pieces", read.append)

    def refuse(size: int) -> None:
        raise TooLargeError(f"{size} bytes")

    with pytest.raises(TooLargeError):
        await ColumnReader(psd.store).everybody(THING, BEGIN_S, BEGIN_S + 9, refuse)
    assert read == []


@pytest.mark.usefixtures("_sizes")
@pytest.mark.parametrize("level", ["year_s", "second_s"])
async def test_a_lifetime_that_another_process_has_since_given_ends_the_columns(
    psd: Runtime, redis_server: RedisServer, level: str
) -> None:
    events = [report(5, BEGIN_S + n, uid=n % 300, aid=n) for n in range(900)]
    await psd.engine.book(events)
    range_ = Range(BEGIN_S, BEGIN_S + 300)
    assert await psd.engine.everybody(1, range_, lambda _: None) is not None
    client = redis_server.sync_client()
    client.sadd("psd:retention", "week_s")
    assert await psd.engine.everybody(1, range_, lambda _: None) is not None
    client.sadd("psd:retention", level)
    assert await psd.engine.everybody(1, range_, lambda _: None) is None
    client.close()
