"""What the store is, one server or the masters of a Redis Cluster, and which of them has a key.

The server at ``redis.url`` is asked once (``redis.cluster`` = ``auto``). In a cluster it tells
all others; the map of slots is asked for again whenever a reply or a lost connection says that
it is of yesterday::

    cluster.node_of("psd:{p7ft}:1503960366:1:y")      ("10.0.0.8", 6379)

psd follows MOVED and never ASK: while a slot migrates, its source answers for the keys that it
still has and its target for those that it has by then, and neither for an owner. So whatever is
about its partition waits until the slot has arrived, at most PATIENCE times ``redis.timeout_s``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import MovedError

from psd.backoff import backoff_s
from psd.config import RedisSettings
from psd.errors import ConfigError, MisplacedError, StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.store.fitness import info_field
from psd.store.lane import Lane
from psd.store.slots import Address, SlotMap, address_in, read_moved, read_slots, url_at

PATIENCE = 3
"""Answers may take this many times redis.timeout_s while slots move; then they are not known."""

PAUSE_FIRST_S = 0.005
PAUSE_MAX_S = 0.1
"""Between two attempts while a slot migrates: one of 1,000 keys takes some 100 ms."""

ASKED_AGAIN_AFTER_S = 0.2
"""Nodes that do not answer make psd ask for the map this often: a failover takes seconds."""

ONE_DATABASE = "redis.url: psd uses database 0 of a cluster, and no other"
NO_SELECT = "SELECT is not allowed in cluster mode"


class Cluster:
    """The nodes that there are, and which of them has which slot.

    ``client`` is the one at ``redis.url``: the one server, or whichever node is asked first.
    ``open_client`` makes clients of a node (None for that one) that look at their server,
    ``plain_client`` those that do not: which node is what is asked of any, a replica as well.
    """

    def __init__(
        self,
        settings: RedisSettings,
        metrics: Metrics,
        open_client: Callable[[str, Address | None], Redis],
        plain_client: Callable[[str], Redis],
    ) -> None:
        # Behind sentinels there is one master, and no node of a cluster.
        self.is_known = settings.cluster == "no" or bool(settings.sentinel)
        self.is_spread = False
        self.client = open_client(settings.url, None)
        self._open_client = open_client
        self._plain_client = plain_client
        self._settings = settings
        self._metrics = metrics
        self._clients: dict[Address, Redis] = {}
        self._slots = SlotMap([])
        self._version = 0
        self._asking = asyncio.Lock()
        self._doubted: set[Address | None] = set()
        self._asked_at_s = 0.0

    async def know(self) -> None:
        """Return when it is known what the store is. Raises StoreUnavailableError, ConfigError."""
        if self.is_known and not self._doubted:
            return
        if not self.is_known:
            await self._ask_first()
        elif time.monotonic() - self._asked_at_s > ASKED_AGAIN_AFTER_S:
            await self.learn(self._version, [])

    @property
    def is_certain(self) -> bool:
        """Whether it is known what the store is, and every node has answered since."""
        return self.is_known and not self._doubted

    def doubt(self, node: Address) -> None:
        """Note that a node did not answer: others are asked for the map before the next command."""
        self._doubted.add(node)

    def node_of(self, key: str | bytes) -> Address:
        """The node that has a key, in a cluster; raises StoreUnavailableError for none."""
        node = self._slots.node_of(key)
        if node is None:
            self._doubted.add(None)
            raise StoreUnavailableError("redis: no node of the cluster has the slot of a key")
        return node

    def nodes(self) -> list[Address]:
        """Every master that has slots, in a cluster."""
        return self._slots.addresses()

    def unserved_slots(self) -> int:
        """Slots that no node has, in a cluster."""
        return self._slots.unserved()

    def client_at(self, node: Address) -> Redis:
        """The client of a node."""
        client = self._clients.get(node)
        if client is None:
            url = url_at(self._settings.url, node)
            client = self._clients[node] = self._open_client(url, node)
        return client

    async def client_of(self, key: str) -> Redis:
        """The client of the server that has a key."""
        await self.know()
        return self.client_at(self.node_of(key)) if self.is_spread else self.client

    async def follow(self, error: Exception) -> None:
        """Learn the map anew after an error that may say that it is of yesterday."""
        await self.know()
        if self.is_spread:
            moved = str(error) if isinstance(error, MovedError) else ""
            await self.learn(self._version, [MisplacedError("redis: moved", moved=moved)])

    async def attempts(self) -> AsyncIterator[list[MisplacedError]]:
        """Attempts at commands until they are executed; each fills its list with what was not.

        After each failed one the map is learned anew. Raises the error that is left at the end.
        """
        give_up_s = time.monotonic() + PATIENCE * self._settings.timeout_s
        tried = 0
        while True:
            await self.know()
            version = self._version
            misplaced: list[MisplacedError] = []
            yield misplaced
            if not misplaced:
                return
            if not self.is_spread or time.monotonic() > give_up_s:
                raise misplaced[0]
            await self.learn(version, misplaced)
            # A node that names another is right at once, unless both are of different opinions.
            tried += 1
            if tried > 1 or not any(error.moved for error in misplaced):
                await asyncio.sleep(backoff_s(tried, PAUSE_FIRST_S, PAUSE_MAX_S))

    async def learn(self, version: int, misplaced: Iterable[MisplacedError]) -> None:
        """Ask for the map of slots, unless somebody did since ``version``.

        What the errors tell is newer than what the nodes may have heard of each other.
        """
        async with self._asking:
            if version != self._version:
                return
            here = address_in(self._settings.url)
            named = [read_moved(error.moved, here) for error in misplaced if error.moved]
            moves = [move for move in named if move is not None]
            slots = await self._ask_any(node for _, node in moves)
            for slot, node in moves:
                slots.nodes[slot] = node
            self._slots = slots
            self._version += 1
            self._doubted.clear()

    async def close(self) -> None:
        """Close the clients."""
        for client in (self.client, *self._clients.values()):
            await client.aclose()

    async def _ask_first(self) -> None:
        async with self._asking:
            if self.is_known:
                return
            try:
                told = await self._ask(None, "INFO", "cluster")
            except StoreUnavailableError as exc:
                if NO_SELECT in str(exc):
                    raise ConfigError(ONE_DATABASE) from exc
                raise
            is_spread = info_field(told, "cluster_enabled") == "1"
            if self._settings.cluster == "yes" and not is_spread:
                raise ConfigError('redis.cluster = "yes": the server is not a node of a cluster')
            if is_spread:
                if self.client.connection_pool.connection_kwargs.get("db"):
                    raise ConfigError(ONE_DATABASE)
                self._slots = await self._ask_any([])
            self.is_spread = is_spread
            self.is_known = True

    async def _ask_any(self, first: Iterable[Address]) -> SlotMap:
        """The map as the first node tells it that answers."""
        self._asked_at_s = time.monotonic()
        nodes = dict.fromkeys([*first, *self._clients])
        ready = [node for node in nodes if node not in self._doubted]
        error: StoreUnavailableError | None = None
        for node in (*ready, None, *(node for node in self._doubted if node)):
            try:
                told = await self._ask(node, "CLUSTER", "SLOTS")
            except StoreUnavailableError as exc:
                error = error or exc
                continue
            return read_slots(told, node or address_in(self._settings.url))
        assert error is not None
        raise error

    async def _ask(self, node: Address | None, *command: str) -> Any:
        """A reply on a connection of its own: the lanes may be waiting for the answer."""
        url = self._settings.url if node is None else url_at(self._settings.url, node)
        client = self._plain_client(url)
        lane = Lane(client, self._settings.timeout_s, self._metrics)
        try:
            return await lane.call(command)
        finally:
            await lane.close()
            await client.aclose()
