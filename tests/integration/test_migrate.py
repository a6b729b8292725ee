"""``psd migrate``: stores of every version, and of other partitions, become one of today.

tests/golden/stores has what each version wrote; tests/support/stored/stored_shapes.py says which
they are. The third part of a test's store is never written: it is the one that is moved.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from click.testing import CliRunner, Result

from psd.cli.main import psd as command
from psd.clock import ManualClock
from psd.engine.plan import Range
from psd.errors import ConfigError
from psd.queries.requests import LeaderboardQuery
from psd.rewards.part import RewardsPart
from psd.rewards.weeks import week_of
from psd.runtime import Runtime
from psd.store import filling, migration
from psd.store.keys import MIGRATION_KEY, PARTITIONS_KEY, SCHEMA_VERSION
from tests.support.engine import engine_on
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.audits import verified
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
    held_by,
    restore,
    stored,
)

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


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Two for all of these tests."""
    with ExitStack() as running:
        folders = [tmp_path_factory.mktemp(name) for name in ("old", "new")]
        old, new = (running.enter_context(RedisServer(folder)) for folder in folders)
        yield old, new


@pytest.fixture
def old(servers: tuple[RedisServer, RedisServer]) -> RedisServer:
    """The server that is moved, empty."""
    servers[0].flush()
    return servers[0]


@pytest.fixture
def new(servers: tuple[RedisServer, RedisServer]) -> RedisServer:
    """The server that it is moved into, empty."""
    servers[1].flush()
    return servers[1]


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process works with these stores, so that nobody has to see a note."""
    monkeypatch.setattr(filling, "SETTLES_S", 0.0)


async def fill(server: RedisServer, name: str) -> None:
    """Make the store one of that shape."""
    async with server.client() as client:
        await restore(client, name)


async def migrate(old: RedisServer, new: RedisServer, *words: str, partitions: int = 0) -> Result:
    """What the command says."""
    flags = ["--set", f"redis.url={new.url}", "--set", f"redis.partitions={partitions}"]
    arguments = [*flags, "migrate", "--from", old.url, *words]
    return await asyncio.to_thread(CliRunner().invoke, command, arguments)


async def moved(old: RedisServer, new: RedisServer, partitions: int = 0) -> None:
    """Move it, and find it whole."""
    done = await migrate(old, new, partitions=partitions)
    assert done.exit_code == 0, done.output
    assert new.ask("EXISTS", MIGRATION_KEY) == 0


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


async def held(server: RedisServer) -> Stored:
    """All that a store holds."""
    async with server.client() as client:
        return await held_by(client)


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


async def test_a_dry_run_counts_and_writes_nothing(old: RedisServer, new: RedisServer) -> None:
    await fill(old, "3")
    done = await migrate(old, new, "--dry-run", partitions=4)
    assert done.exit_code == 0
    assert "from version 3 to version 4 of 4: columns of boards are made anew" in done.output
    counts = re.findall(r"[\d,]+(?= keys would be moved)|[\d,]+(?= left out)", done.output)
    assert sum(map(int, counts)) == old.ask("DBSIZE")
    assert "of a partition (4)" in done.output
    assert new.ask("DBSIZE") == 0


async def test_a_dry_run_is_also_told_as_json(old: RedisServer, new: RedisServer) -> None:
    await fill(old, SCHEMA_VERSION)
    found = json.loads((await migrate(old, new, "--dry-run", "--json")).output)
    assert (found["version"], found["partitions"]) == (SCHEMA_VERSION, 1)
    assert (found["to_version"], found["to_partitions"]) == (SCHEMA_VERSION, 1)
    assert (found["tagged"], found["makes_columns"]) == (0, False)
    assert found["keys"] + found["left"] == old.ask("DBSIZE")
    assert (await migrate(old, new, "--json")).exit_code == 2


async def test_a_dry_run_says_whether_there_is_room(old: RedisServer, new: RedisServer) -> None:
    await fill(old, "3")
    new.ask("SET", "psd:{p0}:7:1:y", "x")
    done = await migrate(old, new, "--dry-run")
    assert done.exit_code == 78
    assert "the store is not empty: it has psd:{p0}:7:1:y" in done.output
    assert new.ask("DBSIZE") == 1


async def test_a_store_that_has_something_is_left_as_it_is(
    old: RedisServer, new: RedisServer
) -> None:
    await fill(old, "3")
    await fill(new, SCHEMA_VERSION)
    before = await held(new)
    done = await migrate(old, new)
    assert done.exit_code == 78
    assert "redis.url: the store is not empty: it has psd:" in done.output
    assert await held(new) == before


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("psd:schema", "5", "start a psd that is as new"),
        (PARTITIONS_KEY, "x", "does not hold its partitions"),
        (MIGRATION_KEY, "redis://10.0.0.7:6379/0", "is being filled from redis://10.0.0.7"),
    ],
)
async def test_what_cannot_be_moved_is_refused(
    key: str, value: str, said: str, old: RedisServer, new: RedisServer
) -> None:
    await fill(old, SCHEMA_VERSION)
    old.ask("SET", key, value)
    done = await migrate(old, new)
    assert done.exit_code == 78
    assert said in done.output
    assert new.ask("DBSIZE") == 0


async def test_a_store_is_not_moved_into_itself(old: RedisServer) -> None:
    done = await migrate(old, old)
    assert done.exit_code == 78
    assert "is redis.url" in done.output


async def test_a_store_that_is_written_to_meanwhile_is_not_taken_for_whole(
    old: RedisServer, new: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(old, "3")
    monkeypatch.setattr(migration, "reach", lambda _: old.ask("SADD", "psd:owners:{o1}:1", "1"))
    done = await migrate(old, new)
    assert done.exit_code == 75
    assert "stop every psd on it" in done.output
    assert new.ask("EXISTS", MIGRATION_KEY) == 1


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
