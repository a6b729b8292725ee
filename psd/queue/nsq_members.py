"""Which nsqd we consume from: one connection to each, for ever, and its share of RDY.

Every address has a task that connects, waits until the connection is lost, and connects
again: after 0.1 s, then twice as long each time up to 1 s, with jitter, so that a
restarted nsqd is consumed again within 2 s and not by all workers in one instant.

Addresses are either given, or found: then every nsqlookupd is asked each 2 s, and the
answers are united. An nsqd that no nsqlookupd lists any more is kept while it is
connected, and dialled for another minute, because one that restarts is unlisted too.

RDY is what nsqd may have in flight to us. 2,500 over three nsqd are 833, 833 and 834; two
over three are 1, 1 and 0, and the turns go round so that nobody starves.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from psd.backoff import backoff_s
from psd.errors import QueueUnavailableError

if TYPE_CHECKING:
    from psd.queue.nsq import NsqdConnection

LOOKUP_INTERVAL_S = 2.0
FIRST_ATTEMPTS_S = 2.5
FORGET_S = 60.0

STABLE_S = 5.0
"""A connection that lived shorter does not reset the backoff: nsqd may be refusing us."""

RECONNECT_FIRST_S = 0.1
RECONNECT_LONGEST_S = 1.0

_LOG = logging.getLogger(__name__)


class Members:
    """The connections of one consumer.

    ``connect`` opens one or raises QueueUnavailableError; ``look_up`` asks one nsqlookupd for
    addresses, or raises it; ``changed`` is called after a connection has come or gone.
    """

    def __init__(
        self,
        connect: Callable[[str], Awaitable[NsqdConnection]],
        look_up: Callable[[str], Awaitable[Sequence[str]]],
        changed: Callable[[NsqdConnection], None],
    ) -> None:
        self._connect = connect
        self._look_up = look_up
        self._changed = changed
        self._listed_at_s: dict[str, float] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._untried: set[str] = set()
        self._all_tried = asyncio.Event()
        self._discovery: asyncio.Task[None] | None = None
        self._silent_lookupds: dict[str, str] = {}
        self._lookupds_asked = 0
        self._reasons: dict[str, str] = {}
        self._closing = False
        self._turn = 0
        self.connections: list[NsqdConnection] = []

    @property
    def addresses(self) -> list[str]:
        """All addresses that are connected or dialled."""
        return list(self._keepers)

    @property
    def is_nowhere(self) -> bool:
        """Whether an nsqlookupd has answered, and no nsqd is known."""
        return self._lookupds_asked > len(self._silent_lookupds) and not self._keepers

    def away(self) -> tuple[str, ...]:
        """What is wrong with each nsqlookupd and nsqd that does not answer."""
        living = {each.address for each in self.connections if each.alive}
        missing = [each for each in self._keepers if each not in living]
        lost = (self._reasons.get(each, f"nsqd {each}: connection lost") for each in missing)
        return (*self._silent_lookupds.values(), *lost)

    async def start(self, nsqds: Sequence[str], lookupds: Sequence[str]) -> None:
        """Connect; returns when each address was tried once, or after 2.5 s.

        With ``lookupds``, they alone say where to consume.
        """
        if lookupds:
            await self._discover(lookupds)
            self._discovery = asyncio.create_task(self._keep_discovering(lookupds))
        for address in () if lookupds else nsqds:
            self._keep(address, listed_at_s=math.inf)
        if self._untried:
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_ATTEMPTS_S):
                    await self._all_tried.wait()

    def freeze(self) -> None:
        """Connect to nothing new; what is connected stays."""
        self._closing = True
        if self._discovery is not None:
            self._discovery.cancel()

    async def close(self) -> None:
        """Leave every nsqd, and end all tasks."""
        self.freeze()
        await asyncio.gather(*(each.leave() for each in self.connections))
        tasks = [*self._keepers.values(), *filter(None, [self._discovery])]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._keepers.clear()

    def spread_ready(self, in_flight_max: int) -> None:
        """Send each nsqd its share, where that is not what it was sent last."""
        living = [each for each in self.connections if each.alive]
        turn = self._turn % max(1, len(living))
        for index, connection in enumerate(living[turn:] + living[:turn]):
            before, after = (in_flight_max * n // len(living) for n in (index, index + 1))
            count = min(after - before, connection.max_rdy_count)
            if count != connection.last_ready_sent:
                connection.rdy(count)

    def next_turn(self) -> None:
        """Let the next :meth:`spread_ready` prefer another nsqd."""
        self._turn += 1

    def abort_silent(self, silence_max_s: float) -> None:
        """Hang up on every nsqd that has not even sent a heartbeat for so long."""
        now_s = asyncio.get_running_loop().time()
        for connection in self.connections:
            if now_s - connection.heard_at_s > silence_max_s:
                _LOG.warning("nsqd %s: silent for %.1f s", connection.address, silence_max_s)
                connection.abort()

    def _keep(self, address: str, listed_at_s: float) -> None:
        self._listed_at_s[address] = listed_at_s
        if address not in self._keepers:
            self._untried.add(address)
            self._keepers[address] = asyncio.create_task(self._keep_connected(address))

    def _is_listed(self, address: str) -> bool:
        return asyncio.get_running_loop().time() - self._listed_at_s[address] < FORGET_S

    async def _keep_connected(self, address: str) -> None:
        failures = 0
        while not self._closing and self._is_listed(address):
            lived_s = await self._session(address, failures)
            failures = 0 if lived_s >= STABLE_S else failures + 1
            await asyncio.sleep(backoff_s(failures + 1, RECONNECT_FIRST_S, RECONNECT_LONGEST_S))
        self._keepers.pop(address, None)
        self._reasons.pop(address, None)

    async def _session(self, address: str, failures: int) -> float:
        """Seconds that a connection to the address lived; 0 when there was none."""
        try:
            connection = await self._connect(address)
        except QueueUnavailableError as exc:
            self._reasons[address] = str(exc)
            # Once an outage is enough: it is tried again every second.
            _LOG.log(logging.DEBUG if failures else logging.WARNING, "%s", exc)
            return 0.0
        finally:
            self._untried.discard(address)
            if not self._untried:
                self._all_tried.set()
        _LOG.info("nsqd %s: connected", address)
        self._reasons.pop(address, None)
        started_s = asyncio.get_running_loop().time()
        self.connections.append(connection)
        try:
            self._changed(connection)
            await connection.wait_lost()
        finally:
            connection.abort()
            self.connections.remove(connection)
            self._changed(connection)
        _LOG.info("nsqd %s: connection lost", address)
        return asyncio.get_running_loop().time() - started_s

    async def _keep_discovering(self, lookupds: Sequence[str]) -> None:
        while True:
            await asyncio.sleep(LOOKUP_INTERVAL_S * random.uniform(0.8, 1.2))
            await self._discover(lookupds)

    async def _discover(self, lookupds: Sequence[str]) -> None:
        answers = await asyncio.gather(*(self._listed_by(lookupd) for lookupd in lookupds))
        self._lookupds_asked = len(lookupds)
        now_s = asyncio.get_running_loop().time()
        for address in {each for answer in answers for each in answer}:
            self._keep(address, listed_at_s=now_s)

    async def _listed_by(self, lookupd: str) -> Sequence[str]:
        try:
            found = await self._look_up(lookupd)
        except QueueUnavailableError as exc:
            if lookupd not in self._silent_lookupds:
                _LOG.warning("%s", exc)
            self._silent_lookupds[lookupd] = str(exc)
            return ()
        self._silent_lookupds.pop(lookupd, None)
        return found
