"""Computing one week: the rows of every shard, then what they add up to.

Reads the week before, the population and the tables; writes to a stage only (staging.py), so
that the same code computes for good, as a trial, and by other tables. Shards are worked on a few
at a time, so that psd and Redis work at the same time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

import msgspec

from psd.errors import StoreUnavailableError
from psd.failpoints import reach
from psd.rewards.participants import Population, RunSources, Shard
from psd.rewards.row_stage import RowStage
from psd.rewards.rows import Row, pack_rows, unpack_rows
from psd.rewards.settling import Facts, Settling
from psd.rewards.shards import shard_of
from psd.rewards.tables import Tables
from psd.rewards.week_totals import WeekTotals, total_week
from psd.rewards.weeks import bounds

SHARDS_AT_ONCE = 8
"""Enough that a trip always waits; each holds some 250 vehicles and 15 script calls."""

WAITS_S = (0.1, 0.5, 2.0, 5.0)
"""Between tries of a shard: on a machine with a load of 10, trips of 1.5 s and more were seen."""

log = logging.getLogger(__name__)

Before = Callable[[Sequence[int]], Awaitable[list[bytes]]]
"""The packed rows of the week before, of some shards, by position."""


class RunProgress(msgspec.Struct, frozen=True):
    """How far a run is: ``done`` of ``total`` shards of a week."""

    week: int
    done: int
    total: int


class WeekTask(msgspec.Struct, frozen=True):
    """One week to compute; ``overrides`` are streaks by vehicle."""

    week: int
    before: Before
    overrides: Mapping[int, int]
    vin_taken: frozenset[int]
    shards: Sequence[int]


class Computation:
    """Computes weeks by one set of tables and sources."""

    def __init__(
        self,
        population: Population,
        sources: RunSources,
        tables: Tables,
        progress: Callable[[RunProgress], None] = lambda _progress: None,
    ) -> None:
        self._population = population
        self._sources = sources
        self._tables = tables
        self._settling = Settling(tables)
        self._progress = progress

    async def week(self, task: WeekTask, stage: RowStage) -> WeekTotals:
        """Stage the rows of every shard that is not staged yet; the totals of all."""
        staged = await stage.staged(task.week, task.shards)
        waiting = iter([shard for shard in task.shards if shard not in staged])
        done = len(staged)

        def on_shard() -> None:
            nonlocal done
            done += 1
            reach("rewards_staged")
            self._progress(RunProgress(task.week, done, len(task.shards)))

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(SHARDS_AT_ONCE):
                    group.create_task(self._work(waiting, task, stage, on_shard))
        except ExceptionGroup as errors:
            # The others were cancelled because of the first; they have nothing to add.
            raise errors.exceptions[0] from None
        totals = await total_week(stage, task.week, task.shards, self._tables)
        await stage.put_streaks(task.week, totals.streaks)
        return totals

    async def _work(
        self, waiting: Iterator[int], task: WeekTask, stage: RowStage, on_shard: Callable[[], None]
    ) -> None:
        for number in waiting:
            await self._patiently(number, task, stage)
            on_shard()

    async def _patiently(self, number: int, task: WeekTask, stage: RowStage) -> None:
        """Stage one shard; tried again when the store stalls, since all of it may be repeated."""
        for wait_s in WAITS_S:
            try:
                return await self._stage(number, task, stage)
            except StoreUnavailableError as error:
                log.warning("a shard is tried again", extra={"error": str(error)})
                await asyncio.sleep(wait_s)
        return await self._stage(number, task, stage)

    async def _stage(self, number: int, task: WeekTask, stage: RowStage) -> None:
        shard = await self._population.shard(number, self._sources)
        rows = await self._rows(number, shard, task)
        unknown = [row.vehicle for row in rows if row.vehicle not in shard.vehicles]
        await stage.put(task.week, number, pack_rows(rows), unknown)

    async def _rows(self, number: int, shard: Shard, task: WeekTask) -> list[Row]:
        """The rows of one shard, by vehicle."""
        [packed] = await task.before([number])
        before = {row.vehicle: row for row in unpack_rows(packed)}
        overridden = [each for each in task.overrides if shard_of(each) == number]
        everyone = {*shard.vehicles, *shard.active, *before, *overridden}
        earned = await self._population.earned(list(everyone), bounds(task.week))
        settle = self._settling.row
        rows = []
        for vehicle in sorted({*shard.active, *before, *overridden, *earned}):
            row = settle(self._facts(vehicle, shard, earned, task), before.get(vehicle))
            if row is not None:
                rows.append(row)
        return rows

    def _facts(
        self, vehicle: int, shard: Shard, earned: Mapping[int, int], task: WeekTask
    ) -> Facts:
        known = shard.vehicle(vehicle)
        return Facts(
            vehicle,
            shard.active.get(vehicle, 0),
            known.paired_mask,
            known.may_earn,
            vehicle in task.vin_taken,
            earned.get(vehicle, 0),
            task.overrides.get(vehicle),
        )
