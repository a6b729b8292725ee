"""A producer and HTTP clients that go on while something is done to workers and servers.

>>> load = Load(stage, seed, generate(seed, 300, 4))
>>> async with calling(lambda: [server.url for server in stage.servers]) as callers:
...     await load.during(callers, replaced)
>>> load.failures
[]
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from psd.engine.events import Report
from psd.store.owner_calls import ONE_SERVER
from tests.chaos.callers import Callers
from tests.chaos.stage import Stage
from tests.chaos.stream import Stream

WRITERS = 4
READERS = 4
NOON_S = 1_460_462_400
PUBLISHED_TOGETHER = 10
BETWEEN_PUBLISHES_S = 0.01
BETWEEN_REQUESTS_S = 0.01


class Load:
    """A producer and HTTP clients; everything that they were told is kept joins the stream."""

    def __init__(self, stage: Stage, seed: int, stream: Stream) -> None:
        self.published = 0
        self.failures: list[str] = []
        self._stage = stage
        self._stream = stream
        self._bodies = tuple(stream.bodies)
        self._first_uid = 2**42 + 1_000 * seed
        self._counts = itertools.count(1)
        self._over = False

    async def during(self, callers: Callers, something: Callable[[], Awaitable[None]]) -> None:
        """Load from before something begins until it is over."""
        known = self.next_increment(WRITERS + 1)
        await self._write(callers, known)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._produce())
            for number in range(WRITERS):
                group.create_task(self._write_on(callers, number))
            for _ in range(READERS):
                group.create_task(self._read_on(callers, known))
            try:
                await something()
            finally:
                self._over = True

    async def _produce(self) -> None:
        """Publish the stream at least once, and again as long as it goes on."""
        parts = range(0, len(self._bodies), PUBLISHED_TOGETHER)
        while self.published < len(self._bodies) or not self._over:
            for start in parts:
                part = self._bodies[start : start + PUBLISHED_TOGETHER]
                await self._stage.publish(part)
                self.published += len(part)
                await asyncio.sleep(BETWEEN_PUBLISHES_S)

    async def _write_on(self, callers: Callers, number: int) -> None:
        while not self._over:
            await self._write(callers, self.next_increment(number))
            await asyncio.sleep(BETWEEN_REQUESTS_S)

    async def _read_on(self, callers: Callers, known: Report) -> None:
        while not self._over:
            total = await callers.sum_of(known.uid)
            if total != known.value:
                self.failures.append(f"a sum of {total}, expected {known.value}")
            await asyncio.sleep(BETWEEN_REQUESTS_S)

    async def _write(self, callers: Callers, increment: Report) -> None:
        """Write until a server says that it is kept."""
        await callers.write(increment)
        self.keep(increment)

    def keep(self, increment: Report) -> None:
        """A server has said that it is kept."""
        root = ONE_SERVER.owner_root(increment.uid)
        if root not in self._stream.roots:
            self._stream.roots.append(root)
        self._stream.events.append(increment)

    def next_increment(self, number: int) -> Report:
        """One that was never sent, of the owner of this number."""
        count = next(self._counts)
        second = NOON_S + count
        return Report(
            thing=1,
            uid=self._first_uid + number,
            atid=0,
            aid=count % 3,
            value=count + 1,
            ts1=second,
            ts2=second,
            event_id=f"{number}-{count}",
        )
