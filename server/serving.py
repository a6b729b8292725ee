"""One serving process: listen, answer, drain.

:class:`HttpServer` serves an open runtime inside a running event loop (``psd up`` and the
tests use it so); :func:`serve` is a whole process, from settings to exit code::

    SIGTERM -> /readyz 503, no new connections, requests in hand are finished -> exit 0
    a second signal -> exit 1 at once
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import sys

from aiohttp import web

from psd.addresses import Address
from psd.config import Settings
from psd.descriptors import allowed_room
from psd.event_loop import new_event_loop
from psd.memory import keep_what_is_there
from psd.observe.draining import Draining
from psd.observe.service_manager import ServiceManager, service_manager
from psd.runtime import Runtime, open_service
from server.app import FACES, GATE, HUB, build_app
from server.connections.guard import Guard
from server.connections.protocol import Connection
from server.faces import ports_of

log = logging.getLogger("server")


IDLE_TIMEOUT_S = 75.0
"""How long a connection may idle before a request begins. Longer than the 60 s that proxies
commonly keep connections, so that a proxy never sends into one that is being closed here."""

THREAD_S = 0.001
"""How long a thread may keep the interpreter while the loop waits for it. Python's own 5 ms, met
several times by one request, were most of what a page of metrics cost others."""

MAIN = ""
"""The port of the server itself, among those of its faces."""

LAST_TIMEOUT_S = 0.5
"""What is left in hand after ``server.shutdown_timeout_s`` is cut off, after this."""


class HttpServer:
    """The application of one runtime on one address, and its faces on ports beside it."""

    def __init__(self, runtime: Runtime, idle_timeout_s: float = IDLE_TIMEOUT_S) -> None:
        self._settings = runtime.settings.server
        self.draining = Draining(runtime.metrics)
        self._app = build_app(runtime, self.draining)
        self._ports = ports_of(runtime.settings)
        self._runners = {
            name: web.AppRunner(app, shutdown_timeout=LAST_TIMEOUT_S)
            for name, app in {MAIN: self._app, **self._app[FACES]}.items()
        }
        self._room = allowed_room(self._settings.connections_max)
        self._guard = Guard(self._settings, runtime.metrics, self._room.connections, idle_timeout_s)
        self._listening: dict[str, asyncio.Server] = {}

    async def start(self, *, reuse_port: bool = False) -> None:
        """Listen on the configured host and ports; raises ``OSError`` when one is taken."""
        for runner in self._runners.values():
            await runner.setup()
        try:
            for name, runner in self._runners.items():
                port = self._ports.get(name, self._settings.port)
                self._listening[name] = await self._listen(runner, port, reuse_port=reuse_port)
        except OSError:
            for server in self._listening.values():
                server.close()
            await self._clean_up()
            raise
        log.info("listening", extra={"url": self.url, "faces": self.faces})

    async def _listen(
        self, runner: web.AppRunner, port: int, *, reuse_port: bool
    ) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            assert runner.server is not None, "it is set up"
            return Connection(self._guard, runner.server, loop)

        try:
            return await loop.create_server(
                connection,
                self._settings.host,
                port,
                backlog=self._room.backlog,
                reuse_port=reuse_port or None,
            )
        except OSError as error:
            # Of several ports the error says which one.
            error.filename = str(Address(self._settings.host, port))
            raise

    @property
    def url(self) -> str:
        """Where it listens; the port is the real one when 0 was asked for."""
        return self._url(MAIN)

    @property
    def faces(self) -> dict[str, str]:
        """Where each face listens, by its name."""
        return {name: self._url(name) for name in self._listening if name != MAIN}

    @property
    def ill(self) -> str:
        """Why only another process would help; empty while all is well, and while it drains."""
        if self.draining.begun or all(each.is_serving() for each in self._listening.values()):
            return ""
        return "a port is not listened on any more"

    def _url(self, name: str) -> str:
        host, port = self._listening[name].sockets[0].getsockname()[:2]
        return f"http://{Address(host, port)}"

    async def stop(self) -> None:
        """Drain: no new connections, requests in hand are finished, watchers leave at once.

        aiohttp's own end would drop what still arrives of a body, so the requests in hand are
        waited for before it begins.
        """
        self.draining.begin()
        self._app[HUB].end()
        for server in self._listening.values():
            server.close()
        if not await self._app[GATE].emptied(self._settings.shutdown_timeout_s):
            log.warning("requests were cut off", extra={"requests": self._app[GATE].in_hand})
        await self._clean_up()
        for transport in list(self._guard.turned_away):
            transport.abort()

    async def _clean_up(self) -> None:
        for runner in self._runners.values():
            await runner.cleanup()


def run(
    settings: Settings, manager: ServiceManager | None = None, *, supervised: bool = False
) -> None:
    """Serve until a signal comes; with ``supervised``, share the port with other processes.

    ``manager`` is who is told of it, unless that is the service manager that started the process.
    """
    told = service_manager() if manager is None else manager
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(settings, told, supervised=supervised))


async def serve(settings: Settings, manager: ServiceManager, *, supervised: bool = False) -> None:
    """Open the runtime, serve, and drain at the first signal."""
    stopping = asyncio.Event()
    _watch_signals(stopping, supervised=supervised)
    runtime = await open_service(settings, "psd-server")
    try:
        await runtime.warn_of_durability()
        server = HttpServer(runtime)
        keep_what_is_there()
        sys.setswitchinterval(THREAD_S)
        await server.start(reuse_port=supervised)
        async with manager.watched(lambda: f"listening on {server.url}", lambda: server.ill):
            manager.ready(f"listening on {server.url}")
            await stopping.wait()
            log.info("draining")
            manager.stopping()
            await server.stop()
    finally:
        await runtime.close()


def _watch_signals(stopping: asyncio.Event, *, supervised: bool) -> None:
    """Stop at the first signal, leave at once at the second.

    A supervised process leaves SIGINT to its parent: the terminal sends it to both, and it
    would count twice. It also stops when its parent is gone.
    """
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stopping.is_set():
            os._exit(1)
        stopping.set()

    loop.add_signal_handler(signal.SIGTERM, on_signal)
    if not supervised:
        loop.add_signal_handler(signal.SIGINT, on_signal)
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel

        def on_orphaned() -> None:
            loop.remove_reader(sentinel)
            stopping.set()

        loop.add_reader(sentinel, on_orphaned)
