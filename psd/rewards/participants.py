"""Who is there in a week: the vehicles of a shard, what they were active on, whose VIN counts.

Joins the source of activity with what is known of each vehicle, from the registry or, where one
is configured, from a source of descriptions. A vehicle with activity that nobody described
counts as paired with what it sent.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.errors import OutOfBoundsError
from psd.rewards.registry import Registry
from psd.rewards.settling import EARNED_MAX
from psd.rewards.shards import by_shard
from psd.rewards.sources.source import ActivitySource, DescriptionSource
from psd.rewards.vehicles import Vehicle, vin_holder


class RunSources(msgspec.Struct, frozen=True):
    """Where a run of the job reads from; ``name`` is kept with what it computed."""

    activity: ActivitySource
    descriptions: DescriptionSource | None = None

    @property
    def name(self) -> str:
        """``redis``, ``elasticsearch``, either with ``+grpc``."""
        return self.activity.name + ("" if self.descriptions is None else "+grpc")

    async def close(self) -> None:
        """Let go of every connection."""
        await self.activity.close()
        if self.descriptions is not None:
            await self.descriptions.close()


class Shard(msgspec.Struct, frozen=True):
    """The vehicles of one shard in one week; ``active`` has masks of integrations."""

    vehicles: dict[int, Vehicle]
    active: dict[int, int]

    def vehicle(self, number: int) -> Vehicle:
        """What is known of a vehicle, which may be nothing."""
        return self.vehicles.get(number) or Vehicle(number)


class Population:
    """The vehicles of one run of the job, week by week."""

    def __init__(self, registry: Registry, engine: Engine, earnings: Sequence[int]) -> None:
        self._registry = registry
        self._engine = engine
        self._earnings = earnings

    async def begin(self, week: Range, sources: RunSources) -> list[int]:
        """Prepare the source for a week; the shards that hold vehicles."""
        await sources.activity.begin(week)
        return sorted({*await self._registry.shards(), *sources.activity.shards()})

    async def shard(self, number: int, sources: RunSources) -> Shard:
        """One shard's vehicles and activity. 2 trips with the default sources."""
        vehicles = await self._registry.shard(number)
        active = await sources.activity.active(number, list(vehicles))
        if sources.descriptions is not None and active:
            vehicles = {**vehicles, **await sources.descriptions.describe(list(active))}
        return Shard(vehicles, active)

    async def earned(self, vehicles: Sequence[int], week: Range) -> dict[int, int]:
        """Points earned otherwise, of those who earned or lost any. 1 trip."""
        if not vehicles or not self._earnings:
            return {}
        sums = await self._engine.sums(vehicles, self._earnings, [week] * len(vehicles))
        earned: dict[int, int] = {}
        for vehicle, owner in zip(vehicles, sums, strict=True):
            points = sum(owner.sums.values())
            if abs(points) > EARNED_MAX:
                raise OutOfBoundsError(
                    f"vehicle {vehicle}: {points} earned points in one week; "
                    f"at most {EARNED_MAX} can be kept"
                )
            if points:
                earned[vehicle] = points
        return earned

    async def vin_taken(self, shards: Iterable[int], sources: RunSources) -> list[int]:
        """Active vehicles whose VIN earns for another active vehicle this week, sorted."""
        taken: list[int] = []
        for rivals in await self._rivals(shards, sources):
            holder = vin_holder(rivals)
            taken += [each.vehicle for each in rivals if each is not holder]
        return sorted(taken)

    async def _rivals(self, shards: Iterable[int], sources: RunSources) -> list[list[Vehicle]]:
        """Groups of two or more active vehicles that may earn and share a VIN."""
        if sources.descriptions is None:
            groups = await self._registry.shared_vins()
            active = await self._active_of([v.vehicle for group in groups for v in group], sources)
            candidates = [[v for v in group if _earns(v, active)] for group in groups]
        else:
            by_vin: dict[str, list[Vehicle]] = defaultdict(list)
            for number in shards:
                shard = await self.shard(number, sources)
                for vehicle in shard.active:
                    known = shard.vehicle(vehicle)
                    if known.vin and _earns(known, shard.active):
                        by_vin[known.vin].append(known)
            candidates = list(by_vin.values())
        return [group for group in candidates if len(group) > 1]

    async def _active_of(self, vehicles: Sequence[int], sources: RunSources) -> dict[int, int]:
        groups = by_shard(vehicles)
        found = await asyncio.gather(
            *(sources.activity.active(shard, members) for shard, members in groups.items())
        )
        return {vehicle: mask for masks in found for vehicle, mask in masks.items()}


def _earns(vehicle: Vehicle, active: dict[int, int]) -> bool:
    return vehicle.may_earn and bool(active.get(vehicle.vehicle, 0) & vehicle.paired_mask)
