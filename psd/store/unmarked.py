"""Whether a store that says no version is one to begin: nobody's sums may be in it.

Whoever begins a store marks it before he writes anything (psd/store/standing.py). One without a
mark that has keys of sums is of a psd that had no versions yet, or somebody has taken the mark
away: this psd cannot tell how to read it, so the store is refused with the key that was found::

    psd:{7}:1:y is a key of version 3 or before       psd migrate moves such a store
    psd:{p0}:7:1:y, whose partitions nobody tells     the mark has to be set again

All names are looked through once, when a process starts.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from psd.errors import PsdError
from psd.store.fitness import MIGRATES, UNMARKED
from psd.store.keys import OLD_OWNER_ROOT, ROOT, SCHEMA_VERSION
from psd.store.lane import Lane
from psd.store.routed import RoutedLane

log = logging.getLogger(__name__)

AGAIN_AFTER_S = 60.0
"""A store that was none to begin may be another one by then."""

SCAN_KEYS = 1_000

_OLD_OWNER = re.compile(rf"{OLD_OWNER_ROOT}:.+", re.DOTALL)
_SUMS = re.compile(rf"{ROOT}:.+", re.DOTALL)

SETS = f"; set it to that of the psd that wrote them, {SCHEMA_VERSION} if it was this one"


class Unmarked:
    """The looking through of one process: at most one at a time, beside whatever else goes on."""

    def __init__(self, open_lane: Callable[[], AbstractAsyncContextManager[RoutedLane]]) -> None:
        self.found: str | None = None
        """Why the store cannot be begun, empty where it can; None before that is known."""

        self._open_lane = open_lane
        self._task: asyncio.Task[None] | None = None
        self._failure: PsdError | None = None
        self._began_at_s = 0.0

    def begin(self) -> None:
        """Look through the store, unless that is under way or was done just now."""
        if self._task is not None and not self._task.done():
            return
        now_s = time.monotonic()
        if self.found is None or now_s - self._began_at_s >= AGAIN_AFTER_S:
            self._began_at_s = now_s
            self._task = asyncio.create_task(self._run(), name="unmarked")

    async def looked(self) -> None:
        """Wait until the store has been looked through; raises what came between."""
        await self._ended()
        if self.found is None and self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Break off what is under way."""
        if self._task is not None:
            self._task.cancel()
        await self._ended()

    async def _ended(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            async with self._open_lane() as lane:
                self.found = await found_in(lane)
        except PsdError as error:
            self._failure = error
            # The next connection that finds the store as it was begins anew.
            log.warning("the store could not be looked through", extra={"reason": str(error)})


async def found_in(lane: RoutedLane) -> str:
    """What a store without a version holds that somebody has booked; empty where nobody has."""
    sums = ""
    async for name in names_in(lane):
        if _OLD_OWNER.fullmatch(name):
            return f"{UNMARKED}, and {name} is a key of version 3 or before{MIGRATES}"
        if not sums and _SUMS.fullmatch(name):
            sums = f"{UNMARKED}, and has sums, as {name}{SETS}"
    return sums


async def names_in(lane: RoutedLane, pattern: str = "psd:*") -> AsyncIterator[str]:
    """The names of all keys of psd in a store; one may come twice."""
    for each in await lane.lanes():
        async for name in _names_at(each, pattern):
            yield name


async def _names_at(lane: Lane, pattern: str) -> AsyncIterator[str]:
    cursor = b"0"
    while True:
        cursor, names = await lane.call(("SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_KEYS))
        for name in names:
            # What is no UTF-8 was not written by psd, and comes out as a name that no pattern has.
            yield name.decode(errors="backslashreplace")
        if cursor == b"0":
            return
