"""Where a run puts its rows before anybody sees them: in Redis, or for a trial in memory.

In Redis the rows lie under keys of the run's generation. A shard is written with one SET, so
what is there is whole, and a run that continues a killed one passes over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from psd.rewards.keys import rows_key, streaks_key
from psd.rewards.registry import registration
from psd.store.kept import write_in_order
from psd.store.redis import Store


class RowStage(Protocol):
    """Rows by week and shard, packed as in psd/rewards/rows.py."""

    async def staged(self, week: int, shards: Sequence[int]) -> set[int]:
        """The shards that are there already."""
        ...

    async def put(self, week: int, shard: int, packed: bytes, unknown: Sequence[int]) -> None:
        """Keep one shard's rows; ``unknown`` are vehicles with a row that nobody registered."""
        ...

    async def get(self, week: int, shards: Sequence[int]) -> list[bytes]:
        """The rows of some shards, by position; empty where there are none."""
        ...

    async def put_streaks(self, week: int, packed: bytes) -> None:
        """Keep the longest streaks of a week."""
        ...

    async def ended(self, week: int) -> None:
        """A week and the one after it are computed: it will not be asked for again."""
        ...


class RedisStage:
    """Under keys of one generation. 1 trip a call."""

    def __init__(self, store: Store, generation: int) -> None:
        self._store = store
        self._generation = generation

    async def staged(self, week: int, shards: Sequence[int]) -> set[int]:
        """See :class:`RowStage`."""
        replies = await self._store.reads.call_all(
            [("EXISTS", rows_key(shard, week, self._generation)) for shard in shards]
        )
        return {shard for shard, exists in zip(shards, replies, strict=True) if exists}

    async def put(self, week: int, shard: int, packed: bytes, unknown: Sequence[int]) -> None:
        """See :class:`RowStage`. They are registered, so that every row is found by its shard."""
        key = rows_key(shard, week, self._generation)
        await write_in_order(self._store, *registration(unknown), [("SET", key, packed)])

    async def get(self, week: int, shards: Sequence[int]) -> list[bytes]:
        """See :class:`RowStage`."""
        replies = await self._store.reads.call_all(
            [("GET", rows_key(shard, week, self._generation)) for shard in shards]
        )
        return [packed or b"" for packed in replies]

    async def put_streaks(self, week: int, packed: bytes) -> None:
        """See :class:`RowStage`."""
        await self._store.writes.call(("SET", streaks_key(week, self._generation), packed))

    async def ended(self, week: int) -> None:
        """Keep it: it will be published."""


class MemoryStage:
    """For what is only looked at: two weeks of a million vehicles are 58 MB."""

    def __init__(self) -> None:
        self._weeks: dict[int, dict[int, bytes]] = {}

    async def staged(self, week: int, shards: Sequence[int]) -> set[int]:
        """None: a trial is never continued."""
        return set()

    async def put(self, week: int, shard: int, packed: bytes, unknown: Sequence[int]) -> None:
        """See :class:`RowStage`. Nobody is registered."""
        self._weeks.setdefault(week, {})[shard] = packed

    async def get(self, week: int, shards: Sequence[int]) -> list[bytes]:
        """See :class:`RowStage`."""
        rows = self._weeks.get(week, {})
        return [rows.get(shard, b"") for shard in shards]

    async def put_streaks(self, week: int, packed: bytes) -> None:
        """Nobody asks a trial for its streaks."""

    async def ended(self, week: int) -> None:
        """Forget it."""
        self._weeks.pop(week, None)
