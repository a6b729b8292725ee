"""What a statement is made of, read from wherever it is kept.

A row and the one before it, the tables that computed them, activity and earnings as they are
booked now, what was decided by hand and what was paid. Detail that has expired is left out, and
the statement says less::

    second_s = 30 days, a week of last year   -> signals 14, first and last seen unknown
    week_s = 30 days too                      -> signals unknown
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.errors import DetailExpiredError, TooLargeError
from psd.rewards.decisions import Override
from psd.rewards.explanation import IntegrationSignals, Material
from psd.rewards.rows import Row, Why
from psd.rewards.rulings import Rulings
from psd.rewards.store import RewardsStore
from psd.rewards.tables import SIGNALS_THING, Tables
from psd.rewards.vehicles import Vehicle
from psd.rewards.week_results import WeekResult
from psd.rewards.weeks import bounds

TABLES_KEPT_MAX = 64
"""Tables by digest never change, so those of past weeks are read once a process."""


class Evidence:
    """Reads for statements; raises StoreUnavailableError when Redis is away."""

    def __init__(
        self,
        rewards: RewardsStore,
        ledger: Rulings,
        engine: Engine,
        tables: Tables,
        things: Mapping[str, int],
    ) -> None:
        self._rewards = rewards
        self._ledger = ledger
        self._engine = engine
        self._tables = tables
        self._things = things
        self._kept_tables: dict[str, Tables] = {}

    async def material(self, vehicle: Vehicle, result: WeekResult) -> Material | None:
        """Everything about a vehicle's week; None where it has no row. 2 trips, mostly."""
        number, week = vehicle.vehicle, bounds(result.week)
        (results, rows), tables, activity, earnings, payouts = await asyncio.gather(
            self._rewards.rows_of([number], (result.week - 1, result.week)),
            self.tables(result.tables),
            self._activity(number, week),
            self._earnings(number, week),
            self._ledger.payouts([number], result.week),
        )
        row = rows[number].get(result.week)
        if row is None:
            return None
        # A job may have published since: row, result and tables must be of one computation.
        now = results[result.week]
        return Material(
            vehicle=vehicle,
            row=row,
            before=rows[number].get(result.week - 1),
            result=now,
            tables=tables if now.tables == result.tables else await self.tables(now.tables),
            activity=activity,
            earnings=earnings,
            payout=payouts.get(number),
            override=await self._override(row, result.week),
        )

    async def tables(self, digest: str) -> Tables:
        """The tables of a computed week. 1 trip the first time."""
        if digest == self._tables.digest:
            return self._tables
        found = self._kept_tables.get(digest)
        if found is None:
            found = await self._rewards.tables(digest)
            if len(self._kept_tables) >= TABLES_KEPT_MAX:
                self._kept_tables.clear()
            self._kept_tables[digest] = found
        return found

    async def _override(self, row: Row, week: int) -> Override | None:
        """What was set by hand; asked for only where the row says that something was."""
        if not row.why & Why.OVERRIDDEN:
            return None
        made = await self._ledger.overrides(week)
        return next((each for each in made if each.vehicle == row.vehicle), None)

    async def _activity(self, vehicle: int, week: Range) -> dict[int, IntegrationSignals]:
        """Signals by integration; without times where these have expired or are too many to read.

        Without anything where the sums have expired, too.
        """
        signals = self._things.get(SIGNALS_THING)
        if signals is None:
            return {}
        try:
            found = await self._engine.by_atid(vehicle, signals, week)
            return {
                number: IntegrationSignals(each.sum, each.first_s, each.last_s)
                for number, each in found.items()
            }
        except (DetailExpiredError, TooLargeError):
            return await self._sums_by_integration(vehicle, signals, week)

    async def _sums_by_integration(
        self, vehicle: int, signals: int, week: Range
    ) -> dict[int, IntegrationSignals]:
        numbers = [each.id for each in self._tables.integrations]
        try:
            found = await asyncio.gather(
                *(self._engine.sums([vehicle], [signals], [week], atid=each) for each in numbers)
            )
        except DetailExpiredError:
            return {}
        sums = {number: owner.sums[signals] for number, [owner] in zip(numbers, found, strict=True)}
        return {
            number: IntegrationSignals(each, None, None) for number, each in sums.items() if each
        }

    async def _earnings(self, vehicle: int, week: Range) -> dict[str, int] | None:
        """Points by thing, as they are booked now; None where they have expired."""
        things = {
            name: self._things[name] for name in self._tables.earnings if name in self._things
        }
        if not things:
            return {}
        try:
            [owner] = await self._engine.sums([vehicle], list(things.values()), [week])
        except DetailExpiredError:
            return None
        return {name: owner.sums[number] for name, number in things.items() if owner.sums[number]}
