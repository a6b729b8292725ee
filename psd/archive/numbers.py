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
from psd.store.highest import Order


class StoreNumbers:
    """Numbers by a store; ``folder`` is the archive's."""

    def __init__(self, order: Order, clock: Clock, folder: Path) -> None:
        self._order = order
        self._clock = clock
        self._folder = folder
        self._has_looked = False

    async def next(self, accepted_ms: int) -> Stamp:
        """For what was accepted by then. One trip; see :data:`psd.archive.writer.Numbers`."""
        highest = await self._order.ask()
        if highest.number is None and not self._has_looked:
            self._order.reached(await asyncio.to_thread(highest_number, self._folder))
        self._has_looked = highest.number is None
        moment_us = min(max(self._clock.now_ms(), accepted_ms) * 1000, highest.store_us)
        number = self._order.take(highest.number or 0, moment_us)
        return Stamp(number, highest.store_us // 1000)
