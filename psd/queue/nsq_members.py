"""Which nsqd we consume from, and one connection to each, for ever.

Every address has a task that connects, waits until the connection is lost, and connects
again: after 0.1 s, then twice as long each time up to 1 s, with jitter, so that a
restarted nsqd is consumed again within 2 s and not by all workers in one instant.

Addresses are either given, or found: then every nsqlookupd is asked each 2 s, and the
answers are united. An nsqd that no nsqlookupd lists any more is kept while it is
connected, and dialled for another minute, because one that restarts is unlisted too.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from psd.errors import QueueUnavailableError

if TYPE_CHECKING:
    from psd.queue.nsq import NsqdConnection

LOOKUP_INTERVAL_S = 2.0
FIRST_ATTEMPT_TIMEOUT_S = 2.5
FORGET_S = 60.0

STABLE_S = 5.0
"""A connection that lived shorter does not reset the backoff: nsqd may be refusing us."""

_LOG = logging.getLogger(__name__)


class Members:
    """The connections of one consumer.

    ``connect`` opens one or raises QueueUnavailableError; ``look_up`` asks one nsqlookupd for
    addresses, or raises it; ``changed`` is called when a connection has come or gone;
    ``backoff_s`` maps the number of failed attempts to seconds.
    """

    def __init__(
        self,
        connect: Callable[[str], Awaitable[NsqdConnection]],
        look_up: Callable[[str], Awaitable[Sequence[str]]],
        changed: Callable[[NsqdConnection], None],
        backoff_s: Callable[[int], float],
    ) -> None:
        self._connect = connect
        self._look_up = look_up
        self._changed = changed
        self._backoff_s = backoff_s
        self._listed_at_s: dict[str, float] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._discovery: asyncio.Task[None] | None = None
        self._silent_lookupds: set[str] = set()
        self._closed = False
        self.connections: list[NsqdConnection] = []

    @property
    def addresses(self) -> list[str]:
        """All addresses that are connected or dialled."""
        return list(self._keepers)

    async def start(self, nsqds: Sequence[str], lookupds: Sequence[str]) -> None:
        """Connect; returns when each address was tried once, or after 2.5 s.

        With ``lookupds``, they alone say where to consume.
        """
        loop = asyncio.get_running_loop()
        if lookupds:
            await self._discover(lookupds)
            self._discovery = loop.create_task(self._keep_discovering(lookupds))
        else:
            for address in nsqds:
                self._listed_at_s[address] = float("inf")
                self._keep(address)
        tries = [loop.create_task(self._tried(address)) for address in self._keepers]
        if tries:
            _, late = await asyncio.wait(tries, timeout=FIRST_ATTEMPT_TIMEOUT_S)
            for each in late:
                each.cancel()

    def freeze(self) -> None:
        """Connect to nothing new; what is connected stays."""
        self._closed = True
        if self._discovery is not None:
            self._discovery.cancel()

    async def close(self) -> None:
        """Leave every nsqd and end all tasks."""
        self.freeze()
        await asyncio.gather(*(each.leave() for each in self.connections))
        tasks = [*self._keepers.values(), *filter(None, [self._discovery])]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._keepers.clear()

    async def _tried(self, address: str) -> None:
        await self._first_attempts[address].wait()
