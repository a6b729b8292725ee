"""What a computation would change: a week as it would be against the week that is visible.

For ``calculate --dry-run`` and ``what-if``::

    week 5: 3 of 200 rows differ, 1 more connected, +6,000 points, 4,419.9 tokens move
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from psd.rewards.keys import rows_key
from psd.rewards.row_stage import RowStage
from psd.rewards.rows import Row, unpack_rows
from psd.rewards.week_results import WeekResult
from psd.store.redis import Store

EXAMPLES_MAX = 20
SHARDS_AT_ONCE = 64


class RowDifference(msgspec.Struct, frozen=True):
    """One vehicle whose row differs; None where it has none. Tokens are in wei."""

    vehicle: int
    before: Row | None
    after: Row | None
    tokens_before: int
    tokens_after: int


class WeekDifference(msgspec.Struct):
    """A week before and after; ``before`` is None for one that was never computed.

    ``tokens_gained`` is what all vehicles together would get more, ``tokens_lost`` what others
    would get less, in wei; ``examples`` are the first vehicles whose rows differ.
    """

    before: WeekResult | None
    after: WeekResult
    rows_changed: int = 0
    tokens_gained: int = 0
    tokens_lost: int = 0
    examples: list[RowDifference] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.rows_changed or self.tokens_gained or self.tokens_lost)

    def note_shard(self, old: bytes, new: bytes) -> None:
        """Compare the packed rows of one shard."""
        if old == new and self.before is not None and self.before.shares == self.after.shares:
            return
        before = {row.vehicle: row for row in unpack_rows(old)}
        after = {row.vehicle: row for row in unpack_rows(new)}
        for vehicle in sorted(before.keys() | after.keys()):
            self._note(vehicle, before.get(vehicle), after.get(vehicle))

    def _note(self, vehicle: int, old: Row | None, new: Row | None) -> None:
        tokens_before = self.before.tokens(old) if self.before and old else 0
        tokens_after = self.after.tokens(new) if new else 0
        self.tokens_gained += max(tokens_after - tokens_before, 0)
        self.tokens_lost += max(tokens_before - tokens_after, 0)
        if old == new:
            return
        self.rows_changed += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(RowDifference(vehicle, old, new, tokens_before, tokens_after))


class Comparison:
    """Compares one staged week with the visible one."""

    def __init__(self, store: Store, before: WeekResult | None, after: WeekResult) -> None:
        self._store = store
        self._found = WeekDifference(before, after)

    async def over(self, stage: RowStage, shards: Sequence[int]) -> WeekDifference:
        """The difference over all shards. 1 trip for 64 of them."""
        for start in range(0, len(shards), SHARDS_AT_ONCE):
            page = shards[start : start + SHARDS_AT_ONCE]
            staged = await stage.get(self._found.after.week, page)
            for old, new in zip(await self._visible(page), staged, strict=True):
                self._found.note_shard(old, new)
        return self._found

    async def _visible(self, shards: Sequence[int]) -> list[bytes]:
        before = self._found.before
        if before is None:
            return [b""] * len(shards)
        keys = [rows_key(shard, before.week, before.generation) for shard in shards]
        replies = await self._store.reads.call_all([("GET", key) for key in keys])
        return [packed or b"" for packed in replies]
