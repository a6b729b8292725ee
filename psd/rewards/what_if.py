"""What other tables would have made of weeks as they were computed. Writes nothing.

A row says what its vehicle was active on, what it earned otherwise, and what kept it from counting:
all that the rules need beside the tables. So weeks are settled again from their visible rows::

    week 5  vehicle 7  active on Smartcar and AutoPi, earned 500   by other tables -> another row

``psd rewards what-if`` computes from what was booked instead, and so tells too what came late or
was said of vehicles since. Where nothing came, both say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from psd.errors import BadQueryError, TooLargeError
from psd.rewards.difference import WeekDifference
from psd.rewards.keys import rows_key
from psd.rewards.registry import Registry
from psd.rewards.row_stage import MemoryStage
from psd.rewards.rows import RECORD, Row, Why, pack_rows, unpack_rows
from psd.rewards.settling import Facts, Settling
from psd.rewards.store import RewardsStore, asked_week, check_whole
from psd.rewards.tables import Tables
from psd.rewards.week_results import WeekResult
from psd.rewards.week_totals import WeekTotals, total_week
from psd.slices import Stretch
from psd.store.redis import Store

WEEKS_MAX = 12
ROWS_MAX = 50_000
"""Rows that are settled for one answer, those of each table counted: 0.6 s."""

SHARDS_AT_ONCE = 64

Packed = Mapping[int, bytes]
"""Rows of a week by shard; shards without any are left out."""


class WhatIf:
    """Settles weeks again."""

    def __init__(self, store: Store, rewards: RewardsStore, registry: Registry) -> None:
        self._store = store
        self._rewards = rewards
        self._registry = registry

    async def tried(
        self, tables: Sequence[Tables], first: int | None, last: int | None
    ) -> list[list[WeekDifference]]:
        """Weeks in a row by each of the tables, against what is visible.

        By default the last four weeks. Raises NotFoundError for weeks that were never computed,
        and TooLargeError. 1 trip for 64 shards of a week.
        """
        results = await self._rewards.results()
        weeks = _asked(results, first, last)
        rows = sum(results[week].rows for week in weeks) * len(tables)
        if rows > ROWS_MAX:
            raise TooLargeError(
                f"weeks: {rows:,} rows would be settled, and at most {ROWS_MAX:,} are in one "
                "answer; ask for fewer weeks or tables, or run psd rewards what-if"
            )
        shards = await self._registry.shards()
        before = results.get(weeks[0] - 1)
        visible = [await self._visible(results[week], shards) for week in weeks]
        begins = {} if before is None else await self._visible(before, shards)
        pages = list(zip((results[week] for week in weeks), visible, strict=True))
        return [await _by(each, begins, pages) for each in tables]

    async def _visible(self, result: WeekResult, shards: Sequence[int]) -> Packed:
        """The visible rows of a week; raises ShapeError where some are lost."""
        found: dict[int, bytes] = {}
        for start in range(0, len(shards), SHARDS_AT_ONCE):
            page = shards[start : start + SHARDS_AT_ONCE]
            keys = [rows_key(shard, result.week, result.generation) for shard in page]
            replies = await self._store.reads.call_all([("GET", key) for key in keys])
            found |= {shard: rows for shard, rows in zip(page, replies, strict=True) if rows}
        check_whole(result, sum(map(len, found.values())) // RECORD.size)
        return found


def _asked(results: Mapping[int, WeekResult], first: int | None, last: int | None) -> range:
    """The weeks that are asked for, each of them computed."""
    end = asked_week(results, last).week
    begin = first
    if begin is None:
        begin = next((week + 1 for week in range(end, end - 4, -1) if week not in results), end - 3)
    if begin > end:
        raise BadQueryError(f"first: {begin} is after week {end}")
    if end - begin >= WEEKS_MAX:
        raise BadQueryError(f"first: {begin} to {end} are more than {WEEKS_MAX} weeks")
    for week in range(begin, end + 1):
        asked_week(results, week)
    return range(begin, end + 1)


async def _by(
    tables: Tables, begins: Packed, pages: Sequence[tuple[WeekResult, Packed]]
) -> list[WeekDifference]:
    """Weeks in a row by one set of tables."""
    settling, stage, stretch = Settling(tables), MemoryStage(), Stretch()
    before, found = begins, []
    for result, visible in pages:
        after: dict[int, bytes] = {}
        for shard in sorted(before.keys() | visible.keys()):
            old = visible.get(shard, b"")
            packed = _settled(settling, before.get(shard, b""), old)
            await stage.put(result.week, shard, packed, ())
            await stretch.after((len(packed) + len(old)) // RECORD.size + 1)
            after[shard] = packed
        totals = await total_week(stage, result.week, [*after], tables)
        difference = WeekDifference(result, _result(result, totals, tables))
        for shard, packed in after.items():
            difference.note_shard(visible.get(shard, b""), packed)
            await stretch.after(len(packed) // RECORD.size + 1)
        found.append(difference)
        await stage.ended(result.week)
        before = after
    return found


def _settled(settling: Settling, before: bytes, visible: bytes) -> bytes:
    """The rows of a shard, settled again."""
    last = {row.vehicle: row for row in unpack_rows(before)}
    rows = {row.vehicle: row for row in unpack_rows(visible)}
    settled = (
        settling.row(facts_of(vehicle, rows.get(vehicle)), last.get(vehicle))
        for vehicle in sorted(last.keys() | rows.keys())
    )
    return pack_rows(row for row in settled if row is not None)


def facts_of(vehicle: int, row: Row | None) -> Facts:
    """What happened to a vehicle in a week, as its row tells; nothing where it has none.

    Of activity that did not count the row tells no more than that there was some, so bit 0, which
    is no integration's, stands for what is not paired, and bit 1 for what was not allowed to count.
    """
    if row is None:
        return Facts(vehicle)
    active, paired = row.active, -1
    if row.why & Why.FORBIDDEN:
        active = 1 << 1
    if row.why & Why.UNPAIRED:
        active, paired = active | 1, ~1
    return Facts(
        vehicle,
        active,
        paired,
        may_earn=not row.why & Why.FORBIDDEN,
        vin_taken=bool(row.why & Why.VIN_TAKEN),
        earned=row.earned_points,
        override=row.connection_streak if row.why & Why.OVERRIDDEN else None,
    )


def _result(visible: WeekResult, totals: WeekTotals, tables: Tables) -> WeekResult:
    """A week as it would be."""
    return WeekResult(
        week=visible.week,
        generation=0,
        tables=tables.digest,
        version=tables.version,
        source=visible.source,
        computed_at_s=visible.computed_at_s,
        rows=totals.rows,
        connected=totals.connected,
        points=totals.points,
        levels=totals.levels,
        shares=totals.shares,
    )
