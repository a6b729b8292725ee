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
from collections.abc import AsyncIterator

import msgspec

from psd.config import Settings
from psd.embedded.drain import queue_depth
from psd.embedded.folder import DataFolder
from psd.embedded.server_process import ServerProcess, embedded_server
from psd.embedded.settings_file import settings_file
from psd.errors import StartError
from psd.runtime import Runtime, open_runtime
from psd.store.redis import info_field
from server.serving import HttpServer
from workers.handlers.points import PointsHandler
from workers.runner import Worker


class Status(msgspec.Struct, frozen=True):
    """What the status line tells."""

    booked_events: int
    queued_messages: int
    memory_bytes: int


class Stack:
    """A running server and worker over one store."""

    def __init__(self, runtime: Runtime, url: str, worker: asyncio.Task[None]) -> None:
        self.runtime = runtime
        self.url = url
        self._worker = worker
        self._store_process: ServerProcess | None = None

    async def status(self) -> Status:
        """Booked since the start, what the queue holds, what the store holds. 2 Redis calls."""
        name, outcome = "psd_events_total", {"outcome": "booked"}
        booked = self.runtime.metrics.registry.get_sample_value(name, outcome)
        memory = await self.runtime.store.reads.call(("INFO", "memory"))
        return Status(
            int(booked or 0),
            await queue_depth(self.runtime.store, self.runtime.settings.queue.topic),
            int(info_field(memory, "used_memory") or 0),
        )

    async def failed(self) -> None:
        """Return never; raises when the worker or the store ends by itself."""
        waits = [asyncio.shield(self._worker)]
        if self._store_process is not None:
            waits.append(asyncio.ensure_future(self._store_process.watch()))


@contextlib.asynccontextmanager
async def running_stack(settings: Settings, folder: DataFolder | None) -> AsyncIterator[Stack]:
    """Start everything and stop it at the end.

    With a folder its store is started too; without one ``settings.redis.url`` is running.
    """
