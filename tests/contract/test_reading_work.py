"""What one call of a reading script touches, however much its owners hold: counted, not timed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from psd.engine import reads
from psd.engine.activities import ScoreQuestion
from psd.engine.events import Event
from psd.engine.plan import Range
from psd.engine.series import BucketQuestion
from psd.engine.windows import Window
from psd.errors import TooLargeError
from psd.runtime import Runtime
from psd.store.codec import pack_id
from psd.store.scripts import load_script
from tests.support.engine import DAY_S, EVER, NOON_S, book, engine_on, report
from tests.support.scripts.counted_lua import Touched, Work
from tests.support.servers.redis_server import RedisServer

CALL_MAX = 40_000
"""What a call may touch: commands, values and 64 bytes of them, packings. 20 ms at 0.5 us each."""

MONTH_S = 31 * DAY_S


def spread(count: int, gap_s: int, uid: int = 1, atids: int = 3) -> list[Event]:
    """Activities of one booking each, ``gap_s`` apart, the last of them at noon."""
    first_s = NOON_S - count * gap_s
    return [
        report(1 + n % 7, first_s + n * gap_s, uid=uid, aid=10**12 + n, atid=n % atids)
        for n in range(count)
    ]


async def booked(psd: Runtime, events: Sequence[Event]) -> None:
    for at in range(0, len(events), 500):
        await book(psd, events[at : at + 500])


class Calls:
    """Runs the engine's script calls counted, in place of the calls themselves."""

    def __init__(self, psd: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
        self.works: list[Work] = []
        self._client = psd.store.client
        self._by_sha = {
            load_script(name).sha: Touched(load_script(name))
            for name in (
                *("engine.bookings", "engine.series", "engine.sum", "engine.top"),
                *("engine.standings", "engine.newest", "engine.records", "engine.reported"),
            )
        }
        monkeypatch.setattr(psd.store.reads, "call", self._call)
        monkeypatch.setattr(psd.store.reads, "call_all", self._call_all)

    @property
    def most(self) -> int:
        """What the heaviest call touched."""
        return max(work.total for work in self.works)

    async def _call_all(self, commands: Sequence[Any]) -> list[Any]:
        return [await self._call(command) for command in commands]

    async def _call(self, command: Sequence[Any]) -> Any:
        name, sha, keys, *rest = command
        assert name == "EVALSHA", command
        work = await self._by_sha[sha].run(self._client, rest[:keys], *rest[keys:])
        self.works.append(work)
        return work.reply


@pytest.fixture
def calls(psd: Runtime, monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(psd, monkeypatch)


async def test_a_range_with_too_many_bookings_is_refused_by_the_totals_of_its_months(
    engine_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_server.flush()
    touched = []
    async with engine_on(engine_server.url, {"server.bookings_max": 500}) as psd:
        calls, engine = Calls(psd, monkeypatch), psd.engine
        for uid, count in ((1, 1000), (2, 5000)):
            await booked(psd, spread(count, 600, uid))
            by_atid = BucketQuestion(1, [0, NOON_S], by_atid=True, counts=True)
            for refused in (
                engine.sums([uid], [1], [EVER], activities=True),
                engine.tallies([uid], [1], EVER),
                engine.activities(uid, [1], EVER),
                engine.by_atid(uid, 1, EVER),
                engine.series([uid], by_atid),
            ):
                with pytest.raises(TooLargeError, match=rf"range: {count} bookings .* 500"):
                    await refused
            assert await engine.reached([ScoreQuestion(uid, 1, EVER, 5)]) == [None]
            touched.append(calls.most)
            calls.works.clear()
    assert touched[1] < touched[0] + 100
    assert touched[1] < 1000


async def test_a_page_of_activities_touches_no_more_when_there_are_five_times_as_many(
    psd: Runtime, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "LISTED_BOOKINGS_MAX", 100)
    touched = []
    for uid, count in ((1, 1000), (2, 5000)):
        await booked(psd, spread(count, 60, uid))
        page = await psd.engine.activity_page(uid, [1, 2, 3, 4, 5], EVER, 10)
        for _ in range(3):
            assert len(page.activities) == 10
            page = await psd.engine.activity_page(uid, [1, 2, 3, 4, 5], EVER, 10, after=page.last)
        touched.append(calls.most)
        calls.works.clear()
    assert touched[1] < 1.2 * touched[0]
    assert touched[1] < CALL_MAX


async def test_what_is_handed_over_is_not_looked_at_record_by_record(
    psd: Runtime, calls: Calls
) -> None:
    await booked(psd, spread(2000, 40))
    [owner] = await psd.engine.sums([1], [1], [EVER], activities=True)
    assert len(owner.activities) == 2000
    assert calls.most < 2000


@pytest.mark.parametrize("atids", [None, frozenset(range(1000))], ids=["all", "1,000 atids"])
async def test_pages_of_busy_owners_are_cut_into_calls_that_touch_little(
    psd: Runtime, calls: Calls, atids: frozenset[int] | None
) -> None:
    uids = list(range(1, 41))
    for uid in uids:
        last_day = spread(400, 100, uid, atids=100)
        first_day = [
            report(2, e.ts2 - 3 * MONTH_S, uid=uid, aid=n, atid=n % 100)
            for n, e in enumerate(last_day)
        ]
        await booked(psd, [*first_day, *last_day])
    cut = Range(NOON_S - 3 * MONTH_S - 20_000, NOON_S - 20_000)
    days = [NOON_S - 4 * MONTH_S + n * DAY_S for n in range(120)]
    for ask in (
        lambda: psd.engine.sums(uids, [1, 2, 3], [cut] * len(uids), atids=atids),
        lambda: psd.engine.standings(uids, 1, cut, atids=atids),
        lambda: psd.engine.top(1, cut, 10, uids=uids, atids=atids),
        lambda: psd.engine.series(uids, BucketQuestion(1, days, atids)),
        lambda: psd.engine.newest(uids, list(range(1, 33))),
    ):
        calls.works.clear()
        await ask()
        assert calls.most < CALL_MAX


async def test_a_leaf_is_looked_at_once_however_many_atids_are_asked(
    psd: Runtime, calls: Calls
) -> None:
    await booked(psd, spread(500, 100, atids=200))
    touched = []
    for count in (60, 1000):
        calls.works.clear()
        await psd.engine.sums(
            [1], [1], [Range(NOON_S - 45_000, NOON_S - 1000)], atids=frozenset(range(count))
        )
        touched.append(calls.most)
    assert touched[1] - touched[0] < 5 * (1000 - 60)


async def test_an_activity_s_sum_touches_no_more_of_ten_times_as_many_hours(psd: Runtime) -> None:
    counted = Touched(load_script("engine.activity_sum"))
    touched = []
    for aid, hours in ((7, 300), (8, 3_000)):
        first_s = NOON_S - hours * 3600
        at = [first_s + n * 3600 + n % 60 for n in range(hours)]
        await booked(psd, [report(1, second, aid=aid) for second in at])
        cut = (pack_id(aid), first_s + 1, at[-1])
        work = await counted.run(psd.store.client, ["psd:{p0}:1"], 1, *cut, b"")
        assert work.reply == hours - 2
        touched.append(work.total)
    assert touched[1] < 2 * touched[0]
    assert touched[1] < 2_000


async def test_windows_that_reach_back_into_other_hours_are_told_in_several_calls(
    psd: Runtime, calls: Calls
) -> None:
    hours, each = 12, 1_200
    first_s = NOON_S - NOON_S % 3600
    full = [first_s + hour * 3600 + n for hour in range(hours) for n in range(each)]
    last = first_s + hours * 3600
    starts = [first_s + hour * 3600 + each - 5 for hour in reversed(range(hours))]
    reaching = [report(10**6 + n, last, start, aid=7) for n, start in enumerate(starts)]
    await booked(psd, [*(report(1, at, aid=7) for at in full), *reaching])
    windows = [Window(1, 1, 7, start, last) for start in starts]
    told = await psd.engine.reported(windows)
    assert [each.value for each in told] == [10**6 + n for n in range(len(starts))]
    assert len(calls.works) > 1
    assert calls.most < CALL_MAX


async def test_a_sum_of_some_types_reads_less_than_all_types_of_its_days(
    psd: Runtime, calls: Calls
) -> None:
    days, types, asked = 14, 60, frozenset(range(30))
    first_s = NOON_S - NOON_S % DAY_S
    events = [
        report(1 + n % 7, first_s + n // types * DAY_S, aid=n, atid=n % types)
        for n in range(days * types)
    ]
    await booked(psd, events)
    cut = Range(first_s + 2 * DAY_S, first_s + (days - 2) * DAY_S)
    inside = [each for each in events if cut.start <= each.ts2 < cut.end and each.atid in asked]
    [owner] = await psd.engine.sums([1], [1], [cut], atids=asked)
    assert owner.sums[1] == sum(each.value for each in inside)
    fields_and_values = 2 * days * types
    assert calls.most < fields_and_values
