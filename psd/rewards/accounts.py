"""What an owner sees, read from the store: vehicles and their sums, weeks, statements.

What lives here is reading; what a statement says is in statement.py, what HTTP makes of it in
server/routes/rewards_user.py and rewards_reads.py. An owner has the vehicles that are registered
to it now, with all weeks of each, also those from before it came::

    accounts = Accounts(registry, rewards, evidence, engine, tables, {"signals": 6}, clock)
    await accounts.account("42")          -> Account(week=10, devices=[Device(vehicle 7, ...)])
    await accounts.history("42")          -> [WeekSum(9, 8000, ...), WeekSum(8, 0, 0), ...]
    await accounts.statement(7, None, lambda owner: owner == "42")
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from psd.clock import Clock
from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.errors import NotFoundError, TooLargeError
from psd.rewards.evidence import Evidence
from psd.rewards.registry import Registry
from psd.rewards.rows import Row, Why
from psd.rewards.sources.buckets import BucketSource
from psd.rewards.statement import Statement, statement_of
from psd.rewards.store import RewardsStore, asked_week
from psd.rewards.tables import SIGNALS_THING, Tables
from psd.rewards.vehicles import Vehicle
from psd.rewards.week_results import WeekResult
from psd.rewards.weeks import bounds, week_of
from psd.slices import ROWS_AT_ONCE, Stretch, in_slices

OWNER_VEHICLES_MAX = 1000
"""Vehicles of one answer: with 250 weeks each some 0.3 s. Whoever has more asks by vehicle."""

MaySee = Callable[[str | None], bool]
"""Whether whoever asks may see the vehicles of an owner."""


class Device(msgspec.Struct, frozen=True):
    """A vehicle and what it earned over all weeks; ``tokens`` in wei.

    ``newest`` is the last row of its streak, ``live`` has the integrations that were active in
    the open week, as bits.
    """

    vehicle: Vehicle
    points: int
    tokens: int
    newest: Row | None
    live: int


class Account(msgspec.Struct, frozen=True):
    """An owner's vehicles by number, in the open week."""

    week: int
    devices: list[Device]


class WeekSum(msgspec.Struct, frozen=True):
    """What some vehicles earned in a week; ``tokens`` in wei."""

    week: int
    points: int
    tokens: int


class Accounts:
    """Reads for owners; raises StoreUnavailableError when Redis is away."""

    def __init__(
        self,
        registry: Registry,
        rewards: RewardsStore,
        evidence: Evidence,
        engine: Engine,
        tables: Tables,
        things: Mapping[str, int],
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._rewards = rewards
        self._engine = engine
        self._tables = tables
        self._things = things
        self._clock = clock
        self._evidence = evidence

    async def account(self, owner: str) -> Account | None:
        """An owner's vehicles, or None for one that has none. 4 trips."""
        vehicles = await self._vehicles(owner)
        if not vehicles:
            return None
        week = week_of(self._clock.now_s())
        numbers = [each.vehicle for each in vehicles]
        (results, rows), live = await asyncio.gather(
            self._rewards.rows_of(numbers), self._live(numbers, bounds(week))
        )

        def devices(some: Sequence[Vehicle]) -> list[Device]:
            return [
                _device(each, results, rows[each.vehicle], live.get(each.vehicle, 0))
                for each in some
            ]

        at_once = max(1, ROWS_AT_ONCE // (1 + len(results)))
        return Account(week, await in_slices(vehicles, devices, at_once))

    async def history(self, owner: str) -> list[WeekSum]:
        """Weeks from the newest row of an owner's vehicles to the first, those between too.

        4 trips.
        """
        vehicles = await self._vehicles(owner)
        results, rows = await self._rewards.rows_of(each.vehicle for each in vehicles)
        sums = await _sums(results, rows.values())
        if not sums:
            return []
        weeks = range(max(sums), min(sums) - 1, -1)
        return [sums.get(week, WeekSum(week, 0, 0)) for week in weeks]

    async def weeks_of(self, vehicle: int, may_see: MaySee) -> list[WeekSum]:
        """The weeks in which a vehicle has a row, newest first; none for who may not see it."""
        known, (results, rows) = await asyncio.gather(
            self._registry.vehicle(vehicle), self._rewards.rows_of([vehicle])
        )
        if not may_see(known.owner if known else None):
            return []
        return list(reversed((await _sums(results, rows.values())).values()))

    async def statement(self, vehicle: int, week: int | None, may_see: MaySee) -> Statement:
        """The statement of a week, by default the newest computed one. 3 trips.

        Raises NotFoundError for a week that was never computed, and for a vehicle without a row
        in it, in the same words as for one that is not whoever asks'.
        """
        results, known, dirty = await asyncio.gather(
            self._rewards.results(), self._registry.vehicle(vehicle), self._rewards.dirty()
        )
        result = asked_week(results, week)
        vehicle_known = known or Vehicle(vehicle)
        material = await self._evidence.material(vehicle_known, result)
        if material is None or not may_see(vehicle_known.owner):
            raise NotFoundError(f"vehicle: {vehicle} has no row in week {result.week}")
        late = any(each <= result.week for each in dirty)
        return statement_of(material, dirty=late)

    async def _vehicles(self, owner: str) -> list[Vehicle]:
        found = await self._registry.of_owner(owner)
        if len(found) > OWNER_VEHICLES_MAX:
            raise TooLargeError(
                f"owner: {len(found)} vehicles; at most {OWNER_VEHICLES_MAX} are told at once"
            )
        return found

    async def _live(self, vehicles: list[int], within: Range) -> dict[int, int]:
        """Masks of the integrations that were active."""
        signals = self._things.get(SIGNALS_THING)
        if signals is None:
            return {}
        return await BucketSource(self._engine, signals, self._tables).between(within, vehicles)


def _device(
    vehicle: Vehicle, results: Mapping[int, WeekResult], rows: Mapping[int, Row], live: int
) -> Device:
    in_streak = [week for week, row in rows.items() if row.why & Why.STREAK]
    return Device(
        vehicle=vehicle,
        points=sum(row.points for row in rows.values()),
        tokens=sum(results[week].tokens(row) for week, row in rows.items()),
        newest=rows[max(in_streak)] if in_streak else None,
        live=live,
    )


async def _sums(
    results: Mapping[int, WeekResult], vehicles: Iterable[Mapping[int, Row]]
) -> dict[int, WeekSum]:
    """Sums of the weeks in which any of the vehicles has a row, in the order of the weeks."""
    points: dict[int, int] = {}
    tokens: dict[int, int] = {}
    stretch = Stretch()
    for rows in vehicles:
        await stretch.after(1 + len(rows))
        for week, row in rows.items():
            points[week] = points.get(week, 0) + row.points
            tokens[week] = tokens.get(week, 0) + results[week].tokens(row)
    return {week: WeekSum(week, points[week], tokens[week]) for week in sorted(points)}
