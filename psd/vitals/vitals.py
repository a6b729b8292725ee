"""What of a process, its store and its queue is told on a page of metrics.

All of it is read when somebody asks, at most once a second, and nobody waits for a store or a queue
that does not answer: what is not known then is not told, but that it is so::

    await vitals.look()           -> psd_store_up 0, psd_queue_up 1, psd_queue_lag_seconds ...
    registry.collect()            -> the instruments, and what the last look found

A queue whose ages follow from its counts is looked at each two seconds while the process runs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from prometheus_client.metrics_core import Metric

from psd.observe.metrics import Metrics
from psd.store.callers import enter_caller
from psd.vitals.process_vitals import ProcessVitals
from psd.vitals.queue_vitals import Held, QueueVitals
from psd.vitals.store_vitals import StoreVitals

LOOK_EVERY_S = 2.0
"""By so much a lag may be told too small."""

KEPT_S = 1.0
"""Several who ask at once, and those that ask each second, cost one look."""


class Vitals:
    """A collector: tells what its last look found."""

    def __init__(self, store: StoreVitals, queue: QueueVitals, metrics: Metrics) -> None:
        self._store = store
        self._queue = queue
        self._found: list[Metric] = []
        self._looking: asyncio.Task[None] | None = None
        self._looked_at_s = float("-inf")
        metrics.tell_beside(ProcessVitals())
        metrics.tell_beside(self)

    def collect(self) -> Iterable[Metric]:
        """What the last look found."""
        return self._found

    def holds(self, held: Held) -> None:
        """This process has messages in hand."""
        self._queue.holds(held)

    async def look(self) -> None:
        """Look now, unless it was just done; whoever comes meanwhile waits for the same look."""
        loop = asyncio.get_running_loop()
        if self._looking is None:
            if loop.time() - self._looked_at_s < KEPT_S:
                return
            self._looking = asyncio.create_task(self._look(), name="vitals")
        await asyncio.shield(self._looking)

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Meanwhile the queue is looked at now and then, where its ages need that."""
        following = asyncio.create_task(self._follow(), name="vitals of the queue")
        try:
            yield
        finally:
            tasks = [following] if self._looking is None else [following, self._looking]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        enter_caller(None)
        try:
            store, queue = await asyncio.gather(self._store.look(), self._queue.look())
            self._found = [*store, *queue]
        finally:
            self._looking = None
            self._looked_at_s = asyncio.get_running_loop().time()

    async def _follow(self) -> None:
        while self._queue.must_be_followed:
            await self._queue.look()
            await asyncio.sleep(LOOK_EVERY_S)
