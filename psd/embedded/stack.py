"""Everything in one process: what ``psd up`` runs.

::

    psd (this process)                         redis-server (child, unix socket)
      HTTP server ─────┐                             │
      worker ──────────┴──── one runtime ────────────┘   stream psd:stream:psd + buckets

They start from the store upwards and stop in the opposite order: the HTTP server drains,
the worker finishes its batch, then the store ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from urllib.parse import urlsplit

import msgspec

from psd.addresses import Address
from psd.config import Settings
from psd.embedded.binaries import ServerBinary
from psd.embedded.cluster_servers import ClusterPlan, embedded_cluster
from psd.embedded.drain import queue_depth
from psd.embedded.folder import DataFolder
from psd.embedded.server_process import ServerProcess, embedded_server
from psd.embedded.settings_file import settings_file
from psd.errors import StartError
from psd.runtime import Runtime, open_service
from psd.store.fitness import info_field
from server.serving import HttpServer
from workers.crew import build_crew


class Status(msgspec.Struct, frozen=True):
    """What the status line tells."""

    booked_events: int
    unchanged_events: int
    queued_messages: int
    memory_bytes: int


class Stack:
    """A running server and worker over one store; ``parts`` run until something fails.

    ``program`` is the store's, where it was started here; ``faces`` tells where each listens.
    """

    def __init__(
        self,
        runtime: Runtime,
        url: str,
        parts: Sequence[asyncio.Task[None]],
        program: ServerBinary | None = None,
        faces: Mapping[str, str] | None = None,
    ) -> None:
        self.runtime = runtime
        self.url = url
        self.faces = faces or {}
        self.program = program
        self._parts = parts

    async def status(self) -> Status:
        """Booked since the start, what the queue holds, what the store holds. 2 Redis calls."""
        told = await self.runtime.store.reads.each_node([("INFO", "memory")])
        return Status(
            self._events("booked"),
            self._events("unchanged"),
            await queue_depth(self.runtime.store, self.runtime.settings.queue.topic),
            sum(int(info_field(memory, "used_memory") or 0) for [memory] in told.values()),
        )

    def _events(self, outcome: str) -> int:
        registry = self.runtime.metrics.registry
        return int(registry.get_sample_value("psd_events_total", {"outcome": outcome}) or 0)

    async def until_failed(self) -> None:
        """Wait for a part to end by itself, and raise what ended it."""
        ended, _ = await asyncio.wait(self._parts, return_when=asyncio.FIRST_COMPLETED)
        for part in ended:
            part.result()
        raise StartError("the worker ended by itself")


@contextlib.asynccontextmanager
async def running_stack(
    settings: Settings, folder: DataFolder | None, cluster: ClusterPlan | None = None
) -> AsyncIterator[Stack]:
    """Start everything and stop it at the end.

    With a folder the store is started in it, one server or by a plan a cluster, and
    ``settings.redis.url`` is where it listens; without one, ``settings.redis.url`` is running
    already. Raises :class:`StartError`,
    :class:`~psd.errors.StoreUnavailableError` or :class:`~psd.errors.ConfigError`.
    """
    async with contextlib.AsyncExitStack() as exits:
        parts: list[asyncio.Task[None]] = []
        program = None
        if folder is not None:
            stores = _embedded_stores(folder, settings, cluster)
            for store in await exits.enter_async_context(stores):
                program = store.binary
                parts.append(await exits.enter_async_context(_background(store.watch(), "store")))
        runtime = await open_service(settings, "psd")
        exits.push_async_callback(runtime.close)
        await runtime.store.check_fit()
        await runtime.warn_of_durability()
        parts.append(await exits.enter_async_context(_running_worker(runtime)))
        server = HttpServer(runtime)
        await _listen(server, settings)
        exits.push_async_callback(server.stop)
        if folder is not None:
            exits.enter_context(settings_file(folder.settings, _with_port(settings, server.url)))
        yield Stack(runtime, server.url, parts, program, server.faces)


@contextlib.asynccontextmanager
async def _embedded_stores(
    folder: DataFolder, settings: Settings, cluster: ClusterPlan | None
) -> AsyncIterator[list[ServerProcess]]:
    configured = settings.redis.server
    if cluster is None:
        async with embedded_server(folder, configured) as server:
            yield [server]
    else:
        async with embedded_cluster(folder, cluster, configured) as servers:
            yield servers


async def _listen(server: HttpServer, settings: Settings) -> None:
    try:
        await server.start()
    except OSError as exc:
        main = str(Address(settings.server.host, settings.server.port))
        where = exc.filename or main
        option = "--port" if where == main else "port with --face"
        raise StartError(
            f"cannot listen on {where}: {exc.strerror}; choose another {option}"
        ) from exc


def _with_port(settings: Settings, url: str) -> Settings:
    """The settings with the port that is really listened on: port 0 takes a free one."""
    port = urlsplit(url).port or settings.server.port
    server = msgspec.structs.replace(settings.server, port=port)
    return msgspec.structs.replace(settings, server=server)


@contextlib.asynccontextmanager
async def _running_worker(runtime: Runtime) -> AsyncIterator[asyncio.Task[None]]:
    crew = build_crew(runtime)
    runtime.vitals.holds(crew.held)
    running = asyncio.create_task(crew.run(), name="worker")
    try:
        yield running
    finally:
        crew.stop()
        await asyncio.wait({running})


@contextlib.asynccontextmanager
async def _background(
    coroutine: Coroutine[None, None, None], name: str
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(coroutine, name=name)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
