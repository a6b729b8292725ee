"""Keeps prices and carbon as they come, and says what would become of them.

What was said of a time earlier and comes later changes nothing (psd/tariffs/price_days.py), so
messages may come twice and in any order, and a replay of a part of the archive undoes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from psd.energy.price_messages import PricesSaid
from psd.energy.price_store import PriceStore
from psd.engine.events import Change, Report
from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome
from psd.errors import ConflictError


class PriceKeeper:
    """A :class:`~psd.engine.books.Follower` of no thing; with ``is_dry`` it writes nothing."""

    keeps: frozenset[type[Change]] = frozenset({PricesSaid})
    things: frozenset[int] = frozenset()

    def __init__(self, store: PriceStore, *, is_dry: bool = False) -> None:
        self._store = store
        self._is_dry = is_dry

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """It follows no thing."""

    def preview(self) -> PriceKeeper:
        """Reads what is kept, and writes nothing."""
        return PriceKeeper(self._store, is_dry=True)

    async def keep(self, changes: Sequence[PricesSaid]) -> list[Outcome]:
        """Keep prices in their order; outcomes by position. Safe to repeat."""
        return [await self._keep(change) for change in changes]

    async def _keep(self, change: PricesSaid) -> Outcome:
        asking = self._store.would_change if self._is_dry else self._store.keep
        try:
            return BOOKED if await asking(change) else UNCHANGED
        except ConflictError as error:
            return Outcome("refused", error)
