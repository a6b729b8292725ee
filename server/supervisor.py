"""Several serving processes on one port, and the parent that keeps them alive.

The kernel spreads connections over the processes (SO_REUSEPORT). The parent only reserves
the port, starts a process again when it dies, passes SIGTERM on, and gives the processes a
folder through which ``/metrics`` of any of them tells the numbers of all.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import time
from multiprocessing.context import SpawnProcess
from pathlib import Path

import msgspec

from psd.addresses import Address
from psd.config import Settings
from psd.errors import PsdError
from psd.observe.logs import configure_logging
from psd.observe.metrics import METRICS_FOLDER
from psd.observe.service_manager import ServiceManager, service_manager
from server import serving
from server.faces import ports_of
from server.process_seats import Seat, illness_of

log = logging.getLogger("server.supervisor")

RESTART_PAUSE_S = 1.0
"""Between two starts of one process, so that one that dies at once does not spin a core."""

EXIT_BAD_CONFIG = 78

CLEAN_ENDS = (0, -signal.SIGTERM)
"""A process that is told to stop while its interpreter still starts dies of the signal."""


def run_processes(settings: Settings, count: int) -> int:
    """Serve with ``count`` processes until a signal comes; the exit code."""
    host = settings.server.host
    with contextlib.ExitStack() as exits:
        folder = exits.enter_context(tempfile.TemporaryDirectory(prefix="psd-metrics-"))
        reserved = exits.enter_context(reserve_port(host, settings.server.port))
        for face_port in ports_of(settings).values():
            exits.enter_context(reserve_port(host, face_port))
        os.environ[METRICS_FOLDER] = folder
        port = reserved.getsockname()[1]
        server = msgspec.structs.replace(settings.server, port=port)
        supervisor = Supervisor(
            msgspec.structs.replace(settings, server=server), count, Path(folder), service_manager()
        )
        return asyncio.run(supervisor.run())


def reserve_port(host: str, port: int) -> socket.socket:
    """A bound socket that never listens: it fixes the number where port 0 was asked for.

    Raises ``OSError`` when anyone else listens there. Sharing is what SO_REUSEPORT is for,
    so a second server of the same user would otherwise silently take half of the requests.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            error.filename = str(Address(host, port))
            raise
    reserved = socket.socket(family, kind, protocol)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(address)
    return reserved


class Supervisor:
    """Starts, watches and stops the processes of one server."""

    def __init__(
        self, settings: Settings, count: int, metrics_folder: Path, manager: ServiceManager
    ) -> None:
        self._settings = settings
        self._metrics_folder = metrics_folder
        self._manager = manager
        self._seats = [Seat(metrics_folder, at, manager) for at in range(count)]
        self._stopping = asyncio.Event()
        self._exit_code = 0
        self._running: set[SpawnProcess] = set()

    async def run(self) -> int:
        """Keep ``count`` processes alive until a signal comes, then wait for their end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        count, port = len(self._seats), self._settings.server.port
        log.info("serving", extra={"processes": count, "port": port})
        async with contextlib.AsyncExitStack() as exits:
            for seat in self._seats:
                await exits.enter_async_context(seat.listening())
            status = f"{count} processes on port {port}"
            told = asyncio.create_task(self._tell_ready(status), name="ready")
            exits.callback(told.cancel)
            signs = self._manager.watched(lambda: status, lambda: illness_of(self._seats))
            await exits.enter_async_context(signs)
            await asyncio.gather(*(self._keep_alive(seat) for seat in self._seats))
        return self._exit_code

    async def _tell_ready(self, status: str) -> None:
        for seat in self._seats:
            await seat.began.wait()
        self._manager.ready(status)

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            for process in self._running:
                process.kill()
            os._exit(1)
        self._stop()

    def _stop(self) -> None:
        self._stopping.set()
        self._manager.stopping()
        for process in self._running:
            process.terminate()

    async def _keep_alive(self, seat: Seat) -> None:
        """Run one process after the other in one place, until it is time to stop."""
        context = multiprocessing.get_context("spawn")
        while not self._stopping.is_set():
            started = time.monotonic()
            process = context.Process(
                target=serve_supervised,
                args=(self._settings, seat.address, seat.watchdog_s),
                daemon=True,
                name="psd-server",
            )
            process.start()
            self._running.add(process)
            await _ended(process)
            seat.emptied()
            self._running.discard(process)
            self._note_end(process)
            if not self._stopping.is_set():
                await self._pause(started + RESTART_PAUSE_S - time.monotonic())

    def _note_end(self, process: SpawnProcess) -> None:
        """What the end of a process means: its own failure, or that of the settings."""
        self._forget_gauges(process.pid)
        if process.exitcode == EXIT_BAD_CONFIG:
            self._exit_code = EXIT_BAD_CONFIG
            self._stop()
        elif self._stopping.is_set():
            if process.exitcode not in CLEAN_ENDS:
                self._exit_code = self._exit_code or 1
        else:
            log.warning("process died; starting another", extra={"exit_code": process.exitcode})

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _forget_gauges(self, pid: int | None) -> None:
        """Counters of a dead process still count; what it stood at does not."""
        for path in self._metrics_folder.glob(f"gauge_*_{pid}.db"):
            path.unlink(missing_ok=True)


async def _ended(process: SpawnProcess) -> None:
    """Wait until a process has ended."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(process.sentinel, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(process.sentinel)
    process.join()


def serve_supervised(settings: Settings, address: str, watchdog_s: float) -> None:
    """The whole life of one of several processes; runs in a fresh interpreter."""
    configure_logging(settings.log)
    try:
        serving.run(settings, ServiceManager(address, watchdog_s), supervised=True)
    except PsdError as error:
        log.error(str(error), extra={"code": error.code})
        sys.exit(EXIT_BAD_CONFIG if error.code == "bad_config" else 1)
