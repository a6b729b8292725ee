"""An engine that answers in time or says that it cannot.

A trip to Redis has a time limit of its own (``redis.timeout_s``, 1.5 s), and a trip can wait
for the one before it. Together they must stay under the 2 s within which the server promises
an answer, so the sum is bounded here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol

from psd.engine.events import Event
from psd.engine.plan import Range
from psd.engine.store import Outcome, OwnerSums
from psd.errors import StoreUnavailableError

ANSWER_TIMEOUT_S = 1.8
"""Leaves 0.2 s of the promised 2 s for everything around it."""


class Booking(Protocol):
    """What the server needs of :class:`psd.engine.store.Engine`."""

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Book events; the outcomes come by position."""
        ...

    async def sums(
        self,
        uids: Sequence[int],
        things: Sequence[int],
        ranges: Sequence[Range],
        *,
        atid: int | None = None,
        activities: bool = False,
    ) -> list[OwnerSums]:
        """Sums of each owner in its range, by position."""
        ...

    async def counts(self, names: Sequence[str], range_: Range) -> list[int]:
        """Sums of global counts, by position."""
        ...


class TimelyEngine:
    """The engine's calls, each bounded by ``timeout_s``."""

    def __init__(self, engine: Booking, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        self._engine = engine
        self._timeout_s = timeout_s

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """As the engine's; after a timeout it is unknown whether the events were booked."""
        async with _Deadline(self._timeout_s):
            return await self._engine.book(events)

    async def sums(
        self,
        uids: Sequence[int],
        things: Sequence[int],
        ranges: Sequence[Range],
        *,
        atid: int | None = None,
        activities: bool = False,
    ) -> list[OwnerSums]:
        """As the engine's."""
        async with _Deadline(self._timeout_s):
            return await self._engine.sums(uids, things, ranges, atid=atid, activities=activities)

    async def counts(self, names: Sequence[str], range_: Range) -> list[int]:
        """As the engine's."""
        async with _Deadline(self._timeout_s):
            return await self._engine.counts(names, range_)


class _Deadline:
    """``asyncio.timeout`` whose end is our error."""

    __slots__ = ("_seconds", "_timeout")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as exc:
            raise StoreUnavailableError(
                f"the store did not answer within {self._seconds:g} s"
            ) from exc
