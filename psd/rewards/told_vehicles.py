"""What is known of vehicles and was decided of rewards, as messages that tell it again.

::

    vehicle 7, owner 42 since 1644210000, paired since 1644300000
    -> {"command":"vehicle","vehicle":{"vehicle":7,"owner":"42","time":1644210000}}
       {"command":"vehicle","vehicle":{"vehicle":7,"integrations":["Smartcar"],"time":1644300000}}

Behind them the blacklist, overrides and what was paid, as decisions of their versions. Rows of
weeks are none of it: they follow from these and the bookings (``psd rewards calculate``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

import msgspec

from psd.domain.told_again import ToldMessage, commanded, decided
from psd.engine.plan import Range
from psd.rewards.decisions import Barred, Overridden, Paid, Payout
from psd.rewards.registry import Registry, VehicleRecord
from psd.rewards.rulings import Rulings
from psd.rewards.store import RewardsStore
from psd.rewards.tables import Tables
from psd.rewards.vehicle_events import CHANGEABLE
from psd.rewards.vehicle_messages import VehicleFields
from psd.rewards.weeks import bounds


class ToldRewards:
    """Tells all of it."""

    def __init__(
        self, registry: Registry, rulings: Rulings, results: RewardsStore, tables: Tables
    ) -> None:
        self._registry = registry
        self._rulings = rulings
        self._results = results
        self._tables = tables

    async def standing(self, _within: Range) -> AsyncIterator[ToldMessage]:
        """Vehicles by their shards, then who is barred, streaks set by hand, and payouts."""
        shards = await self._registry.shards()
        for shard in shards:
            for vehicle, record in sorted((await self._registry.records(shard)).items()):
                for fields in self._told(vehicle, record):
                    second = fields.time if isinstance(fields.time, int) else 0
                    yield commanded(str(vehicle), second, "vehicle", fields)
        for owner, entry in (await self._rulings.blacklist()).items():
            bars = Barred(entry=entry)
            version = await self._rulings.version(bars.subject)
            yield decided(owner, entry.created_at_s, msgspec.structs.replace(bars, version=version))
        for override in await self._rulings.overrides():
            sets = Overridden(override=override)
            version = await self._rulings.version(sets.subject)
            told = msgspec.structs.replace(sets, version=version)
            yield decided(str(override.vehicle), override.created_at_s, told)
        for week in sorted(await self._results.results()):
            for shard in shards:
                for paid in await self._paid(shard, week):
                    yield decided(f"week {week}", bounds(week).start, paid)

    async def _paid(self, shard: int, week: int) -> list[Paid]:
        """What was paid to a shard's vehicles for a week, by versions."""
        by_version: defaultdict[int, list[Payout]] = defaultdict(list)
        for version, payout in await self._rulings.kept_payouts(shard, week):
            by_version[version].append(payout)
        return [
            Paid(version=version, week=week, payouts=sorted(made, key=lambda each: each.vehicle))
            for version, made in sorted(by_version.items())
        ]

    def _told(self, vehicle: int, record: VehicleRecord | None) -> Iterator[VehicleFields]:
        """What was said of a vehicle, a message for each second."""
        if record is None:
            yield VehicleFields(vehicle=vehicle)
            return
        slots = msgspec.structs.astuple(record)
        said: defaultdict[int, dict[str, object]] = defaultdict(dict)
        for at, name in enumerate(CHANGEABLE):
            since, value = slots[2 * at], slots[2 * at + 1]
            if since:
                said[since][name] = None if value is False else self._sent(name, value)
        for since in sorted(said):
            changes: dict[str, object] = said[since]
            yield msgspec.convert({"vehicle": vehicle, "time": since, **changes}, VehicleFields)

    def _sent(self, name: str, value: str | int) -> object:
        """A value as a message has it."""
        if name == "integrations":
            return self._tables.names(int(value))
        return bool(value) if name in ("minted", "opted_in") else value
