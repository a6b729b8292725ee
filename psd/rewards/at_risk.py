"""Who is about to lose a week: active in the last one, not yet in the open one.

Looks at activity as the weekly job does: signals on paired integrations of vehicles that may
earn. The whole registry is looked through piece by piece; an answer says where the next begins,
and may be empty although there is more::

    at_risk.of_all(AtRiskPlace(0, -1), 100)
    -> AtRiskPage([Risk(vehicle=7, owner="42", ...)], AtRiskPlace(16, -1))
    at_risk.of_owner("42", AtRiskPlace(0, -1), 100)
    -> AtRiskPage([...], None)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from psd.clock import Clock
from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.errors import DetailExpiredError, TooLargeError
from psd.rewards.registry import Registry
from psd.rewards.rows import Row
from psd.rewards.shards import shard_of
from psd.rewards.sources.buckets import BucketSource
from psd.rewards.store import RewardsStore
from psd.rewards.tables import SIGNALS_THING, Tables
from psd.rewards.vehicles import Vehicle
from psd.rewards.weeks import bounds, last_ended

VEHICLES_MAX = 2000
"""Vehicles that one answer looks at: 0.66 s on a busy machine where all of them are at risk."""

SHARDS_FIRST = 8
"""Shards that are read first, VEHICLES_MAX of a million vehicles; twice as many each time after."""

SHARDS_MAX = 504
"""Shards that one answer reads where they hold few vehicles: 6 trips."""


class AtRiskPlace(msgspec.Struct, frozen=True, order=True):
    """Where an answer ended: after this vehicle of this shard."""

    shard: int = 0
    vehicle: int = -1


class Risk(msgspec.Struct, frozen=True):
    """A vehicle that would be off this week; ``row`` is that of the newest computed week.

    ``last_activity_s`` is None where its detail has expired.
    """

    vehicle: Vehicle
    row: Row | None
    last_activity_s: int | None


class AtRiskPage(msgspec.Struct, frozen=True):
    """Vehicles at risk, and where the next answer begins; None when there is no more."""

    week: int
    found: list[Risk]
    next: AtRiskPlace | None


class AtRisk:
    """Reads for owners and operators; raises StoreUnavailableError when Redis is away."""

    def __init__(
        self,
        registry: Registry,
        rewards: RewardsStore,
        engine: Engine,
        tables: Tables,
        things: Mapping[str, int],
        clock: Clock,
    ) -> None:
        self._registry = registry
        self._rewards = rewards
        self._engine = engine
        self._signals = things.get(SIGNALS_THING)
        self._ids = tuple(tables.by_id)
        self._source = BucketSource(engine, self._signals or 0, tables)
        self._clock = clock

    async def of_owner(self, owner: str, after: AtRiskPlace, limit: int) -> AtRiskPage:
        """An owner's vehicles, by shard and number. Up to 7 trips."""
        return await self._page(await self._registry.of_owner(owner), None, after, limit)

    async def of_all(self, after: AtRiskPlace, limit: int) -> AtRiskPage:
        """Vehicles of the registry from a place on. Up to 12 trips."""
        shards = [each for each in await self._registry.shards() if each >= after.shard]
        vehicles: list[Vehicle] = []
        start, size = 0, SHARDS_FIRST
        while start < min(len(shards), SHARDS_MAX) and len(vehicles) < VEHICLES_MAX:
            read = shards[start : start + size]
            for found in await asyncio.gather(*(self._registry.shard(each) for each in read)):
                vehicles += found.values()
            start, size = start + size, size * 2
        rest = AtRiskPlace(shards[start]) if start < len(shards) else None
        return await self._page(vehicles, rest, after, limit)

    def of_nobody(self) -> AtRiskPage:
        """What an owner without vehicles gets."""
        return AtRiskPage(last_ended(self._clock.now_s()) + 1, [], None)

    async def _page(
        self, vehicles: Sequence[Vehicle], rest: AtRiskPlace | None, after: AtRiskPlace, limit: int
    ) -> AtRiskPage:
        """Those at risk among the vehicles after a place; ``rest`` begins where these end."""
        week = last_ended(self._clock.now_s())
        places = sorted((_place(each), each.vehicle) for each in vehicles)
        by_number = {each.vehicle: each for each in vehicles}
        numbers = [number for place, number in places if place > after]
        if len(numbers) > VEHICLES_MAX:
            numbers = numbers[:VEHICLES_MAX]
            rest = _place(by_number[numbers[-1]])
        at_risk = await self._at_risk([by_number[each] for each in numbers], week)
        if len(at_risk) > limit:
            at_risk = at_risk[:limit]
            rest = _place(at_risk[-1])
        return AtRiskPage(week + 1, await self._risks(at_risk, bounds(week)), rest)

    async def _at_risk(self, vehicles: Sequence[Vehicle], week: int) -> list[Vehicle]:
        """Those that counted as connected in a week and not yet in the one after it."""
        was_on = await self._connected(vehicles, bounds(week))
        is_on = {each.vehicle for each in await self._connected(was_on, bounds(week + 1))}
        return [each for each in was_on if each.vehicle not in is_on]

    async def _connected(self, vehicles: Sequence[Vehicle], week: Range) -> list[Vehicle]:
        if self._signals is None:
            return []
        masks = await self._source.between(week, [each.vehicle for each in vehicles])
        return [
            each
            for each in vehicles
            if each.may_earn and masks.get(each.vehicle, 0) & each.paired_mask
        ]

    async def _risks(self, vehicles: Sequence[Vehicle], week: Range) -> list[Risk]:
        if not vehicles:
            return []
        results, seen = await asyncio.gather(
            self._rewards.results(),
            asyncio.gather(*(self._last_s(each, week) for each in vehicles)),
        )
        newest = max(results, default=-1)
        _, rows = await self._rewards.rows_of((each.vehicle for each in vehicles), [newest])
        return [
            Risk(each, rows[each.vehicle].get(newest), last_s)
            for each, last_s in zip(vehicles, seen, strict=True)
        ]

    async def _last_s(self, vehicle: Vehicle, week: Range) -> int | None:
        """The last second at which a vehicle was active on what is paired with it.

        None where its signals have expired, or are too many to read.
        """
        assert self._signals is not None, "without signals nobody is at risk"
        try:
            found = await self._engine.by_atid(vehicle.vehicle, self._signals, week)
        except (DetailExpiredError, TooLargeError):
            return None
        paired = vehicle.paired_mask
        return max(
            (each.last_s for atid, each in found.items() if paired >> atid & 1), default=None
        )


def _place(vehicle: Vehicle) -> AtRiskPlace:
    return AtRiskPlace(shard_of(vehicle.vehicle), vehicle.vehicle)
