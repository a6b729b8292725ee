"""The highest number of what was archived and booked: the store keeps it for all processes.

Whoever archives asks for it first and takes a higher one; whoever books tells the store how far
he is, with the same trip. So a message that is accepted after another one was acknowledged has the
higher number, from whichever process::

    process a   asks: 41   archives with 42   books, and tells 42   acknowledges
    process b   asks, once that was acknowledged: 42   archives with 43

Two that overlap may take the same one: neither was known when the other was sent. Asking is a read
on a connection of its own, telling is one command more in a trip of bookings: no fsync is added.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import msgspec

from psd.store.clocks import Clocks
from psd.store.keys import ORDER_KEY
from psd.store.routed import RoutedLane
from psd.store.sending import Command
from psd.store.trail import Aside

MEMBER = "highest"
"""Of a sorted set, because ZADD GT raises a score and never lowers it. Scores are exact up to 2^53:
as microseconds that is the year 2255."""

ASK: tuple[Command, ...] = (("ZSCORE", ORDER_KEY, MEMBER), ("TIME",))

T = TypeVar("T")


class Highest(msgspec.Struct, frozen=True):
    """The highest number that the store was told, None before the first; and the store's clock."""

    number: int | None
    store_us: int


class Order:
    """How far this process's numbers are; ``asking`` and ``telling`` are lanes to the store."""

    def __init__(self, asking: RoutedLane, telling: RoutedLane, clocks: Clocks) -> None:
        self._asking = asking
        self._telling = telling
        self._clocks = clocks
        self._told = 0
        self.last = 0

    async def ask(self) -> Highest:
        """One trip; raises :class:`~psd.errors.StoreUnavailableError`."""
        score, (seconds, micros) = await self._asking.call_all(ASK)
        store_us = int(seconds) * 1_000_000 + int(micros)
        if not self._asking.is_spread:
            self._clocks.heard("", store_us)
        return Highest(None if score is None else int(float(score)), store_us)

    def take(self, above: int, at_least: int) -> int:
        """A number above that one and all that were taken before."""
        self.last = max(above + 1, self.last + 1, at_least)
        return self.last

    def reached(self, number: int) -> None:
        """There is something with this number: none that is taken from now on is lower."""
        self.last = max(self.last, number)

    async def with_telling(self, booking: Awaitable[T]) -> T:
        """What the booking returns, once the store also knows how far the numbers are.

        Both travel together. Raises the error of either.
        """
        if self._told >= self.last:
            return await booking
        telling = asyncio.create_task(self._tell(), name="telling")
        try:
            return await booking
        finally:
            # In the same trip, if it was the first of this turn to be sent.
            await telling

    async def _tell(self) -> None:
        last = self.last
        with Aside():
            await self._telling.call(("ZADD", ORDER_KEY, "GT", last, MEMBER))
        self._told = max(self._told, last)
