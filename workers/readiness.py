"""Whether a worker gets messages and can book them: what ``/readyz`` of a worker asks.

::

    draining    ok | draining
    receiving   ok | paused: redis: timed out        whom the worker waits for
    queue       ok | nsqd 10.0.0.1:4150: ...         ok: <who is away> while another works
    receiving.<topic>, queue.<topic>           the same of each topic that a domain takes
    clock.<task>   ok | redis: timed out       what the last step of what is done by the clock met
    writable, role, schema, scripts, policy, version, durability, archive      as of the server
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
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


class Stepping(Protocol):
    """What is needed of :class:`workers.clockwork.Clockwork`."""

    @property
    def name(self) -> str:
        """What is done."""
        ...

    @property
    def trouble(self) -> str:
        """Why the last step failed; empty where it did not."""
        ...


class WorkerReadiness:
    """Asks store, queues, workers and what is done by the clock.

    ``beside`` are a queue and a worker for each topic that is not psd's own.
    """

    def __init__(
        self,
        runtime: RuntimeReadiness,
        queue: Queue,
        worker: Working,
        beside: Mapping[str, tuple[Queue, Working]] | None = None,
        clocks: Sequence[Stepping] = (),
    ) -> None:
        self._runtime = runtime
        self._worker = worker
        others = {f".{topic}": each for topic, each in (beside or {}).items()}
        self._lines = {"": (queue, worker), **others}
        self._clocks = clocks

    async def checks(self) -> dict[str, str]:
        """Each check with ``ok``, ``ok: <advice>`` or what is wrong; never raises."""
        queues = asyncio.gather(*(_reached(queue) for queue, _ in self._lines.values()))
        store, reached = await asyncio.gather(self._of_store(), queues)
        found = {"draining": "draining" if self._worker.is_stopping else "ok"}
        for (suffix, (_, worker)), queue in zip(self._lines.items(), reached, strict=True):
            waits_for = worker.waits_for
            found[f"receiving{suffix}"] = f"paused: {waits_for}" if waits_for else "ok"
            found[f"queue{suffix}"] = queue
        clocks = {f"clock.{each.name}": each.trouble or "ok" for each in self._clocks}
        return {**found, **clocks, **store}

    async def _of_store(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await self._runtime.readiness()
        except UnavailableError as error:
            return {"store": str(error)}
        except TimeoutError:
            return {"store": f"no answer within {TIMEOUT_S:g} s"}


async def _reached(queue: Queue) -> str:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reach = await queue.reach()
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:g} s"
    away = "; ".join(reach.away)
    if not reach.works:
        return away or "not connected yet"
    return f"ok: {away}" if away else "ok"
