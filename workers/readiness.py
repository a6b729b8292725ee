"""Whether a worker gets messages and can book them: what ``/readyz`` of a worker asks.

::

    draining    ok | draining
    receiving   ok | paused: redis: timed out        whom the worker waits for
    queue       ok | nsqd 10.0.0.1:4150: ...         ok: <who is away> while another works
    writable, role, schema, scripts, policy, version, durability, archive      as of the server
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from psd.errors import UnavailableError
from psd.queue.interface import Queue

TIMEOUT_S = 1.8
"""As of the server: probes commonly wait 2 s or more."""


class RuntimeReadiness(Protocol):
    """What is needed of :class:`psd.runtime.Runtime`."""

    async def readiness(self) -> dict[str, str]:
        """Check name -> ``ok`` or what is wrong."""
        ...


class Working(Protocol):
    """What is needed of :class:`workers.runner.Worker`."""

    @property
    def is_stopping(self) -> bool:
        """Whether it takes nothing more."""
        ...

    @property
    def waits_for(self) -> str:
        """What it is paused for; empty while it works."""
        ...


class WorkerReadiness:
    """Asks store, queue and worker."""

    def __init__(self, runtime: RuntimeReadiness, queue: Queue, worker: Working) -> None:
        self._runtime = runtime
        self._queue = queue
        self._worker = worker

    async def checks(self) -> dict[str, str]:
        """Each check with ``ok``, ``ok: <advice>`` or what is wrong; never raises."""
        waits_for = self._worker.waits_for
        queue, store = await asyncio.gather(self._of_queue(), self._of_store())
        return {
            "draining": "draining" if self._worker.is_stopping else "ok",
            "receiving": f"paused: {waits_for}" if waits_for else "ok",
            "queue": queue,
            **store,
        }

    async def _of_queue(self) -> str:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                reach = await self._queue.reach()
        except TimeoutError:
            return f"no answer within {TIMEOUT_S:g} s"
        away = "; ".join(reach.away)
        if not reach.works:
            return away or "not connected yet"
        return f"ok: {away}" if away else "ok"

    async def _of_store(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._runtime.readiness()
        except UnavailableError as error:
            return {"store": str(error)}
        except TimeoutError:
            return {"store": f"no answer within {TIMEOUT_S:g} s"}
