"""What one worker process runs: a worker for each topic, and the clock tasks of domains.

::

    psd           ── Worker, BookingHandler ─┐
    telemetry     ── Worker, TopicHandler ───┤ one runtime, one archive, one process
    ticks, 250 ms ── Clockwork ──────────────┘

They start together and stop together: where one ends, or can never work, the others finish what
they have in hand, and the first error is raised. A topic that is slow, paused or full of poison
holds up none of the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from psd.queue.interface import Queue
from psd.runtime import Runtime
from workers.clockwork import Clockwork
from workers.handlers.bookings import BookingHandler
from workers.handlers.interface import Handler
from workers.handlers.topics import TopicHandler
from workers.runner import Worker

STILL_MAX_S = 300.0
"""Each call for a batch gives up after seconds, and is then an outage: a batch that waits for
longer without one waits for something that will never come."""


class TopicWorker(msgspec.Struct, frozen=True):
    """A topic, the queue that it comes from, and who works on it."""

    topic: str
    queue: Queue
    worker: Worker


class Crew:
    """Workers and clock tasks of one process; the first worker is that of psd's own topic."""

    def __init__(self, workers: Sequence[TopicWorker], clocks: Sequence[Clockwork] = ()) -> None:
        self.workers = workers
        self.clocks = clocks

    @property
    def is_stopping(self) -> bool:
        """Whether nothing more is taken."""
        return any(each.worker.is_stopping for each in self.workers)

    def held(self) -> dict[str, int]:
        """By topic when the oldest message in hand was published, in ns; 0 for none."""
        return {each.topic: each.worker.oldest_ns for each in self.workers}

    def stop(self) -> None:
        """Take and begin nothing more, finish what is in hand, return from :meth:`run`."""
        for each in self.workers:
            each.worker.stop()
        for clock in self.clocks:
            clock.stop()

    async def started(self) -> None:
        """Wait until all queues are open."""
        for each in self.workers:
            await each.worker.started.wait()

    @property
    def waits_for(self) -> str:
        """Whom a worker is paused for; empty while all work."""
        return next((each.worker.waits_for for each in self.workers if each.worker.waits_for), "")

    @property
    def ill(self) -> str:
        """Why only another process would help; empty while all is well, also in an outage."""
        for each in self.workers:
            if each.worker.stands_still_s > STILL_MAX_S:
                return f"what is in hand of {each.topic} stands still"
        return ""

    async def run(self) -> None:
        """Work until :meth:`stop`; raises the first error of those that can never work."""
        tasks = [asyncio.create_task(each.worker.run(), name=each.topic) for each in self.workers]
        tasks += [asyncio.create_task(clock.run(), name=clock.name) for clock in self.clocks]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.stop()
            await asyncio.wait(tasks)
        for task in tasks:
            task.result()


def build_workers(runtime: Runtime) -> list[TopicWorker]:
    """A worker for psd's own topic, and one for each of a domain's, each with its own queue."""
    topic = runtime.settings.queue.topic
    found = [_worker_of(runtime, topic, BookingHandler(runtime.rules))]
    for each in runtime.topics:
        found.append(_worker_of(runtime, each.name, TopicHandler(each, runtime.rules)))
    return found


def build_crew(runtime: Runtime) -> Crew:
    """All that a worker process runs."""
    clocks = [Clockwork(task, runtime.clock, runtime.metrics) for task in runtime.clock_tasks]
    return Crew(build_workers(runtime), clocks)


def _worker_of(runtime: Runtime, topic: str, handler: Handler) -> TopicWorker:
    queue = runtime.new_queue(topic)
    worker = Worker(
        queue,
        handler,
        runtime.settings,
        runtime.metrics,
        runtime.clock,
        runtime.intake,
        runtime.store.time_ms,
        topic=topic,
        tracer=runtime.tracer,
    )
    return TopicWorker(topic, queue, worker)
