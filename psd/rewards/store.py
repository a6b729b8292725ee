"""The computed weeks in Redis, as readers see them: results, rows, streaks, states, dirty marks.

A week's visible result names a *generation*; the rows lie under keys of that generation. A
computation writes another generation and then puts the results of all its weeks in place, in one
script, so a reader sees a week, and a cascade of weeks, before or after it and never half. What was
replaced lives ten minutes longer, for readers that have already asked for the results.

What changes results is in psd/rewards/row_stage.py; who is paid and barred in
psd/rewards/rulings.py.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

from psd.errors import NotFoundError, ShapeError, StoreError
from psd.rewards.keys import rewards_key, rows_key, streaks_key
from psd.rewards.rows import RECORD, Row, unpack_rows
from psd.rewards.shards import by_shard
from psd.rewards.tables import Tables
from psd.rewards.week_results import DECODE_RESULT, DECODE_STATUS, WeekResult, WeekStatus
from psd.slices import Stretch
from psd.store.lane import Command
from psd.store.records import json_record
from psd.store.redis import Store
from psd.store.scripts import Script

WEEKS_OF_A_CALL_MAX = 60
"""Keys of one call of rows.lua, which then holds Redis for some 0.3 ms a vehicle."""

READS_MAX = 3
"""Tries of a read whose weeks are replaced meanwhile, each of them ten minutes apart."""

KEYS_A_ROW = 2
"""A key of a call takes as long as so many rows of what is worked on in slices: 2 us."""

CALLS_AT_ONCE = 100
"""Calls that are made and read together: with the weeks of a year, 5 ms of Python."""

SHARDS_AT_ONCE = 64
"""Shards of one trip when all rows of a week are read: some 0.5 MB for a million vehicles."""

Results = Mapping[int, WeekResult]

_read_tables = json_record(Tables, "rewards: the tables of a week")


class RewardsStore:
    """Reads what the weekly job has published."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = Script("rewards.rows")

    async def results(self) -> dict[int, WeekResult]:
        """Every visible week, as of one moment. 1 call."""
        found = await self._store.reads.call(("HGETALL", rewards_key("weeks")))
        results = (DECODE_RESULT(each) for each in found[1::2])
        return {result.week: result for result in sorted(results, key=lambda each: each.week)}

    async def result(self, week: int) -> WeekResult | None:
        """One visible week. 1 call."""
        found = await self._store.reads.call(("HGET", rewards_key("weeks"), week))
        return None if found is None else DECODE_RESULT(found)

    async def statuses(self) -> dict[int, WeekStatus]:
        """The state of each week's job, also of those that never finished. 1 call."""
        found = await self._store.reads.call(("HGETALL", rewards_key("status")))
        pairs = zip(found[::2], found[1::2], strict=True)
        return {int(week): DECODE_STATUS(status) for week, status in pairs}

    async def dirty(self) -> dict[int, int]:
        """Computed weeks in which something was booked since, and how often. 1 call."""
        found = await self._store.reads.call(("HGETALL", rewards_key("dirty")))
        return {int(week): int(times) for week, times in zip(found[::2], found[1::2], strict=True)}

    async def rows_of(
        self, vehicles: Iterable[int], weeks: Iterable[int] | None = None
    ) -> tuple[dict[int, WeekResult], dict[int, dict[int, Row]]]:
        """The visible results of these weeks (None: of all), and rows by vehicle and week.

        All of one moment. A vehicle has an empty dictionary where it has no rows. 1 + 1 trips.
        """
        wanted = None if weeks is None else set(weeks)
        distinct = list(dict.fromkeys(vehicles))
        for _ in range(READS_MAX):
            results = {
                week: result
                for week, result in (await self.results()).items()
                if wanted is None or week in wanted
            }
            rows, missing = await self._rows_in(distinct, results)
            if not missing:
                return results, rows
            now = await self.results()
            if all(now.get(week) == results[week] for week in missing):
                # A shard that had no vehicle when the week was computed has no key.
                return results, rows
        raise StoreError("rewards: the weeks were replaced again and again during one read")

    async def rows(self, result: WeekResult, shards: Sequence[int]) -> AsyncIterator[list[Row]]:
        """All rows of a visible week, a shard at a time.

        Raises ShapeError when the store has lost some. 1 trip for 64 shards.
        """
        found = 0
        for start in range(0, len(shards), SHARDS_AT_ONCE):
            page = shards[start : start + SHARDS_AT_ONCE]
            keys = [rows_key(shard, result.week, result.generation) for shard in page]
            for packed in await self._store.reads.call_all([("GET", key) for key in keys]):
                rows = list(unpack_rows(packed or b""))
                found += len(rows)
                yield rows
        check_whole(result, found)

    async def streaks(self, result: WeekResult) -> list[Row]:
        """The longest streaks of a week, at most 1,000, longest first. 1 call."""
        packed = await self._store.reads.call(("GET", streaks_key(result.week, result.generation)))
        return list(unpack_rows(packed or b""))

    async def tables(self, digest: str) -> Tables:
        """The tables that a week was computed by. 1 call."""
        found = await self._store.reads.call(("HGET", rewards_key("tables"), digest))
        if found is None:
            raise ShapeError(f"rewards: the tables {digest} of a computed week are missing")
        return _read_tables(found)

    async def _rows_in(
        self, vehicles: Sequence[int], results: Results
    ) -> tuple[dict[int, dict[int, Row]], set[int]]:
        """Rows by vehicle and week, and the weeks of which a key was missing."""
        rows: dict[int, dict[int, Row]] = {vehicle: {} for vehicle in vehicles}
        commands: list[Command] = []
        asked: list[list[int]] = []
        weeks = list(results)
        stretch = Stretch()
        for shard, members in by_shard(vehicles).items():
            await stretch.after(KEYS_A_ROW * len(weeks))
            packed = b"".join(struct.pack(">q", vehicle) for vehicle in members)
            for start in range(0, len(weeks), WEEKS_OF_A_CALL_MAX):
                page = weeks[start : start + WEEKS_OF_A_CALL_MAX]
                keys = [rows_key(shard, week, results[week].generation) for week in page]
                commands.append(("EVALSHA", self._rows.sha, len(keys), *keys, RECORD.size, packed))
                asked.append(page)
        missing: set[int] = set()
        for start in range(0, len(commands), CALLS_AT_ONCE):
            part = slice(start, start + CALLS_AT_ONCE)
            replies = await self._store.reads.call_all(commands[part])
            for page, reply in zip(asked[part], replies, strict=True):
                await stretch.after(KEYS_A_ROW * len(page))
                for week, found in zip(page, reply, strict=True):
                    if found is None:
                        missing.add(week)
                        continue
                    for row in unpack_rows(found):
                        rows[row.vehicle][week] = row
        return rows, missing


def asked_week(results: Mapping[int, WeekResult], week: int | None) -> WeekResult:
    """A computed week, by default the newest; raises NotFoundError."""
    if not results:
        raise NotFoundError("week: none was computed yet")
    newest = max(results)
    found = results.get(newest if week is None else week)
    if found is None:
        raise NotFoundError(f"week: {week} was never computed; the newest is {newest}")
    return found


def check_whole(result: WeekResult, found: int) -> None:
    """Raise ShapeError unless that many rows are all rows of a week."""
    if found != result.rows:
        raise ShapeError(
            f"rewards: week {result.week} has {found} of its {result.rows} rows; "
            f"compute it again: psd rewards calculate {result.week}"
        )
