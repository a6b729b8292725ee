"""Every key that the scripts write is in the catalogue, with its type; reads write nothing."""

from __future__ import annotations

import random

from msgspec.structs import replace
from redis.asyncio import Redis

from psd.access.pages.page_users import PageUsers
from psd.access.pages.sessions import FORM, Sessions
from psd.access.pages.sign_ins import SignIns
from psd.engine.events import Withdrawal
from psd.engine.plan import ISSUANCE_START_S, Range
from psd.operations.audit_runs import AuditRuns
from psd.operations.auditing import Orders
from psd.operations.deeds_log import DeedsLog
from psd.queries.boards.board_windows import FixedWindow
from psd.queries.boards.definitions import Definition
from psd.queries.requests import LeaderboardQuery
from psd.rewards.keys import rewards_key
from psd.rewards.part import RewardsPart
from psd.rewards.vehicle_events import VehicleChange
from psd.runtime import Runtime
from psd.store.keys import (
    MIGRATION_KEY,
    SCHEMA_VERSION,
    boards_key,
    catalogue,
    decisions_key,
    kind_of,
)
from psd.users import user_of
from tests.support.draws.random_reports import random_reports
from tests.support.engine import EVER, NOON_S, book, count, increment, report
from tests.support.rewards.decisions import Deed, a_computed_week, perform
from tests.support.rewards.reward_job import Fleet
from tests.support.scripts.payment_scene import payments
from tests.support.scripts.plug_scene import plugs
from tests.support.scripts.script_calls import joi_batch, ledger_of_swaps, meters, money
from tests.support.stored.keyspace import contents


async def book_every_kind(psd: Runtime) -> None:
    """Events that need a key of each kind: a dense hour and second, a long activity, markers."""
    reports = [report(n + 1, NOON_S + n * 5, aid=n) for n in range(700)]
    long = [report(n, NOON_S + n * 400, ts1=NOON_S, uid=2, aid=-9) for n in range(30)]
    await book(psd, [*reports, *long, increment("i1", uid=3), count("m1", name="a}:{b")])
    await book(psd, [report(n, uid=6, aid=n) for n in range(1, 600)])
    await book(psd, random_reports(random.Random(5), uid=-4))
    await book(psd, [report(uid=5), Withdrawal(5, 3, (1, 2), "twice", "me", NOON_S)])
    await psd.engine.book([report(uid=8)], fences={8: ("rides", 17)})
    alice = replace(report(uid=user_of("alice@example.com")), name="alice@example.com")
    await book(psd, [alice])


async def book_vehicles(psd: Runtime) -> None:
    """What is said of vehicles, and activity of a week that the weekly job has begun."""
    await psd.store.writes.call(("SET", rewards_key("begun"), 5))
    said: dict[str, str | int | bool | tuple[int, ...] | None] = {"owner": "a}:{b", "vin": "A"}
    activity = report(1, ISSUANCE_START_S, uid=7, thing=6)
    await psd.books.book([VehicleChange(1, 7, said), VehicleChange(1, 8, said), activity])


async def compute_a_week(psd: Runtime) -> None:
    """A week of two vehicles, a payout, an owner who is barred and a streak that is set by hand."""
    await a_computed_week(Fleet(psd))
    for kind in ("pay", "bar", "override"):
        await perform(psd, Deed(kind, 0, "a", "a-1"))


OF_A_RUNNING_JOB = {"run", "job lock", "garbage"}
"""They end with the job (tests/integration/test_rewards_job_broken.py)."""

OF_SITES = {"turns"}
"""Whose turn a part of the sites is stands for 3 s (psd/charging/plugs/plug_clock.py)."""


async def keep_boards(psd: Runtime) -> None:
    """A board with members and a final, and what is left of a removal and a change half-way."""
    definition = Definition(thing="steps", window=FixedWindow(NOON_S, NOON_S + 9))
    await psd.boards.put("a.b-c_1", definition, "me", members=[1, 2])
    await psd.finals.declare("a.b-c_1", "me")
    await psd.store.writes.call(("SADD", boards_key("dropped"), "gone:0123456789abcdef"))
    members = f"{(await psd.boards.get('a.b-c_1')).root}:members"
    await psd.store.writes.call(("SET", f"{members}:unchanged", "fedcba9876543210", "EX", 600))
    for suffix in ("s:201603", "d:20160301", "seals", "draft:fedcba9876543210"):
        await psd.store.writes.call(("SET", f"psd:columns:{{p0}}:1:{suffix}", b"sealed"))
    await psd.store.writes.call(("SADD", f"{members}:staged:fedcba9876543210", 1))
    await psd.store.writes.call(("SET", decisions_key("turn:board:a"), "mark", "PX", 60_000))


async def sign_in_to_pages(psd: Runtime) -> None:
    """Somebody who may sign in, did, and mistyped the password before; a form was shown."""
    users = PageUsers(psd.store)
    await psd.page_deciding.add("alice", "correct horse", ("read",))
    sign_ins = SignIns(psd.store, users, psd.clock)
    assert await sign_ins.user("alice", "correct house", "127.0.0.1") is None
    alice = await sign_ins.user("alice", "correct horse", "127.0.0.1")
    assert alice is not None
    sessions = Sessions(psd.store, users, psd.settings.pages, psd.clock)
    session, _ = await sessions.begin("alice", alice, remembered=False)
    await sessions.proof(session.token, FORM)


async def operate(psd: Runtime) -> None:
    """An audit that somebody began and nobody waited for, noted as what it is."""
    runs = AuditRuns(psd)
    await runs.begin("amp", Orders(None, None, repair=False, rate=100.0))
    await DeedsLog(psd.store, psd.clock).note("amp", "begin an audit", "of everybody")
    await runs.close()


async def changes(client: Redis) -> int:
    """Writes that the server has counted since it started."""
    info = await client.info("persistence")
    return int(info["rdb_changes_since_last_save"])


async def test_every_key_is_of_a_kind_and_has_its_type(psd: Runtime) -> None:
    await psd.store.writes.call(("SET", "psd:schema", SCHEMA_VERSION))
    await book_every_kind(psd)
    await compute_a_week(psd)
    await book_vehicles(psd)
    await keep_boards(psd)
    await ledger_of_swaps(psd)
    await meters(psd)
    await joi_batch(psd)
    await money(psd)
    await payments(psd)
    await plugs(psd)
    await sign_in_to_pages(psd)
    await operate(psd)
    client = psd.store.client
    await client.set(MIGRATION_KEY, "redis://10.0.0.7:6379/0")
    seen = set()
    async for name in client.scan_iter(count=1000):
        kind = kind_of(name.decode())
        assert kind is not None, name
        assert await client.type(name) == kind.redis_type.encode(), name
        seen.add(kind.name)
    elsewhere = {
        "probe",
        "store",
        "order",
        "retention",
        "stream",
        "answer",
        "swaps unsettled",
        *OF_A_RUNNING_JOB,
    }
    elsewhere |= OF_SITES
    elsewhere |= {"erased", "erasures"}  # by tests/integration/test_erasing.py
    assert seen == {kind.name for kind in catalogue()} - elsewhere


async def test_reads_write_nothing(psd: Runtime) -> None:
    await book_every_kind(psd)
    before = await changes(psd.store.client)
    for asked in (EVER, Range(NOON_S + 7, NOON_S + 90_000)):
        for activities in (False, True):
            await psd.engine.sums([1, 2, 3, 9], [1, 2], [asked] * 4, activities=activities)
        await psd.engine.activity_sum(2, 1, -9, asked)
        await psd.engine.counts(["a}:{b", "none"], asked)
    assert await psd.engine.knows_activity(5, 3, [2])
    assert len(await psd.engine.withdrawals(5, 9)) == 1
    await book_vehicles(psd)
    before = await changes(psd.store.client)
    registry = psd.part(RewardsPart).registry
    await registry.vehicles([7, 8, 9])
    for shard in await registry.shards():
        await registry.shard(shard)
    assert len(await registry.of_owner("a}:{b")) == len((await registry.shared_vins())[0]) == 2
    assert await changes(psd.store.client) == before


async def test_reading_boards_writes_nothing(psd: Runtime) -> None:
    await keep_boards(psd)
    before = await changes(psd.store.client)
    assert await psd.boards.members("a.b-c_1") == [1, 2]
    assert len(await psd.boards.page("", 9)) == 1
    assert (await psd.finals.read("a.b-c_1")).total == 2
    await psd.queries.leaderboard(LeaderboardQuery(board="a.b-c_1"))
    assert await changes(psd.store.client) == before


async def test_booking_again_writes_nothing(psd: Runtime) -> None:
    await book_every_kind(psd)
    before = await changes(psd.store.client)
    await book_every_kind(psd)
    assert await changes(psd.store.client) == before


async def test_all_keys_of_an_owner_carry_the_tag_of_its_partition(psd: Runtime) -> None:
    before = set(await contents(psd.store.client))
    await book(psd, [report(n, NOON_S + n * 5, uid=-77, aid=n) for n in range(1, 700)])
    keys = set(await contents(psd.store.client)) - before
    assert len(keys) > 10
    assert all(key.startswith(("psd:{p0}:-77:", "psd:columns:{p0}:1:")) for key in keys)
