"""Columns as the scripts leave them, against the bookings of the same owners."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgpack
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from psd.engine.booking import LEVELS
from psd.engine.events import Report
from psd.store import scripts
from psd.store.scripts import load_script
from tests.support.draws.random_reports import random_reports, shuffled_with_repeats
from tests.support.engine import DAY_S, NOON_S, report
from tests.support.scripts.partition_calls import PartitionCalls, checked_columns
from tests.support.scripts.small_leaves import small_lua_folder
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.held_columns import cells, columns_of
from tests.support.stored.keyspace import contents

FOR_EVER = dict.fromkeys(LEVELS, 0)
UIDS = (7, -7, 0, 1503960366, 2**63 - 1, -(2**63) + 1, 2**53 + 1, -(2**32), 999_999)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("columns")) as server:
        yield server


@pytest.fixture
async def client(server: RedisServer) -> AsyncIterator[Redis]:
    server.flush()
    async with server.client() as client:
        yield client


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripts in which a few bookings fill a leaf, and a log of a month or a day."""
    folder = small_lua_folder(tmp_path)
    monkeypatch.setattr(scripts, "lua_folder", lambda: folder)


@pytest.mark.parametrize("seed", range(12))
async def test_columns_say_what_is_booked_whatever_comes_in_whatever_order(
    client: Redis, seed: int, request: pytest.FixtureRequest
) -> None:
    if seed % 2:
        request.getfixturevalue("small")
    rng, psd = random.Random(seed), PartitionCalls(client)
    sent = []
    for uid in rng.sample(UIDS, 4):
        sent += shuffled_with_repeats(rng, random_reports(rng, uid))
    corrected = [
        Report(r.thing, r.uid, r.atid, r.aid, r.value + 1, r.ts1, r.ts2) for r in sent[::5]
    ]
    sent += corrected
    rng.shuffle(sent)
    for start in range(0, len(sent), 17):
        await psd.book(sent[start : start + 17])
    await checked_columns(client)
    for each in rng.sample(sent, 4):
        await psd.withdraw(each.uid, each.aid, reports=rng.choice((2, 200)))
        await checked_columns(client)


async def test_a_uid_of_any_size_has_its_eight_bytes(client: Redis) -> None:
    await PartitionCalls(client).book([report(uid=uid) for uid in UIDS])
    column = await client.get("psd:columns:{p0}:1:owners")
    assert sorted(cells(column)) == sorted(UIDS)


async def test_a_call_that_changes_nothing_writes_no_column(client: Redis) -> None:
    psd = PartitionCalls(client)
    await psd.book([report()])
    before = await contents(client)
    assert await psd.book([report()]) == [0]
    assert await contents(client) == before
    assert before["psd:columns:{p0}:1:changes"] == b"1"


async def test_a_full_log_goes_on_by_day_and_then_by_hour(client: Redis) -> None:
    psd, sent = PartitionCalls(client), 0
    for start in range(0, 2_000, 200):
        batch = [report(1, NOON_S + at, aid=at) for at in range(start, start + 200)]
        sent += sum(await psd.book(batch))
    assert sent == 2_000
    lengths = {
        label: await client.strlen(f"psd:columns:{{p0}}:1:l:{label}") // 16
        for label in ("201604", "20160412", "2016041212")
    }
    assert lengths == {"201604": 1_200, "20160412": 400, "2016041212": 400}
    await checked_columns(client)


async def test_differences_past_what_a_double_holds_are_exact(client: Redis) -> None:
    most = 2**53 - 1
    psd = PartitionCalls(client)
    await psd.book([report(-most)])
    assert await psd.book([report(0), report(most)]) == [1, 1]
    told = await checked_columns(client)
    assert told["psd:columns:{p0}:1"][1].booked == {NOON_S: most}


async def test_counts_have_no_columns(client: Redis) -> None:
    source, one = load_script("engine.book").source, b"\x00"
    packed = msgpack.packb([[0, one, one, 1, 5, 5, b"12345678"]], use_bin_type=False)
    lifetimes = b"".join(map(msgpack.packb, [0, 0, 0, 0, 0, 0, 60, {}]))
    await client.eval(source, 1, "psd:c:{visits}", packed, lifetimes)
    assert not await client.keys("psd:columns:*")


@pytest.mark.parametrize(
    ("lifetimes", "modes", "kinds"),
    [
        ({}, {}, {"y", "m", "l"}),
        ({}, {"1": "day"}, {"y", "m", "d"}),
        ({}, {"1": "none"}, None),
        ({"year_s": 900, "month_s": 900, "day_s": 900, "second_s": 900}, {}, None),
        ({"year_s": -1}, {}, None),
        ({"month_s": 900, "day_s": 900, "second_s": 900}, {}, {"y"}),
        ({"second_s": 900}, {}, {"y", "m"}),
        ({"day_s": -1}, {"1": "day"}, {"y", "m"}),
    ],
)
async def test_columns_are_as_fine_as_what_is_kept_for_ever(
    client: Redis, lifetimes: dict[str, int], modes: dict[str, str], kinds: set[str] | None
) -> None:
    await PartitionCalls(client, modes, **lifetimes).book(
        [report(), report(ts2=NOON_S + DAY_S, aid=4)]
    )
    found = {key.decode().split(":")[4] for key in await client.keys("psd:columns:*")}
    always = {"owners", "count", "newest", "changes"}
    assert found == (always | kinds if kinds is not None else set())


async def test_days_hold_everything_where_boards_go_by_the_day(client: Redis) -> None:
    psd = PartitionCalls(client, {"1": "day"})
    for start in range(0, 1_500, 150):
        await psd.book([report(1, NOON_S + at * 300, aid=at) for at in range(start, start + 150)])
    [told] = columns_of(await contents(client)).values()
    assert sum(told[1].booked.values()) == 1_500
    assert all(second % DAY_S == 0 for second in told[1].booked)


@pytest.mark.parametrize("at", ["1", "-1", "x", "0.5", "1e40", ""])
async def test_a_position_that_is_none_is_refused(client: Redis, at: str) -> None:
    psd = PartitionCalls(client)
    await psd.book([report()])
    await client.hset("psd:{p0}:1:1:y", "at", at)
    before = await contents(client)
    with pytest.raises(ResponseError, match="no position"):
        await psd.book([report(aid=9)])
    assert await contents(client) == before
