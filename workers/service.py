"""One worker process: signals, the object graph, its workers, their metrics endpoint.

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
from psd.observe.service_manager import ServiceManager, service_manager
from psd.runtime import Runtime, open_service
from workers.crew import Crew, build_crew
from workers.endpoint import WorkerEndpoint
from workers.readiness import WorkerReadiness

log = logging.getLogger("worker")


def run(settings: Settings) -> None:
    """Work until a signal comes."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(work(settings))


async def work(settings: Settings) -> None:
    """Open the runtime, work, and stop at the first signal with nothing in hand."""
    manager = service_manager()
    runtime = await open_service(settings, "psd-worker")
    try:
        await runtime.warn_of_durability()
        crew = build_crew(runtime)
        _stop_on_signals(crew, manager)
        keep_what_is_there()
        async with endpoint(runtime, crew), managed(crew, manager):
            topics = ",".join(each.topic for each in crew.workers)
            log.info("working", extra={"topic": topics, "channel": settings.queue.channel})
            await crew.run()
    finally:
        await runtime.close()
    log.info("stopped")


@contextlib.asynccontextmanager
async def managed(crew: Crew, manager: ServiceManager) -> AsyncIterator[None]:
    """Tell the service manager of the crew that the body runs."""

    def status() -> str:
        return f"paused: {crew.waits_for}" if crew.waits_for else "working"

    async def tell_ready() -> None:
        await crew.started()
        manager.ready(status())

    telling = asyncio.create_task(tell_ready(), name="ready")
    try:
        async with manager.watched(status, lambda: crew.ill):
            yield
    finally:
        manager.stopping()
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


@contextlib.asynccontextmanager
async def endpoint(runtime: Runtime, crew: Crew) -> AsyncIterator[None]:
    """Serve probes and Prometheus on ``worker.metrics_port`` of ``server.host``; 0 is nothing."""
    host, port = runtime.settings.server.host, runtime.settings.worker.metrics_port
    if not port:
        yield
        return
    check_metrics_exposure(runtime.settings)
    readiness = readiness_of(runtime, crew)
    runtime.vitals.holds(crew.held)
    served = WorkerEndpoint(runtime.metrics.registry, readiness.checks, runtime.vitals.look)
    try:
        await served.start(host, port)
    except OSError as exc:
        raise ConfigError(f"worker.metrics_port = {port}: {exc}") from exc
    try:
        async with runtime.vitals.followed():
            yield
    finally:
        await served.close()


def readiness_of(runtime: Runtime, crew: Crew) -> WorkerReadiness:
    """What ``/readyz`` asks of psd's own topic, of the others and of the clock tasks."""
    own, *others = crew.workers
    beside = {each.topic: (each.queue, each.worker) for each in others}
    return WorkerReadiness(runtime, own.queue, own.worker, beside, crew.clocks)


def _stop_on_signals(crew: Crew, manager: ServiceManager) -> None:
    def on_signal() -> None:
        if crew.is_stopping:
            os._exit(1)
        log.info("draining")
        manager.stopping()
        crew.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
