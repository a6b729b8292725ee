"""``psd migrate``: stores of every version, and of other partitions, become one of today.

tests/golden/stores has what each version wrote; tests/support/stored/stored_shapes.py says which
they are. The third part of a test's store is never written: it is the one that is moved.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from psd.clock import ManualClock
from psd.engine.plan import Range
from psd.errors import ConfigError
from psd.queries.requests import LeaderboardQuery
from psd.rewards.part import RewardsPart
from psd.rewards.weeks import week_of
from psd.runtime import Runtime
from psd.store.keys import PARTITIONS_KEY, SCHEMA_VERSION
from tests.support.engine import engine_on
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.audits import verified
from tests.support.stored.migrating import moved
from tests.support.stored.stored_history import (
    DAY_S,
    HOUR_S,
    NOON_S,
    WEEK_S,
    WRITTEN_AT_S,
    write_history,
)
from tests.support.stored.stored_shapes import (
    SHAPES,
    Shape,
    Stored,
    change_between,
    stored,
)
from tests.support.stored.whole_stores import fill, held

pytestmark = pytest.mark.one_server(
    "tests/integration/cluster/test_migrating.py is about a cluster"
)

BEFORE = SHAPES[:-1]
RANGES = [
    *(Range(NOON_S - 401 * DAY_S, NOON_S + days * DAY_S) for days in (-390, 0, 1, 7, 40, 400)),
    *(Range(NOON_S + 7, NOON_S + 7 + length_s) for length_s in (1, 23, 24, 60, HOUR_S, 9 * DAY_S)),
    *(Range(NOON_S + at * HOUR_S, NOON_S + 141 * HOUR_S) for at in (0, 1, 70, 128)),
    *(Range(NOON_S + n * DAY_S - HOUR_S * 17, NOON_S + n * DAY_S + HOUR_S * 31) for n in range(20)),
]
OWNERS = (1, 2, 3, 4, 6)
"""Owner 7 withdrew, which the first versions could not."""


MARKERS_BEFORE_1_2 = "psd:{p0}:1:k:"
"""Until then the mark of an increment's id did not depend on its thing."""


def buckets(held: Stored) -> Stored:
    """What is held of owners and counts, without columns and places in them."""
    others = ("psd:columns", "psd:rewards", "psd:board", "psd:decisions")
    kept: Stored = {}
    for kind, keys in held.items():
        for key, content in keys.items():
            if not key.startswith(others):
                fields = isinstance(content, dict) and {
                    f: v for f, v in content.items() if f != "at"
                }
                kept.setdefault(kind, {})[key] = fields or content
    return kept


def differing(one: Stored, other: Stored, *but: str) -> list[str]:
    """Keys that hold something else."""
    changed = change_between(buckets(one), buckets(other))
    return [key for keys in changed.values() for key in keys if not key.startswith(but)]


async def answers(psd: Runtime) -> dict[str, object]:
    """What the owners' bookings come to, by everything that reads them."""
    told: dict[str, object] = {}
    for atid in (None, 0, 1, 2):
        for at, asked in enumerate(RANGES):
            found = await psd.engine.sums(OWNERS, [1, 2], [asked] * len(OWNERS), atid=atid)
            told[f"sums of atid {atid} in {asked}, {at}"] = [each.sums for each in found]
    for asked in RANGES:
        listed = await psd.engine.sums(OWNERS, [1, 2], [asked] * len(OWNERS), activities=True)
        told[f"activities in {asked}"] = [each.activities for each in listed]
        told[f"activities 0 and 9 of 6 in {asked}"] = [
            await psd.engine.activity_sum(6, 1, aid, asked) for aid in (0, 9)
        ]
        counts = await psd.engine.counts(["hifive_1", "sel{f}"], asked)
        told[f"counts in {asked}"] = counts
    query = LeaderboardQuery(thing="calories", start=0, end=NOON_S + 900 * DAY_S)
    board = await psd.queries.leaderboard(query)
    told["everybody"] = [(place.uid, place.value, place.reached_at) for place in board.data]
    return told


@pytest.mark.parametrize("shape", BEFORE, ids=lambda shape: shape.name)
async def test_a_store_of_every_version_before_comes_to_the_bytes_of_today(
    shape: Shape, old: RedisServer, new: RedisServer
) -> None:
    await fill(old, shape.name)
    before = await held(old)
    await moved(old, new)
    wanted = stored(SCHEMA_VERSION)
    if not shape.has_index:
        # Some of the history they could not write: it is what today's psd makes of the oldest that
        # it reads.
        wanted = await of_the_first_that_could(old, new)
        await fill(old, shape.name)
        await moved(old, new)
    lost = () if shape.has_marks else (MARKERS_BEFORE_1_2,)
    assert differing(await held(new), wanted, *lost) == []
    assert await held(old) == before
    assert "0 differences" in (await verified(new.url, "--rate", "0")).output


async def of_the_first_that_could(old: RedisServer, new: RedisServer) -> Stored:
    """What becomes of a store of 1.4; both servers are empty again."""
    for server in (old, new):
        server.flush()
    await fill(old, "1.4")
    await moved(old, new)
    found = await held(new)
    for server in (old, new):
        server.flush()
    return found


@pytest.mark.parametrize("partitions", [1, 4, 64])
async def test_every_answer_of_a_store_of_fb34f31_is_that_of_a_store_of_today(
    partitions: int, old: RedisServer, new: RedisServer
) -> None:
    async with engine_on(old.url, clock=ManualClock(WRITTEN_AT_S)) as psd:
        await write_history(psd)
        wanted = await answers(psd)
    old.flush()
    await fill(old, "1.7")
    await moved(old, new, partitions)
    async with engine_on(new.url, clock=ManualClock(WRITTEN_AT_S)) as psd:
        assert psd.store.partitions.count == partitions
        assert await answers(psd) == wanted


async def test_a_store_gets_other_partitions_and_its_old_ones_again(
    old: RedisServer, new: RedisServer
) -> None:
    await fill(old, "3")
    await moved(old, new, 16)
    assert new.ask("GET", PARTITIONS_KEY) == b"16"
    assert not [key for key in new.ask("KEYS", "psd:{*") if key.startswith(b"psd:{p0}:")]
    old.flush()
    await moved(new, old, 1)
    assert differing(await held(old), stored(SCHEMA_VERSION)) == []


async def test_one_of_as_many_partitions_keeps_every_byte(
    old: RedisServer, new: RedisServer
) -> None:
    await fill(old, SCHEMA_VERSION)
    await moved(old, new)
    assert await held(new) == await held(old)


async def test_lifetimes_are_moved(old: RedisServer, new: RedisServer) -> None:
    await fill(old, "3")
    old.ask("EXPIRE", "psd:{1}:1:y", 1000)
    await moved(old, new)
    assert 990 < new.ask("TTL", "psd:{p0}:1:1:y") <= 1000
    assert new.ask("TTL", "psd:{p0}:2:1:y") == -1


async def test_one_that_is_killed_is_begun_anew(old: RedisServer, new: RedisServer) -> None:
    await fill(old, "3")
    environ = {**os.environ, "PSD_FAILPOINT": "migrated_page:1"}
    arguments = ["-m", "psd", "--set", f"redis.url={new.url}", "migrate", "--from", old.url]
    killed = await asyncio.to_thread(
        subprocess.run, [sys.executable, *arguments], env=environ, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert 10 < new.ask("DBSIZE") < old.ask("DBSIZE")
    with pytest.raises(ConfigError, match="the store is being filled from unix:"):
        async with engine_on(new.url):
            pass
    new.ask("SET", "psd:{p0}:99:1:y", "of the one that was killed")
    await moved(old, new)
    assert differing(await held(new), stored(SCHEMA_VERSION)) == []


async def test_boards_finals_and_rewards_of_before_are_moved(
    old: RedisServer, new: RedisServer
) -> None:
    await fill(old, "1.7")
    await moved(old, new)
    async with engine_on(new.url) as psd:
        assert await psd.boards.members("april") == [1, 2, 6]
        final = await psd.finals.read("april")
        assert [row.uid for row in final.data] == ["1", "2", "6"]
        [withdrawal] = await psd.engine.withdrawals(7, 9)
        assert (withdrawal.aid, withdrawal.by, withdrawal.note) == (2, "me", "twice")
        results, rows = await psd.part(RewardsPart).results.rows_of([7, 8, 2**40])
        week = week_of(WEEK_S)
        assert set(results) == {week}
        points = [rows[vehicle][week].points for vehicle in (7, 8, 2**40)]
        assert points == [1500, 4000, 6000]
        assert [each.note for each in await psd.part(RewardsPart).ledger.overrides()] == [
            "case 981"
        ]
        assert (await psd.part(RewardsPart).ledger.payouts([7], week))[7].tokens == "1000"
        assert set(await psd.part(RewardsPart).ledger.blacklist()) == {"0"}
