"""Which keys of psd change at a server, as the server itself tells it, and a hold on who writes.

Redis tells a connection the name of each key that changes (``CLIENT TRACKING ON BCAST``), in front
of the answer to whatever that connection asks next, so that after an answer all changes of before
are known::

    CLIENT TRACKING ON BCAST PREFIX psd:
    PING                      -> psd:{p0}:7:1:y changed, psd:{p0}:7:1:m:2016 changed, PONG
    CLIENT PAUSE 1000 WRITE   nobody writes for a second, or until CLIENT UNPAUSE; reads go on

This is read by no disk of the server and by none of its forks, and works the same on one server, at
each master of a cluster, and behind a Sentinel. Whoever writes meanwhile waits for the hold, less
than ``redis.timeout_s``, and nothing is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, cast

from redis._parsers import AsyncPushNotificationsParser
from redis.asyncio import Connection, Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from psd.errors import ConfigError, StoreError, StoreUnavailableError
from psd.outages import outage
from psd.store.cluster import Cluster
from psd.store.replies import psd_error
from psd.store.sending import Command, send

HOLD_MS = 1000
"""Longest hold; somebody who waits for it has 1.5 s by default (redis.timeout_s)."""

NEEDED = (
    "redis.url: the user may not follow changes of keys ({}); a backup needs one with the commands "
    "that docs/security.md names"
)


class ChangedKeys:
    """The names of keys that have changed at one server since :meth:`begin`."""

    def __init__(self, client: Redis, timeout_s: float) -> None:
        self._pool = client.connection_pool
        self._timeout_s = timeout_s
        self._names: set[bytes] = set()
        self._connection: Connection | None = None
        self._emptied = False

    def __len__(self) -> int:
        """How many are known, and not taken yet."""
        return len(self._names)

    async def begin(self) -> None:
        """Follow changes from now on; raises ConfigError where the user may not."""
        # The protocol in which a server tells something that was not asked for.
        settings = {**self._pool.connection_kwargs, "protocol": 3, "redis_connect_func": None}
        connection = cast("Connection", self._pool.connection_class(**settings))
        self._connection = connection
        try:
            async with asyncio.timeout(self._timeout_s):
                await connection.connect()
        except (NoPermissionError, ResponseError) as error:
            raise ConfigError(NEEDED.format(error)) from error
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreUnavailableError(f"redis: {outage(error, self._timeout_s)}") from error
        parser = cast("AsyncPushNotificationsParser", connection._parser)
        parser.set_invalidation_push_handler(self._note)
        try:
            await self._ask("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "psd:")
        except (StoreUnavailableError, StoreError) as error:
            if isinstance(error.__cause__, ResponseError):
                raise ConfigError(NEEDED.format(error.__cause__)) from error
            raise

    async def heard(self) -> None:
        """Return when every change of before is known; raises StoreUnavailableError for a loss."""
        await self._ask("PING")
        if self._emptied:
            raise StoreUnavailableError("redis: the store was emptied while it was copied")

    def take(self) -> list[bytes]:
        """What has changed since this was asked last."""
        names, self._names = self._names, set()
        return [*names]

    async def hold(self) -> bool:
        """Let nobody write for HOLD_MS at most; whether the user may do that."""
        try:
            await self._ask("CLIENT", "PAUSE", HOLD_MS, "WRITE")
        except (StoreUnavailableError, StoreError) as error:
            if isinstance(error.__cause__, ResponseError):
                return False
            raise
        return True

    async def release(self) -> None:
        """Let everybody write again; a server that does not answer does it by itself."""
        with contextlib.suppress(StoreUnavailableError, StoreError):
            await self._ask("CLIENT", "UNPAUSE")

    async def close(self) -> None:
        """Follow no more."""
        if self._connection is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                await self._connection.disconnect(nowait=True)

    async def _ask(self, *command: str | int) -> Any:
        assert self._connection is not None, "begin() comes first"
        asked: Command = command
        try:
            async with asyncio.timeout(self._timeout_s):
                [reply] = await send(self._connection, [asked])
        except (RedisError, OSError, TimeoutError) as error:
            away = f"redis: the connection that tells changes: {outage(error, self._timeout_s)}"
            raise StoreUnavailableError(away) from error
        if isinstance(reply, RedisError):
            raise psd_error(reply) from reply
        return reply

    async def _note(self, message: list[Any]) -> None:
        """What the server tells: ``[b"invalidate", names]``, without names when it was emptied."""
        names = message[1]
        if names is None:
            self._emptied = True
        else:
            self._names.update(names)


def changed_keys_of(cluster: Cluster, timeout_s: float) -> list[ChangedKeys]:
    """One of each server, in the order of the lanes of :meth:`~psd.store.routed.RoutedLane.lanes`.

    The cluster is known by then.
    """
    nodes = cluster.nodes() if cluster.is_spread else [None]
    clients = [cluster.client if node is None else cluster.client_at(node) for node in nodes]
    return [ChangedKeys(client, timeout_s) for client in clients]
