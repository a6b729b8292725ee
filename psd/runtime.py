"""Builds the object graph once, from the settings: what the server, worker and CLI run on."""

from __future__ import annotations

import contextlib
import logging

import msgspec

from psd.archive.writer import Appends, NoArchive, open_archive
from psd.clock import Clock, SystemClock
from psd.config import Settings
from psd.engine.events import rules_of
from psd.engine.store import Engine
from psd.errors import PsdError, StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.queue.base import Queue
from psd.queue.nsq_queue import NsqQueue
from psd.queue.stream import StreamQueue
from psd.store.redis import Store

log = logging.getLogger(__name__)


class Runtime:
    """Everything a process needs; made by :func:`open_runtime`, one per event loop."""

    def __init__(
        self, settings: Settings, clock: Clock, metrics: Metrics, archive: Appends
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.metrics = metrics
        self.archive = archive
        self.rules = rules_of(settings)
        self.store = Store(settings.redis, metrics)
        self.engine = Engine(self.store, settings, clock, metrics)

    def new_queue(self, topic: str | None = None, channel: str | None = None) -> Queue:
        """A queue of the configured kind, not started; the caller closes it.

        ``topic`` and ``channel`` stand in for the configured ones.
        """
        queue = self.settings.queue
        queue = msgspec.structs.replace(
            queue, topic=topic or queue.topic, channel=channel or queue.channel
        )
        if queue.kind == "nsq":
            return NsqQueue(queue)
        return StreamQueue(
            self.store.client, queue.topic, queue.channel, queue.msg_timeout_s, queue.max_in_flight
        )

    async def warn_of_durability(self) -> None:
        """Log a warning when the store keeps less than ``redis.durability`` says."""
        advice = await self.store.durability_advice()
        if advice != "ok":
            log.warning(advice.removeprefix("ok: "))

    async def close(self) -> None:
        """Close the archive and every connection to the store; queues are closed before."""
        await self.archive.close()
        await self.store.close()


async def open_runtime(
    settings: Settings,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
    *,
    archiving: bool = False,
) -> Runtime:
    """Build the graph; raises ConfigError for a store of another schema, or one that is unfit.

    With ``archiving``, what this process accepts goes to the configured archive, and a folder
    that cannot be written is a ConfigError too.
    Does not wait for Redis: a process starts also while it is away. Readiness then looks at
    the schema, and the engine at the server's fitness before its first booking.
    """
    metrics = metrics or Metrics()
    archive = open_archive(settings.archive, metrics) if archiving else NoArchive()
    runtime = Runtime(settings, clock or SystemClock(), metrics, archive)
    try:
        with contextlib.suppress(StoreUnavailableError):
            await runtime.store.check_fit()
            await runtime.store.check_schema()
    except PsdError:
        await runtime.close()
        raise
    return runtime
