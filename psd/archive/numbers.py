"""The numbers that order what is archived, above those of all processes of the same store.

A store that knows of none was lost, or is new: then it goes on above what lies in the archive.
Neither the machine's clock nor the store's can push the numbers ahead alone, because the slower
one counts::

    store 41, machine 10:00, store's clock 10:00               the number of 10:00
    store 41, machine 40 days ahead, store's clock 10:00       the number of 10:00
    store at the number of 10:00, both clocks an hour behind   that number + 1
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from psd.archive.order import Stamp
from psd.archive.reader import highest_number
from psd.clock import Clock
from psd.store.highest import Highest, Order

LEAD_MAX_MS = 60_000
"""Versions lead the numbers by one for each decision of a millisecond. An older psd took them from
its machine's clock: numbers do not follow one that was days ahead."""


class StoreNumbers:
    """Numbers by a store; ``folder`` is the archive's."""

    def __init__(self, order: Order, clock: Clock, folder: Path) -> None:
        self._order = order
        self._clock = clock
        self._folder = folder
        self._has_looked = False

    async def next(self, accepted_ms: int) -> Stamp:
        """For what was accepted by then. One trip; see :data:`psd.archive.writer.Numbers`."""
        highest = await self._ask()
        number = self._order.take(highest.number or 0, self._moment_us(accepted_ms, highest))
        return Stamp(number, highest.store_us // 1000)

    async def version_floor(self) -> int:
        """What no version in the archive is above, as each has an entry with a higher number.

        In milliseconds, as the numbers are in microseconds. One trip.
        """
        highest = await self._ask()
        known = max(highest.number or 0, self._order.last, self._moment_us(0, highest))
        return known // 1000

    def follow(self, version: int) -> None:
        """Let what is archived from now on have a number above a decision's version."""
        if version - self._order.last // 1000 <= LEAD_MAX_MS:
            self._order.reached(version * 1000)

    async def _ask(self) -> Highest:
        highest = await self._order.ask()
        if highest.number is None and not self._has_looked:
            self._order.reached(await asyncio.to_thread(highest_number, self._folder))
        self._has_looked = highest.number is None
        return highest

    def _moment_us(self, accepted_ms: int, highest: Highest) -> int:
        """Now, by whichever clock is behind."""
        return min(max(self._clock.now_ms(), accepted_ms) * 1000, highest.store_us)
