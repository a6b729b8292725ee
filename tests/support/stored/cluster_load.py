"""Everybody books, sums and looks at boards on a cluster while something is done to it.

>>> async with busy(psd) as (writers, readers):
...     await move_a_slot()
>>> [await sum_of(psd, EVER, uid, writers[0].thing) for uid in OWNERS]
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from psd.engine.events import Event
from psd.engine.plan import Range
from psd.errors import StoreUnavailableError
from psd.runtime import Runtime
from tests.support.engine import NOON_S, book, increment
from tests.support.waiting import wait_until

OWNERS = range(1, 61)

Sums = Callable[[Runtime, int, Range], Awaitable[list[int]]]
"""The sums of OWNERS, of a thing, in a range."""


class Writer:
    """Books a batch for all owners each turn, at a second of its own; a list of what it booked.

    An increment a batch and owner, so that one booked twice or not at all shows. One that is
    ``patient`` sends a batch again, as a worker does, until the store answers.
    """

    def __init__(self, psd: Runtime, thing: int, *, patient: bool) -> None:
        self.thing = thing
        self.booked: list[dict[int, int]] = []
        self.refused = 0
        self._psd = psd
        self._patient = patient

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            batch, second = len(self.booked), NOON_S + len(self.booked)
            values = {uid: 1 + (uid * 31 + batch * 17) % 97 for uid in OWNERS}
            events: list[Event] = [
                increment(f"{batch}-{uid}", value, second, uid=uid, aid=batch % 9, thing=self.thing)
                for uid, value in values.items()
            ]
            await self._book(events)
            self.booked.append(values)

    async def _book(self, events: list[Event]) -> None:
        known = {"booked"}
        while True:
            try:
                statuses = await book(self._psd, events)
            except StoreUnavailableError:
                if not self._patient:
                    raise
                self.refused += 1
                known.add("duplicate")
                continue
            assert set(statuses) <= known, statuses
            return

    def sums(self, batches: int) -> list[int]:
        """What the first so many batches add up to, owner by owner."""
        totals: dict[int, int] = defaultdict(int)
        for values in self.booked[:batches]:
            for uid, value in values.items():
                totals[uid] += value
        return [totals[uid] for uid in OWNERS]


class Reader:
    """Sums what a writer has booked so far, and holds it against the writer's list."""

    def __init__(self, psd: Runtime, writer: Writer, sums: Sums, *, patient: bool) -> None:
        self.answers = 0
        self._psd = psd
        self._writer = writer
        self._sums = sums
        self._patient = patient

    async def run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            batches = len(self._writer.booked)
            within = Range(NOON_S, NOON_S + batches)
            try:
                found = await self._sums(self._psd, self._writer.thing, within)
            except StoreUnavailableError:
                if not self._patient:
                    raise
                continue
            assert found == self._writer.sums(batches), self._sums.__name__
            self.answers += 1


async def by_totals(psd: Runtime, thing: int, within: Range) -> list[int]:
    """Everybody's sum, owner by owner."""
    return await _of_owners(psd, thing, within, activities=False)


async def by_bookings(psd: Runtime, thing: int, within: Range) -> list[int]:
    """The same out of what was booked."""
    return await _of_owners(psd, thing, within, activities=True)


async def _of_owners(psd: Runtime, thing: int, within: Range, *, activities: bool) -> list[int]:
    ranges = [within] * len(OWNERS)
    found = await psd.engine.sums(list(OWNERS), [thing], ranges, activities=activities)
    return [owner.sums[thing] for owner in found]


async def by_columns(psd: Runtime, thing: int, within: Range) -> list[int]:
    """The same as a board of everybody adds it up; 0 for everybody while nothing is booked."""
    vector = await psd.engine.everybody(thing, within, lambda _: None)
    if vector is None:
        return [0] * len(OWNERS)
    told = dict(zip(vector.uids.tolist(), vector.values.tolist(), strict=True))
    return [told.get(uid, 0) for uid in OWNERS]


@asynccontextmanager
async def busy(
    psd: Runtime, *, patient: bool = False
) -> AsyncIterator[tuple[list[Writer], list[Reader]]]:
    """Two writers and six readers, until the end; raises what went wrong with one of them.

    Whoever is not ``patient`` fails where the store is away.
    """
    writers = [Writer(psd, thing, patient=patient) for thing in (1, 2)]
    readers = [
        Reader(psd, writer, sums, patient=patient)
        for writer in writers
        for sums in (by_totals, by_bookings, by_columns)
    ]
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for writer in writers:
            group.create_task(writer.run(stopping))
        for reader in readers:
            group.create_task(reader.run(stopping))
        yield writers, readers
        stopping.set()


async def book_on(writers: list[Writer]) -> None:
    """Return once each has booked another batch."""
    before = [len(writer.booked) for writer in writers]
    await wait_until(
        "all book on",
        lambda: all(len(w.booked) > n for w, n in zip(writers, before, strict=True)),
        timeout_s=30,
    )
