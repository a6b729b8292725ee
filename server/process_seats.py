"""The seats of the processes that share a port: what whoever has one says of itself.

A process tells its parent what a service manager would be told (psd/observe/service_manager.py), on
a socket of its seat, because a service manager listens to the parent alone. The parent is ready
once each seat has been, and well while no process that has begun is silent::

    0   READY=1   WATCHDOG=1   WATCHDOG=1   WATCHDOG=1 ...
    1   READY=1   WATCHDOG=1   (its loop stands still)          30 s later: the parent is ill

A process that died is no illness: another one takes its seat. Where nobody manages the parent,
nobody tells it anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from psd.observe.service_manager import ServiceManager


class Seat(asyncio.DatagramProtocol):
    """One seat; its socket lies in ``folder``."""

    def __init__(self, folder: Path, number: int, manager: ServiceManager) -> None:
        self.address = str(folder / f"seat-{number}") if manager.is_there else ""
        self.watchdog_s = manager.watchdog_s
        self.began = asyncio.Event()
        """Somebody here has been ready, once."""

        self._heard_at_s: float | None = None

    @property
    def is_silent(self) -> bool:
        """Whether who sits here was ready, and has shown no sign of life for too long."""
        if self._heard_at_s is None or not self.watchdog_s:
            return False
        return time.monotonic() - self._heard_at_s > self.watchdog_s

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Hear what is said while the body runs."""
        if not self.address:
            yield
            return
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=self.address, family=socket.AF_UNIX
        )
        try:
            yield
        finally:
            transport.close()

    def datagram_received(self, data: bytes, _addr: object) -> None:
        """One message of whoever sits here."""
        lines = data.split(b"\n")
        if b"READY=1" in lines:
            self.began.set()
            self._heard_at_s = time.monotonic()
        elif b"WATCHDOG=1" in lines and self._heard_at_s is not None:
            self._heard_at_s = time.monotonic()

    def emptied(self) -> None:
        """Who sat here is gone; the next one is heard when it is ready."""
        self._heard_at_s = None


def illness_of(seats: Iterable[Seat]) -> str:
    """Why only another server would help; empty while all is well."""
    silent = [str(at) for at, seat in enumerate(seats) if seat.is_silent]
    return f"no sign of life of process {', '.join(silent)}" if silent else ""
