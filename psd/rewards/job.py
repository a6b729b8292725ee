"""The weekly job: computes weeks in a row, for good or as a trial, and makes them visible.

::

    lock ─▶ begin ─▶ week n: rows of each shard ─▶ totals, shares ─▶ n+1 ... ─▶ publish ─▶ sweep
             │                └─ kept as they are made, so a killed run is continued
             └─ killed anywhere: the same call goes on where it was, readers see the old weeks

A run is continued only with the inputs that it was begun with; when late activity, an override or
other tables have come since, it is begun anew.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence

import msgspec

from psd.clock import Clock
from psd.errors import PsdError, StoreUnavailableError
from psd.failpoints import reach
from psd.rewards.computation import Before, Computation, RunProgress, WeekTask
from psd.rewards.difference import Comparison, WeekDifference
from psd.rewards.keys import rows_key
from psd.rewards.lock import JobLock
from psd.rewards.participants import Population, RunSources
from psd.rewards.publishing import Publishing
from psd.rewards.row_stage import MemoryStage, RedisStage, RowStage
from psd.rewards.rows import RECORD
from psd.rewards.rulings import Rulings
from psd.rewards.schedule import check_order, weeks_to_compute
from psd.rewards.shards import SHARDS, shard_of
from psd.rewards.store import RewardsStore, check_whole
from psd.rewards.tables import Tables
from psd.rewards.week_results import Run, WeekResult
from psd.rewards.week_totals import WeekTotals
from psd.rewards.weeks import bounds, check_ended
from psd.store.redis import Store

SHARDS_AT_ONCE = 256

Watch = Callable[[RunProgress], None]


class RunSummary(msgspec.Struct, frozen=True):
    """What a run did: its weeks' results, and whether it continued a killed one."""

    results: list[WeekResult]
    continued: bool = False


class RewardsJob:
    """Computes weeks. One instance, one event loop."""

    def __init__(
        self,
        store: Store,
        rewards: RewardsStore,
        ledger: Rulings,
        population: Population,
        clock: Clock,
    ) -> None:
        self._store = store
        self._rewards = rewards
        self._ledger = ledger
        self._population = population
        self._clock = clock
        self._lock = JobLock(store)
        self._publishing = Publishing(store, clock)

    async def calculate(
        self,
        tables: Tables,
        sources: RunSources,
        week: int | None = None,
        start: int | None = None,
        watch: Watch = lambda _progress: None,
    ) -> RunSummary:
        """Compute a week (by default the last ended) and all that follow from it; publish them.

        Idempotent. Raises OrderError, RunInProgressError, and what sources and store raise;
        then the weeks are marked Failed and what was visible stays visible.
        """
        async with self._lock.held() as lock:
            await self._publishing.sweep()
            published = await self._rewards.results()
            dirty = await self._rewards.dirty()
            weeks = weeks_to_compute(week, start, published, dirty, self._clock.now_s())
            await self._publishing.keep_tables(tables)
            newest = max((each.generation for each in published.values()), default=0)
            inputs = await self._inputs(tables, sources, weeks, published, dirty)
            run, continued = await self._publishing.begin(weeks[0], weeks[-1], inputs, newest)
            failure = "it ended before it was done"
            try:
                results = await self._run(run, tables, sources, published, watch)
                await self._publishing.publish(lock, results, dirty)
                failure = ""
            except PsdError as error:
                failure = str(error)
                raise
            finally:
                if failure:
                    with contextlib.suppress(StoreUnavailableError):
                        await self._publishing.fail(run, failure)
            await self._publishing.sweep()
            return RunSummary(results, continued)

    async def trial(
        self,
        tables: Tables,
        sources: RunSources,
        weeks: Sequence[int],
        watch: Watch = lambda _progress: None,
    ) -> list[WeekDifference]:
        """What these weeks in a row would be by these tables, against what is visible.

        Writes nothing.
        """
        published = await self._rewards.results()
        computation = Computation(self._population, sources, tables, watch)
        stage = MemoryStage()
        before = await self._visible(published.get(weeks[0] - 1))
        differences: list[WeekDifference] = []
        shards: list[int] = []
        for week in weeks:
            overrides = await self._overrides(week)
            shards = await self._shards(week, sources, shards, overrides)
            taken = frozenset(await self._population.vin_taken(shards, sources))
            task = WeekTask(week, before, overrides, taken, shards)
            totals = await computation.week(task, stage)
            result = _result((week, 0, self._clock.now_s()), totals, tables, sources)
            comparison = Comparison(self._store, published.get(week), result)
            differences.append(await comparison.over(stage, shards))
            await stage.ended(week - 1)
            before = _staged(stage, week)
        return differences

    async def weeks_of_calculate(self, week: int | None, start: int | None) -> range:
        """The weeks that :meth:`calculate` would compute now."""
        published, dirty = await self._rewards.results(), await self._rewards.dirty()
        return weeks_to_compute(week, start, published, dirty, self._clock.now_s())

    async def weeks_of_what_if(self, first: int, last: int) -> range:
        """These weeks, when there is a history to compute them on."""
        check_ended(last, self._clock.now_s())
        check_order(first, await self._rewards.results(), told=False)
        return range(first, last + 1)

    async def _run(
        self,
        run: Run,
        tables: Tables,
        sources: RunSources,
        published: Mapping[int, WeekResult],
        watch: Watch,
    ) -> list[WeekResult]:
        stage: RowStage = RedisStage(self._store, run.generation)
        computation = Computation(self._population, sources, tables, watch)
        before = await self._visible(published.get(run.first - 1))
        results: list[WeekResult] = []
        shards: list[int] = []
        for week in range(run.first, run.last + 1):
            overrides = await self._overrides(week)
            shards = await self._shards(week, sources, shards, overrides)
            if week not in run.vin_taken:
                taken = await self._population.vin_taken(shards, sources)
                run = msgspec.structs.replace(run, vin_taken={**run.vin_taken, week: taken})
                await self._publishing.note(run)
            taken_of_week = frozenset(run.vin_taken[week])
            task = WeekTask(week, before, overrides, taken_of_week, shards)
            totals = await computation.week(task, stage)
            results.append(
                _result((week, run.generation, self._clock.now_s()), totals, tables, sources)
            )
            reach("rewards_totalled")
            before = _staged(stage, week)
        return results

    async def _visible(self, result: WeekResult | None) -> Before:
        """The visible rows of a week, once all of them are known to be there."""
        if result is None:
            return _nothing
        counted = 0
        for start in range(0, SHARDS, SHARDS_AT_ONCE):
            keys = [
                rows_key(shard, result.week, result.generation)
                for shard in range(start, start + SHARDS_AT_ONCE)
            ]
            lengths = await self._store.reads.call_all([("STRLEN", key) for key in keys])
            counted += sum(lengths) // RECORD.size
        check_whole(result, counted)
        return _staged(RedisStage(self._store, result.generation), result.week)

    async def _inputs(
        self,
        tables: Tables,
        sources: RunSources,
        weeks: range,
        published: Mapping[int, WeekResult],
        dirty: Mapping[int, int],
    ) -> str:
        """What a run computes by: one with other inputs cannot continue it."""
        before = published.get(weeks[0] - 1)
        overrides = [each for each in await self._ledger.overrides() if each.week in weeks]
        marks = {week: times for week, times in dirty.items() if week in weeks}
        described = (
            tables.digest,
            sources.name,
            before.generation if before else 0,
            sorted(marks.items()),
            overrides,
        )
        return hashlib.blake2b(msgspec.json.encode(described), digest_size=8).hexdigest()

    async def _shards(
        self,
        week: int,
        sources: RunSources,
        before: Sequence[int],
        overrides: Mapping[int, int],
    ) -> list[int]:
        """The shards of a week: of its vehicles, of the week before it, of what was set by hand."""
        found = await self._population.begin(bounds(week), sources)
        return sorted({*found, *before, *map(shard_of, overrides)})

    async def _overrides(self, week: int) -> dict[int, int]:
        return {each.vehicle: each.streak for each in await self._ledger.overrides(week)}


async def _nothing(shards: Sequence[int]) -> list[bytes]:
    """The rows before the first week."""
    return [b""] * len(shards)


def _staged(stage: RowStage, week: int) -> Before:
    """The rows of a week on its stage."""

    async def rows(shards: Sequence[int]) -> list[bytes]:
        return await stage.get(week, shards)

    return rows


def _result(
    run_of: tuple[int, int, int],
    totals: WeekTotals,
    tables: Tables,
    sources: RunSources,
) -> WeekResult:
    """A computed week; ``run_of`` is its number, its generation and the second of now."""
    week, generation, now_s = run_of
    return WeekResult(
        week=week,
        generation=generation,
        tables=tables.digest,
        version=tables.version,
        source=sources.name,
        computed_at_s=now_s,
        rows=totals.rows,
        connected=totals.connected,
        points=totals.points,
        levels=totals.levels,
        shares=totals.shares,
    )
