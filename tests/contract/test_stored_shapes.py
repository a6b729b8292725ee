"""Stores of every version there was: read right or refused, and brought to today's shape.

tests/golden/stores has what each wrote; tests/support/stored/stored_shapes.py says which they are.
"""

from __future__ import annotations

import asyncio
import re

import pytest
from click.testing import CliRunner

from psd.cli.main import psd as command
from psd.engine.plan import Range
from psd.errors import ConfigError, UnfitStoreError
from psd.queries.requests import LeaderboardQuery
from psd.rewards.part import RewardsPart
from psd.rewards.weeks import week_of
from psd.runtime import Runtime
from psd.store import takeover
from psd.store.keys import SCHEMA_VERSION, SCHEMAS_BEFORE
from tests.support.engine import EVER, engine_on
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.audits import verified
from tests.support.stored.stored_history import (
    DAY_S,
    HOUR_S,
    NOON_S,
    WEEK_S,
    WRITTEN_AT_S,
    book,
    more,
    write_history,
)
from tests.support.stored.stored_shapes import (
    FOLDER,
    SHAPES,
    Shape,
    Stored,
    change_between,
    held_by,
    restore,
    stored,
)
from tests.support.waiting import wait_until

NAMES = [shape.name for shape in SHAPES]
READ = [shape for shape in SHAPES if not shape.misread]
MISREAD = [shape for shape in SHAPES if shape.misread]

RANGES = [
    *(Range(NOON_S - 401 * DAY_S, NOON_S + days * DAY_S) for days in (-390, 0, 1, 7, 40, 400)),
    *(Range(NOON_S + 7, NOON_S + 7 + length_s) for length_s in (1, 23, 24, 60, HOUR_S, 9 * DAY_S)),
    *(Range(NOON_S + at * HOUR_S, NOON_S + 141 * HOUR_S) for at in (0, 1, 70, 128)),
    *(Range(NOON_S + n * DAY_S - HOUR_S * 17, NOON_S + n * DAY_S + HOUR_S * 31) for n in range(20)),
]
OWNERS = (1, 2, 3, 4, 6)
"""Owner 7 withdrew, which the first versions could not."""

MARKERS_BEFORE_1_2 = "psd:{1}:k:"
"""Until then the mark of an increment's id did not depend on its thing."""


pytestmark = pytest.mark.psd(now_s=WRITTEN_AT_S)


async def fill(server: RedisServer, name: str) -> None:
    """Make the store one of that shape."""
    server.flush()
    async with server.client() as client:
        await restore(client, name)


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


async def today(psd: Runtime) -> dict[str, object]:
    """The same of a store that was written today; the store is empty again."""
    await write_history(psd)
    told = await answers(psd)
    await psd.store.client.flushdb()
    return told


def differing(held: Stored, wanted: Stored) -> list[str]:
    """Keys that hold something else."""
    return [key for keys in change_between(held, wanted).values() for key in keys]


def differing_owners(held: Stored, wanted: Stored, *but: str) -> list[str]:
    """The same of keys with bookings; of what was decided nothing is computed anew."""
    decided = ("psd:rewards", "psd:board", "psd:decisions")
    return [key for key in differing(held, wanted) if not key.startswith((*decided, *but))]


async def test_what_is_written_is_what_its_version_says(psd: Runtime) -> None:
    await write_history(psd)
    differ = differing(stored(SCHEMA_VERSION), await held_by(psd.store.client))
    assert not differ, (
        f"{len(differ)} keys are written otherwise than psd:schema {SCHEMA_VERSION} says, as "
        f"{differ[:3]}: raise SCHEMA_VERSION (tests/support/stored/write_stored_shapes.py says "
        "how), or keep the bytes"
    )


def test_every_version_has_a_fixture_and_the_newest_is_todays() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(NAMES)
    assert SHAPES[-1].says == SCHEMA_VERSION
    assert {shape.says for shape in SHAPES} == {*SCHEMAS_BEFORE, SCHEMA_VERSION}


@pytest.mark.parametrize("shape", READ, ids=lambda shape: shape.name)
async def test_a_store_is_read_right(
    shape: Shape, engine_server: RedisServer, psd: Runtime
) -> None:
    wanted = await today(psd)
    await fill(engine_server, shape.name)
    async with engine_on(engine_server.url) as opened:
        assert await opened.store.client.get("psd:schema") == SCHEMA_VERSION.encode()
        assert await answers(opened) == wanted


@pytest.mark.parametrize("shape", MISREAD, ids=lambda shape: shape.name)
async def test_a_store_that_would_be_misread_is_refused_with_what_to_do(
    shape: Shape, engine_server: RedisServer
) -> None:
    await fill(engine_server, shape.name)
    with pytest.raises(ConfigError) as refusal:
        async with engine_on(engine_server.url):
            pass
    said = str(refusal.value)
    assert f"psd:schema: the store holds version {shape.says}, and psd:" in said
    assert re.search(shape.misread, said)
    assert "run `psd verify --repair`" in said
    assert engine_server.ask("GET", "psd:schema") == shape.says.encode()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
async def test_a_repair_brings_a_store_to_the_bytes_of_today(
    shape: Shape, engine_server: RedisServer, redis_url: str
) -> None:
    await fill(engine_server, shape.name)
    done = await verified(redis_url, "--repair", "--rate", "0")
    assert done.exit_code == 0, done.output
    wanted = stored("1.4") if not shape.has_index else stored(SCHEMA_VERSION)
    async with engine_server.client() as client:
        held = await held_by(client)
        assert await client.get("psd:schema") == SCHEMA_VERSION.encode()
        if not shape.has_index:
            # What today's psd makes of the oldest one that it reads.
            await fill(engine_server, "1.4")
            assert (await verified(redis_url, "--repair", "--rate", "0")).exit_code == 0
            wanted = await held_by(client)
    lost = () if shape.name > "1.1" else (MARKERS_BEFORE_1_2,)
    assert differing_owners(held, wanted, *lost) == []
    assert "clean" in (await verified(redis_url, "--rate", "0")).output


@pytest.mark.parametrize("shape", READ[1:], ids=lambda shape: shape.name)
async def test_what_is_booked_on_moves_what_it_meets(
    shape: Shape, engine_server: RedisServer, psd: Runtime
) -> None:
    await write_history(psd)
    await book(psd, more())
    wanted = await held_by(psd.store.client)
    await fill(engine_server, shape.name)
    async with engine_on(engine_server.url) as opened:
        await book(opened, more())
        held = await held_by(opened.store.client)
    met = [key for key in differing_owners(held, wanted) if not key.endswith(":y")]
    assert met == []


async def test_boards_finals_and_rewards_of_before_are_read(engine_server: RedisServer) -> None:
    await fill(engine_server, "1.7")
    async with engine_on(engine_server.url) as psd:
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


MONTH_OF_129 = b"@" + b"".join(b"\0\0%c\0%c\1" % (n, n) for n in range(129))

OLDER = [
    (("HSET", "psd:{9}:1:i:-24", "-302", "2:2"), "an issuance week in a key of its own"),
    (("HSET", "psd:{9}:1:y", "2016", "9:2", "2016:0", "9:2"), "2016:0 with a count of its own"),
    (("SET", "psd:c:{n}:0:l:201604", MONTH_OF_129), "129 bookings in the leaf of a month"),
    (("HSET", "psd:{9}:1:d:201604", "12", "9", "12:0", "9"), "12:0 of a type among the days"),
]
"""Each thing that the first shapes had otherwise, alone in a store of the version before."""


@pytest.mark.parametrize(("command", "said"), OLDER, ids=[each[1] for each in OLDER])
async def test_one_key_of_a_first_shape_is_enough(
    command: tuple[bytes | str, ...], said: str, engine_server: RedisServer
) -> None:
    await fill(engine_server, "2.1")
    engine_server.ask(*command)
    with pytest.raises(ConfigError, match=f"{re.escape(str(command[1]))}: .*{said}"):
        async with engine_on(engine_server.url):
            pass


async def test_a_store_without_a_version_is_looked_through_as_well(
    engine_server: RedisServer,
) -> None:
    await fill(engine_server, "1.3")
    engine_server.ask("DEL", "psd:schema")
    with pytest.raises(ConfigError, match="the store holds no version, and psd:"):
        async with engine_on(engine_server.url):
            pass
    assert engine_server.ask("GET", "psd:schema") is None


async def test_a_store_that_is_too_large_to_be_looked_through_is_refused(
    engine_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(engine_server, "1.7")
    monkeypatch.setattr(takeover, "KEYS_MAX", 20)
    with pytest.raises(ConfigError, match=r"more than 20 keys .* `psd verify --repair`"):
        async with engine_on(engine_server.url):
            pass
    assert (await verified(engine_server.url, "--repair", "--rate", "0")).exit_code == 0
    async with engine_on(engine_server.url):
        pass


async def test_a_running_process_looks_through_the_store_that_it_meets(
    engine_server: RedisServer, psd: Runtime
) -> None:
    """It may have been started before the server was: then nothing else looks."""
    await fill(engine_server, "1.7")
    psd.store.standing.doubt()

    async def is_read() -> bool:
        try:
            return await psd.engine.sums([2], [1], [EVER]) != []
        except UnfitStoreError:
            return False

    await wait_until("the store is taken over", is_read)
    assert engine_server.ask("GET", "psd:schema") == SCHEMA_VERSION.encode()


async def test_a_running_process_tells_why_it_does_not_take_a_store_over(
    engine_server: RedisServer, psd: Runtime
) -> None:
    await fill(engine_server, "1.3")
    psd.store.standing.doubt()

    async def is_told() -> bool:
        return "psd verify --repair" in (await psd.store.readiness()).get("schema", "")

    await wait_until("readiness tells the shape", is_told)
    assert engine_server.ask("GET", "psd:schema") == b"1"


async def test_doctor_takes_a_store_over_or_says_why_not(
    engine_server: RedisServer, redis_url: str
) -> None:
    for name, said in (("1.7", "store.schema"), ("1.3", "run `psd verify --repair`")):
        await fill(engine_server, name)
        arguments = ["--set", f"redis.url={redis_url}", "doctor"]
        done = await asyncio.to_thread(CliRunner().invoke, command, arguments)
        assert said in done.output
        assert ("UNFIT" in done.output) == (name == "1.3")


async def test_a_repair_of_a_part_does_not_make_a_store_one_of_today(
    engine_server: RedisServer, redis_url: str
) -> None:
    await fill(engine_server, "1.3")
    for part in (["2"], ["--thing", "steps"]):
        assert (await verified(redis_url, *part, "--repair", "--rate", "0")).exit_code == 0
        assert engine_server.ask("GET", "psd:schema") == b"1"
    assert (await verified(redis_url, "--rate", "0")).exit_code == 1
    assert engine_server.ask("GET", "psd:schema") == b"1"
