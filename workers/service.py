"""One worker process: signals, the object graph, the worker on it, its metrics endpoint.

::

    SIGTERM -> ask for nothing more (RDY 0), finish what is in hand, leave the channel, exit 0
    a second signal -> exit 1 at once
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator

from psd.access.exposure import check_metrics_exposure
from psd.config import Settings
from psd.errors import ConfigError
from psd.event_loop import new_event_loop
from psd.memory import keep_what_is_there
from psd.queue.interface import Queue
from psd.runtime import Runtime, open_runtime
from workers.endpoint import WorkerEndpoint
from workers.handlers.bookings import BookingHandler
from workers.readiness import WorkerReadiness
from workers.runner import Worker

log = logging.getLogger("worker")


def run(settings: Settings) -> None:
    """Work until a signal comes."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(work(settings))


async def work(settings: Settings) -> None:
    """Open the runtime, work, and stop at the first signal with nothing in hand."""
    runtime = await open_runtime(settings, archiving=True)
    try:
        await runtime.warn_of_durability()
        source = runtime.new_queue()
        worker = build_worker(runtime, source)
        _stop_on_signals(worker)
        keep_what_is_there()
        async with endpoint(runtime, source, worker):
            queue = settings.queue
            log.info("working", extra={"topic": queue.topic, "channel": queue.channel})
            await worker.run()
    finally:
        await runtime.close()
    log.info("stopped")


def build_worker(runtime: Runtime, queue: Queue | None = None) -> Worker:
    """A worker on the configured queue, a new one when None."""
    return Worker(
        queue or runtime.new_queue(),
        BookingHandler(runtime.rules),
        runtime.settings,
        runtime.metrics,
        runtime.clock,
        runtime.intake,
        runtime.store.time_ms,
    )


@contextlib.asynccontextmanager
async def endpoint(runtime: Runtime, queue: Queue, worker: Worker) -> AsyncIterator[None]:
    """Serve probes and Prometheus on ``worker.metrics_port`` of ``server.host``; 0 is nothing."""
    host, port = runtime.settings.server.host, runtime.settings.worker.metrics_port
    if not port:
        yield
        return
    check_metrics_exposure(runtime.settings)
    readiness = WorkerReadiness(runtime, queue, worker)
    served = WorkerEndpoint(runtime.metrics.registry, readiness.checks)
    try:
        await served.start(host, port)
    except OSError as exc:
        raise ConfigError(f"worker.metrics_port = {port}: {exc}") from exc
    try:
        yield
    finally:
        await served.close()


def _stop_on_signals(worker: Worker) -> None:
    def on_signal() -> None:
        if worker.is_stopping:
            os._exit(1)
        log.info("draining")
        worker.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
