"""``psd verify`` on a real store: what it finds, what it repairs, and what it leaves alone."""

from __future__ import annotations

import asyncio
import random
import re

import pytest

from psd.audit.examine import examine
from psd.audit.expected import expected_of
from psd.audit.layout import Limits
from psd.audit.snapshot import Watcher
from psd.audit.sweep import KEYS_MAX, Owners, Scope, owner_pages
from psd.audit.truth import Lifetimes
from psd.clock import ManualClock
from psd.engine.events import Report
from psd.runtime import Runtime
from psd.store.keys import fence_key
from tests.support.draws.random_reports import random_reports
from tests.support.engine import (
    DAY_S,
    NOON_S,
    book,
    count,
    dense_day,
    engine_on,
    forget,
    report,
    sum_of,
)
from tests.support.stored.audits import audit_of, few, verified
from tests.support.stored.keyspace import keyspace
from tests.support.stored.placements import STORED, owner_key

DAY_KEY = owner_key(1, "1:d:201604")
LEAF_KEY = owner_key(1, "1:l:201604")


async def test_a_store_that_only_psd_wrote_to_is_clean(psd: Runtime, redis_url: str) -> None:
    rng = random.Random("clean")
    for uid in range(30):
        await psd.engine.book(random_reports(rng, uid))
    await psd.engine.book([*dense_day(), *(count(str(n), name="a:b%{}") for n in range(9))])
    result = await verified(redis_url)
    assert result.exit_code == 0, result.output
    assert re.fullmatch(r"(\d+) audited: \1 clean; 0 differences\n", result.output)


async def test_a_difference_is_a_line_and_exit_code_1_until_it_is_repaired(
    psd: Runtime, redis_url: str
) -> None:
    await book(psd, few())
    before = await keyspace(psd.store.client)
    await psd.store.client.hset(DAY_KEY, "12", "31:3")
    found = await verified(redis_url)
    line = f"{DAY_KEY} 12: 31:3, should be 30:3 by its bookings"
    assert found.output == f"{line}\n1 audited: 1 different; 1 difference\n"
    assert found.exit_code == 1
    repaired = await verified(redis_url, "--repair")
    assert repaired.output == f"{line}\n1 audited: 1 repaired; 1 difference\n"
    assert repaired.exit_code == 0
    assert await keyspace(psd.store.client) == before
    assert (await verified(redis_url)).exit_code == 0


async def test_uids_and_things_limit_what_is_audited(psd: Runtime, redis_url: str) -> None:
    reports = [report(uid=uid, thing=thing) for uid in (-1, 2, 3) for thing in (1, 2)]
    await book(psd, reports)
    for uid in (-1, 3):
        await psd.store.client.delete(owner_key(uid, "2:y"))
    assert "6 audited: 4 clean, 2 different" in (await verified(redis_url)).output
    assert "2 audited: 2 clean" in (await verified(redis_url, "2")).output
    assert "3 audited: 3 clean" in (await verified(redis_url, "--thing", "steps")).output
    only = await verified(redis_url, "-1", "--thing", "calories", "--repair")
    assert "1 audited: 1 repaired" in only.output
    assert STORED.owner_root(3) in (await verified(redis_url)).output


async def test_an_unknown_thing_is_a_usage_error(redis_url: str) -> None:
    result = await verified(redis_url, "--thing", "miles")
    assert result.exit_code == 2
    assert "'miles' is not configured" in result.output


async def test_a_store_that_is_away_is_exit_code_75() -> None:
    assert (await verified("redis://127.0.0.1:1/0")).exit_code == 75


async def test_a_report_that_is_delivered_again_books_nothing_on_rebuilt_reports(
    psd: Runtime, redis_url: str
) -> None:
    await book(psd, few())
    await forget(psd.store.client, "activity")
    assert (await verified(redis_url, "--repair")).exit_code == 0
    await book(psd, few())
    assert await sum_of(psd) == 30
    assert (await verified(redis_url)).exit_code == 0


async def test_a_key_of_another_type_is_told_and_left_alone(psd: Runtime, redis_url: str) -> None:
    await book(psd, few())
    await psd.store.client.delete(LEAF_KEY)
    await psd.store.client.rpush(LEAF_KEY, "somebody's list")
    result = await verified(redis_url, "--repair")
    assert result.exit_code == 1
    assert f"{LEAF_KEY}: a key of another type" in result.output
    assert await psd.store.client.type(LEAF_KEY) == b"list"


async def test_a_fence_is_a_number_and_another_text_is_taken_away(
    psd: Runtime, redis_url: str
) -> None:
    await psd.engine.book(few(), fences={1: ("rides", 17)})
    key = fence_key(STORED.owner_root(1), "rides")
    assert (await verified(redis_url, "--repair")).output == "1 audited: 1 clean; 0 differences\n"
    assert await psd.store.client.get(key) == b"17"
    await psd.store.client.set(key, "17x")
    for words, code in ((("2",), 0), (("--thing", "steps"), 0), ((), 1), (("1", "--repair"), 0)):
        result = await verified(redis_url, *words)
        assert result.exit_code == code, result.output
    assert f"{key}: '17x', should be a number by its name" in result.output
    assert not await psd.store.client.exists(key)
    await psd.store.client.rpush(key, "somebody's list")
    result = await verified(redis_url, "--repair")
    assert result.exit_code == 1
    assert f"{key}: a key of another type" in result.output
    assert await psd.store.client.type(key) == b"list"


async def test_names_of_counts_cannot_take_over_the_terminal(psd: Runtime, redis_url: str) -> None:
    await book(psd, [count("1", name="bad\x1b[2J")])
    await psd.store.client.delete("psd:c:{bad\x1b[2J}:0:y")
    result = await verified(redis_url)
    assert "psd:c:{bad\\x1b[2J}:0:y" in result.output
    assert "\x1b" not in result.output


class Booking:
    """One owner that is booked on without a pause: corrections of 150 hours, and new reports."""

    def __init__(self, psd: Runtime) -> None:
        self._psd = psd
        self._is_over = False
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> int:
        """End it; how many were booked."""
        self._is_over = True
        return await self._task

    async def _run(self) -> int:
        number = 0
        while not self._is_over:
            number += 1
            at = NOON_S + number % 150 * 3600
            await book(self._psd, [report(number, at, at - 900, aid=number % 50, atid=number % 5)])
        return number


async def test_booking_beside_an_audit_is_no_difference(psd: Runtime) -> None:
    booking = Booking(psd)
    async with audit_of(psd) as audits:
        for _ in range(25):
            assert await audits.differences() == []
    assert await booking.stop() > 100


async def test_what_is_read_in_one_transaction_is_of_one_moment(psd: Runtime) -> None:
    """It begins with the names of keys that were there long ago."""
    booking = Booking(psd)
    lane = psd.store.new_lane()
    old = ["l:201604", "l:20160412", "a:0", "r:1", "r:1:405684"]
    try:
        for _ in range(25):
            snapshot = await Watcher(
                await lane.lane_of(STORED.owner_root(1)), Limits()
            ).read_at_once(owner_key(1, "1:"), old)
            expected = expected_of(snapshot.held, Limits(), Lifetimes())
            assert examine(owner_key(1, "1:"), snapshot.held, expected) == []
    finally:
        await lane.close()
    assert await booking.stop() > 20


async def test_a_repair_beside_booking_loses_nothing_of_either(psd: Runtime) -> None:
    """Each round spoils a total while bookings go on; in the end every sum is right."""
    reports = [report(n, NOON_S + n * 3600, aid=n % 7) for n in range(1, 400)]
    client = psd.store.client

    async def book_all() -> None:
        for each in reports:
            await book(psd, [each])

    booking = asyncio.create_task(book_all())
    async with audit_of(psd) as audits:
        while not booking.done():
            await client.hincrby(owner_key(1, "1:w:2016:1"), "15:2", 5)
            await audits.run(repair=True)
        await booking
        await audits.run(repair=True)
        assert await audits.differences() == []
    assert await sum_of(psd) == sum(each.value for each in reports)


async def test_what_changes_after_it_was_read_is_not_written_over(psd: Runtime) -> None:
    await book(psd, few())
    lane = psd.store.new_lane()
    try:
        watcher = Watcher(await lane.lane_of(STORED.owner_root(1)), Limits())
        await watcher.read(owner_key(1, "1:"), [])
        await book(psd, [report(1, NOON_S + DAY_S)])
        assert not await watcher.write([("HSET", DAY_KEY, "12", "1")])
        await watcher.read(owner_key(1, "1:"), [])
        assert await watcher.write([("HSET", DAY_KEY, "12", "1")])
    finally:
        await lane.close()
    assert await psd.store.client.hget(DAY_KEY, "12") == b"1"


@pytest.mark.parametrize(
    "change",
    [report(0, NOON_S + 5, aid=4), report(0, NOON_S + 7, aid=77), report(26, NOON_S + 60, NOON_S)],
    ids=["books 0", "new and books 0", "a correction"],
)
async def test_every_kind_of_booking_is_noticed(psd: Runtime, change: Report) -> None:
    await book(psd, [*few(), *(report(n, NOON_S + n, aid=5) for n in range(9))])
    lane = psd.store.new_lane()
    try:
        watcher = Watcher(await lane.lane_of(STORED.owner_root(1)), Limits())
        await watcher.read(owner_key(1, "1:"), [])
        await book(psd, [change])
        assert not await watcher.is_unchanged()
    finally:
        await lane.close()


EXPIRING = {
    "second": {"retention.second_s": 600},
    "day": {"retention.second_s": 600, "retention.day_s": 700},
    "month": {"retention.second_s": 600, "retention.day_s": 700, "retention.month_s": 800},
    "week": {"retention.week_s": 700},
    "activity": {"retention.activity_s": 60 * DAY_S},
}


@pytest.mark.parametrize("levels", EXPIRING)
@pytest.mark.parametrize("reports", [few(), dense_day()], ids=["few", "dense"])
async def test_what_has_ended_by_its_lifetime_is_no_difference(
    redis_url: str, levels: str, reports: list[Report]
) -> None:
    """And what is booked afterwards begins anew below totals that tell more."""
    long = [report(n, NOON_S + n * 900, NOON_S, aid=9000) for n in range(9)]
    clock = ManualClock(NOON_S + 2 * DAY_S)
    async with engine_on(redis_url, EXPIRING[levels], clock) as psd, audit_of(psd) as audits:
        await book(psd, [*reports, *long])
        assert await audits.differences() == []
        ended = [name.removeprefix("retention.")[:-2] for name in EXPIRING[levels]]
        await forget(psd.store.client, *ended)
        assert await audits.differences() == []
        await book(psd, [report(3, NOON_S + 5, aid=70), report(8, NOON_S + 40_000, aid=9000)])
        assert await audits.differences() == []
        held = await keyspace(psd.store.client)
        assert [each.outcome for each in await audits.run(repair=True)] == ["clean"]
        assert await keyspace(psd.store.client) == held


async def test_where_seconds_end_a_wrong_month_is_still_found_by_its_days(redis_url: str) -> None:
    async with engine_on(redis_url, {"retention.second_s": 600}) as psd, audit_of(psd) as audits:
        await book(psd, few())
        await forget(psd.store.client, "second")
        await psd.store.client.hset(owner_key(1, "1:m:2016"), "4", "29:3")
        assert await audits.differences(repair=True) == [
            owner_key(1, "1:m:2016 4: 29:3, should be 30:3 by its days")
        ]
        assert await audits.differences() == []


async def test_a_key_that_is_made_anew_has_the_lifetime_of_its_level(redis_url: str) -> None:
    flags = {"retention.second_s": 600, "retention.activity_s": 900}
    async with engine_on(redis_url, flags) as psd, audit_of(psd) as audits:
        now_s = psd.clock.now_s()
        await book(psd, [report(5, now_s), report(6, now_s, aid=9)])
        client = psd.store.client
        [leaf] = [key async for key in client.scan_iter(owner_key(1, "1:l:*"))]
        await client.expire(leaf, 100)
        await client.setrange(leaf, 1, b"\xff")
        assert await audits.differences(repair=True) != []
        assert await client.ttl(leaf) in range(90, 101), "a key that stays keeps its lifetime"
        assert await audits.differences() == []


async def test_the_rate_bounds_how_many_are_audited_a_second(psd: Runtime) -> None:
    await book(psd, [report(uid=uid) for uid in range(12)])
    loop = asyncio.get_running_loop()
    async with audit_of(psd, rate=40) as audits:
        started_s = loop.time()
        assert len(await audits.run()) == 12
        assert loop.time() - started_s >= 11 / 40 - 0.02


async def test_a_store_of_many_keys_is_listed_in_parts_that_miss_nobody(psd: Runtime) -> None:
    await book(psd, [report(uid=uid) for uid in range(50)])
    assert KEYS_MAX >= 1_000_000
    lane = psd.store.new_lane()
    try:
        pages: list[Owners] = [dict(page) async for page in owner_pages(lane, Scope(), 100)]
    finally:
        await lane.close()
    assert len(pages) > 3
    assert sum(len(page) for page in pages) == 50
    assert len({prefix for page in pages for prefix in page}) == 50
    assert max(sum(map(len, page.values())) for page in pages) < 250
