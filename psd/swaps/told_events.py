"""Every event of every network, as the decision that appends it again by its number."""

from __future__ import annotations

from collections.abc import AsyncIterator

from psd.domain.told_again import ToldMessage, decided
from psd.engine.plan import Range
from psd.swaps.accepted import SwapAccepted
from psd.swaps.store import SwapsStore

AT_ONCE = 500


class ToldSwaps:
    """Tells networks in the order of their names, events in that of their numbers."""

    def __init__(self, store: SwapsStore) -> None:
        self._store = store

    async def standing(self, _within: Range) -> AsyncIterator[ToldMessage]:
        """All of them."""
        for network in sorted(await self._store.networks()):
            last = 0
            while events := await self._store.stream(network, last, AT_ONCE):
                for n, event in events:
                    accepted = SwapAccepted(version=n, network=network, n=n, event=event)
                    yield decided(network, event.second, accepted)
                last = events[-1][0]
