"""One worker process: signals, the object graph, the worker on it, its metrics endpoint.

::

    SIGTERM -> ask for nothing more (RDY 0), finish what is in hand, leave the channel, exit 0
    a second signal -> exit 1 at once
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import signal
from collections.abc import Callable, Iterator

from prometheus_client import start_http_server

from psd.access.exposure import check_metrics_exposure
from psd.config import Settings
from psd.errors import ConfigError
from psd.observe.metrics import Metrics
from psd.runtime import Runtime, open_runtime
from workers.handlers.points import PointsHandler
from workers.runner import Worker

log = logging.getLogger("worker")

new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
with contextlib.suppress(ImportError):
    # uvloop is faster and does not exist for every platform.
    new_event_loop = importlib.import_module("uvloop").new_event_loop


def run(settings: Settings) -> None:
    """Work until a signal comes."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(work(settings))


async def work(settings: Settings) -> None:
    """Open the runtime, work, and stop at the first signal with nothing in hand."""
    runtime = await open_runtime(settings, archiving=True)
    try:
        await runtime.warn_of_durability()
        worker = build_worker(runtime)
        _stop_on_signals(worker)
        with metrics_endpoint(settings, runtime.metrics):
            queue = settings.queue
            log.info("working", extra={"topic": queue.topic, "channel": queue.channel})
            await worker.run()
    finally:
        await runtime.close()
    log.info("stopped")


def build_worker(runtime: Runtime) -> Worker:
    """A worker on the configured queue."""
    return Worker(
        runtime.new_queue(),
        PointsHandler(runtime.books, runtime.rules),
        runtime.settings,
        runtime.metrics,
        runtime.clock,
        runtime.archive,
    )


@contextlib.contextmanager
def metrics_endpoint(settings: Settings, metrics: Metrics) -> Iterator[None]:
    """Serve Prometheus on ``worker.metrics_port`` of ``server.host``; 0 serves nothing."""
    port = settings.worker.metrics_port
    if not port:
        yield
        return
    check_metrics_exposure(settings)
    try:
        server, thread = start_http_server(port, settings.server.host, metrics.registry)
    except OSError as exc:
        raise ConfigError(f"worker.metrics_port = {port}: {exc}") from exc
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _stop_on_signals(worker: Worker) -> None:
    def on_signal() -> None:
        if worker.is_stopping:
            os._exit(1)
        log.info("draining")
        worker.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
