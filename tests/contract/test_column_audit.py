"""The audit of columns: silent where they are right, and one repair makes them so."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Literal

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from psd.audit.column_sweep import ColumnSweep
from psd.audit.layout import Limits
from psd.audit.sweep import Auditor, lifetimes_of
from psd.config import Thing
from psd.runtime import Runtime
from tests.support.draws.random_reports import random_reports
from tests.support.engine import NOON_S, engine_on, report
from tests.support.scripts.partition_calls import PartitionCalls, checked_columns
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.held_columns import columns_of
from tests.support.stored.keyspace import contents

UIDS = (7, -7, 0, 1503960366, 2**63 - 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("columns")) as server:
        yield server


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[Redis]:
    server.flush()
    async with server.client() as client:
        yield client


@asynccontextmanager
async def booked(server: RedisServer, client: Redis, seed: int) -> AsyncIterator[Runtime]:
    """A store of four owners; some have more bookings in a month than its log takes."""
    async with engine_on(server.url) as psd:
        rng, calls, sent = random.Random(seed), PartitionCalls(client), []
        for uid in rng.sample(UIDS, 4):
            sent += random_reports(rng, uid)
        if seed % 3 == 0:
            sent += [report(1, NOON_S + at, aid=at, uid=77) for at in range(1_500)]
        for start in range(0, len(sent), 100):
            await calls.book(sent[start : start + 100])
        await calls.withdraw(sent[0].uid, sent[0].aid)
        yield psd


async def found(psd: Runtime, *, repair: bool, boards: bool | Literal["day"] = True) -> list[str]:
    """What an audit of everything tells."""
    things = {"steps": Thing(1, boards=boards), "calories": Thing(2, boards=boards)}
    settings = replace(psd.settings, things=things) if boards is not True else psd.settings
    lane = psd.store.new_lane()
    try:
        auditor = Auditor(lane, settings, await lifetimes_of(lane, settings), Limits())
        columns, told = ColumnSweep(lane, auditor.columns, None), []
        async for each in columns.keys(repair=repair):
            told += each.differences
        owners: dict[str, list[str]] = defaultdict(list)
        for key in [key.decode() async for key in psd.store.client.scan_iter("psd:{*")]:
            if ":k:" not in key and not key.endswith(":log"):
                root, uid, thing, suffix = key.removeprefix("psd:").split(":", 3)
                owners[f"psd:{root}:{uid}:{thing}:"].append(suffix)
        for prefix, suffixes in owners.items():
            told += (await auditor.audit(prefix, suffixes, repair)).differences
        async for each in columns.places(repair=repair):
            told += each.differences
        return [str(each) for each in told]
    finally:
        await lane.close()


async def damage(client: Redis, rng: random.Random) -> None:
    """Spoil some columns: gone, cut within a number, other numbers, a record less."""
    names = [key async for key in client.scan_iter("psd:columns:{*") if b"changes" not in key]
    for name in rng.sample(sorted(names), min(len(names), 4)):
        held = await client.get(name)
        spoilt = rng.choice(
            [None, held + b"abc", bytes(4) + held[4:], held[:-8], rng.randbytes(len(held) // 2)]
        )
        await (client.delete(name) if not spoilt else client.set(name, spoilt))


@pytest.mark.parametrize("seed", range(9))
async def test_one_repair_makes_columns_of_any_damage_what_is_booked(
    server: RedisServer, client: Redis, seed: int
) -> None:
    async with booked(server, client, seed) as psd:
        assert await found(psd, repair=False) == []
        await damage(client, random.Random(seed))
        assert await found(psd, repair=True)
        assert await found(psd, repair=False) == []
        await checked_columns(client)


async def test_columns_that_are_not_there_are_made_of_what_is_booked(
    server: RedisServer, client: Redis
) -> None:
    async with booked(server, client, 3) as psd:
        names = [key async for key in client.scan_iter("psd:columns:{*")]
        await client.unlink(*names)
        assert await found(psd, repair=True)
        await checked_columns(client)
        await PartitionCalls(client).book([report(uid=77, aid=9_999), report(uid=78)])
        await checked_columns(client)


async def test_a_repair_makes_what_boards_are_set_to(server: RedisServer, client: Redis) -> None:
    async with booked(server, client, 1) as psd:
        before = await contents(client)
        assert await found(psd, repair=True, boards="day")
        assert not [key async for key in client.scan_iter("psd:columns:{p0}:*:l:*")]
        by_day = columns_of(await contents(client))
        assert {root: {*told} for root, told in by_day.items()} == {
            root: {*told} for root, told in columns_of(before).items()
        }
        assert await found(psd, repair=True, boards=False)
        assert not [key async for key in client.scan_iter("psd:columns:{*")]
        assert await found(psd, repair=True)
        await checked_columns(client)


async def test_a_position_whose_owner_is_gone_is_nobodys(
    server: RedisServer, client: Redis
) -> None:
    async with booked(server, client, 3) as psd:
        gone = [key async for key in client.scan_iter("psd:{p0}:77:*")]
        await client.unlink(*gone)
        told = await found(psd, repair=True)
        assert [each for each in told if "should be nobody" in each]
        await checked_columns(client)
        assert await found(psd, repair=False) == []


async def test_a_key_of_another_type_is_told_and_nothing_written(
    server: RedisServer, client: Redis
) -> None:
    async with booked(server, client, 1) as psd:
        [name, *_] = sorted([key async for key in client.scan_iter("psd:columns:{p0}:1:m:*")])
        await client.unlink(name)
        await client.rpush(name, "foreign")
        [told] = await found(psd, repair=True)
        assert "a key of another type" in told
        assert await client.lrange(name, 0, -1) == [b"foreign"]
