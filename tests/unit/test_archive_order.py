"""The worker archives, then books, then finishes: whatever is booked stands in the archive."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import msgspec

from psd.archive.entries import Entry
from psd.clock import ManualClock
from psd.config import Settings
from psd.engine.event_rules import EventRules
from psd.engine.events import Event
from psd.errors import ArchiveUnavailableError, StoreUnavailableError
from psd.intake import Intake
from psd.observe.metrics import Metrics
from psd.queue.interface import Message
from tests.support.processes.worker_fakes import MemoryEngine, MemoryQueue, message
from tests.support.waiting import wait_until
from workers.handlers.bookings import BookingHandler
from workers.runner import Worker

NOW_S = 1_460_419_200


class MemoryArchive:
    """Keeps entries; ``outages`` is how often it fails first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.outages = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def readiness(self) -> dict[str, str]:
        return {}

    async def append(self, entries: Iterable[Entry]) -> None:
        await self.gate.wait()
        if self.outages:
            self.outages -= 1
            raise ArchiveUnavailableError("archive: no space left")
        self.entries += entries

    async def close(self) -> None:
        """Nothing to do."""


class Bench:
    """A worker on a queue, an archive and an engine in memory."""

    def __init__(self) -> None:
        self.queue = MemoryQueue()
        self.engine = MemoryEngine()
        self.archive = MemoryArchive()
        handler = BookingHandler(EventRules({"steps": 1}))
        intake = Intake(self.engine, self.archive)
        clock = ManualClock(NOW_S)
        self.worker = Worker(self.queue, handler, Settings(), Metrics(), clock, intake)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    task = asyncio.create_task(bench.worker.run())
    try:
        yield
    finally:
        bench.worker.stop()
        async with asyncio.timeout(60):
            await task


def metric(value: int, message_id: str) -> Message:
    fields = {"thing": "steps", "uid": 7, "aid": value, "value": value, "ts2": NOW_S - 60}
    return message(msgspec.json.encode({"command": "metric", "metric": fields}), message_id, 1)


async def finished(bench: Bench, *ids: str) -> None:
    await wait_until("finished", lambda: set(bench.queue.finished) >= set(ids))


async def test_nothing_is_booked_before_the_archive_has_it() -> None:
    bench = Bench()
    bench.archive.gate.clear()
    known: list[int] = []
    bench.engine.fail = lambda _events: known.append(len(bench.archive.entries))
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"), metric(2, "m2"))
        await wait_until("they were taken", lambda: bench.queue.in_hand == ["m1", "m2"])
        for _ in range(20):
            await asyncio.sleep(0)
        assert (bench.engine.batches, bench.queue.finished) == ([], [])
        bench.archive.gate.set()
        await finished(bench, "m1", "m2")
    assert known == [2]


async def test_an_entry_is_the_message_with_the_time_of_its_acceptance() -> None:
    bench = Bench()
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"))
        await finished(bench, "m1")
    assert bench.archive.entries == [Entry(NOW_S * 1000, "m1", metric(1, "m1").body)]


async def test_what_the_rules_refuse_is_not_kept() -> None:
    bench = Bench()

    def refuse(events: Sequence[Event]) -> None:
        assert len(events) == 2

    bench.engine.fail = refuse
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"), message(b"poison", "m2", 1), metric(3, "m3"))
        await finished(bench, "m1", "m2", "m3")
    assert [entry.id for entry in bench.archive.entries] == ["m1", "m3"]


async def test_an_archive_that_is_away_pauses_the_worker_until_it_is_back() -> None:
    bench = Bench()
    bench.archive.outages = 1
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"))
        await finished(bench, "m1")
    assert "pause" in bench.queue.calls
    assert bench.queue.calls.index("pause") < bench.queue.calls.index("finish 1")
    assert (len(bench.archive.entries), len(bench.engine.booked)) == (1, 1)
    assert bench.queue.published == []


async def test_a_store_that_is_away_makes_no_second_entry() -> None:
    bench = Bench()
    outages = [StoreUnavailableError("redis: gone")]

    def fail(_events: Sequence[Event]) -> None:
        if outages:
            raise outages.pop()

    bench.engine.fail = fail
    async with running(bench):
        bench.queue.deliver(metric(1, "m1"))
        await finished(bench, "m1")
    assert (len(bench.archive.entries), len(bench.engine.booked)) == (1, 1)
