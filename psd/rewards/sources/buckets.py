"""The default source: psd's own buckets, into which workers book the activity events.

A vehicle was active on an integration in a week when the sum of thing ``signals`` with the
integration's atid over the week is more than 0: one field of the week's bucket.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from psd.engine.engine import Engine
from psd.engine.plan import Range
from psd.rewards.tables import Tables


class BucketSource:
    """Activity by the engine's sums."""

    name = "redis"

    def __init__(self, engine: Engine, signals: int, tables: Tables) -> None:
        self._engine = engine
        self._signals = signals
        self._integrations = [each.id for each in tables.integrations]
        self._week = Range(0, 0)

    async def begin(self, week: Range) -> None:
        """Remember the week; the store is asked shard by shard."""
        self._week = week

    def shards(self) -> frozenset[int]:
        """None: whoever sent activity is in the registry."""
        return frozenset()

    async def active(self, shard: int, vehicles: Sequence[int]) -> dict[int, int]:
        """Masks of the active ones of this week."""
        return await self.between(self._week, vehicles)

    async def between(self, within: Range, vehicles: Sequence[int]) -> dict[int, int]:
        """Masks of those active in a range. 1 trip, 1 call per integration and 100 vehicles."""
        if not vehicles:
            return {}
        ranges = [within] * len(vehicles)
        signals = self._signals
        sums = await asyncio.gather(
            *(
                self._engine.sums(vehicles, [signals], ranges, atid=number)
                for number in self._integrations
            )
        )
        masks: dict[int, int] = {}
        for number, owners in zip(self._integrations, sums, strict=True):
            bit = 1 << number
            for vehicle, owner in zip(vehicles, owners, strict=True):
                if owner.sums[signals] > 0:
                    masks[vehicle] = masks.get(vehicle, 0) | bit
        return masks

    async def close(self) -> None:
        """Nothing: the engine belongs to the runtime."""
