"""What the gRPC service answers from: the visible weeks, the registry, the blacklist.

Implements :class:`psd.rewards.grpc_service.RewardsReader` over the store; needs no gRPC itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

from psd.engine.plan import Range
from psd.errors import PsdError
from psd.rewards.grpc_service import BlacklistNote, WeekReward
from psd.rewards.registry import Registry
from psd.rewards.rulings import Rulings
from psd.rewards.shares import WEI
from psd.rewards.sources.buckets import BucketSource
from psd.rewards.store import RewardsStore
from psd.rewards.tables import Tables
from psd.rewards.weeks import bounds
from psd.store.redis import Store


class StoreReader:
    """Reads for the service. ``activity`` is asked for ranges of any length."""

    def __init__(
        self,
        store: Store,
        rewards: RewardsStore,
        ledger: Rulings,
        registry: Registry,
        activity: BucketSource,
        tables: Tables,
    ) -> None:
        self._store = store
        self._rewards = rewards
        self._ledger = ledger
        self._registry = registry
        self._activity = activity
        self._tables = tables

    async def ready(self) -> bool:
        """Whether the store answers."""
        try:
            await self._store.check_fit()
        except PsdError:
            return False
        return True

    async def total_points(self) -> int:
        """Points of all visible weeks. 1 call."""
        return sum(each.points for each in (await self._rewards.results()).values())

    async def average_tokens(self) -> int:
        """Whole tokens a row of the newest week. 1 call."""
        results = await self._rewards.results()
        newest = results[max(results)] if results else None
        if newest is None or not newest.rows:
            return 0
        return newest.distributed // newest.rows // WEI

    async def device_rewards(self, vehicle: int) -> list[WeekReward]:
        """The rows of a vehicle, oldest first. 2 trips."""
        results, rows = await self._rewards.rows_of([vehicle])
        return [
            WeekReward(
                end_date=datetime.fromtimestamp(bounds(week).end, UTC).date(),
                tokens_wei=results[week].tokens(row),
                connection_streak=row.connection_streak,
                disconnection_streak=row.disconnection_streak,
                integrations=self._tables.names(row.active),
            )
            for week, row in sorted(rows[vehicle].items())
        ]

    async def qualified(self, start_s: int, end_s: int) -> AsyncIterator[tuple[int, list[str]]]:
        """Vehicles with activity in the range, shard by shard. 2 trips a shard."""
        within = Range(start_s, end_s)
        for shard in sorted(await self._registry.shards()):
            vehicles = await self._registry.shard(shard)
            active = await self._activity.between(within, list(vehicles))
            for vehicle, mask in sorted(active.items()):
                known = vehicles[vehicle]
                counted = mask & known.paired_mask
                if counted and known.may_earn:
                    yield vehicle, self._tables.names(counted)

    async def blacklist_entry(self, owner: str) -> BlacklistNote | None:
        """The entry of an owner. 1 call."""
        found = await self._ledger.barred(owner)
        return None if found is None else BlacklistNote(found.note, found.created_at_s)

    async def set_blacklist(self, owner: str, listed: bool, note: str, author: str) -> None:
        """List an owner, or take one off. 1 call."""
        if listed:
            await self._ledger.bar(owner, note, author)
        else:
            await self._ledger.unbar(owner)
