"""Plain clients by key: for commands that block or that redis-py builds, as the streams' do.

What a node of a cluster did not execute because the key is elsewhere is tried again where it
is::

    await call_following(store.cluster, key, lambda client: client.xlen(key))
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from redis.asyncio import Redis
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    RedisError,
    TryAgainError,
)

from psd.store.replies import is_of_replica

T = TypeVar("T")

PAUSE_S = 0.05

_MOVING = (MovedError, AskError, TryAgainError, ClusterDownError)
"""Replies of a node that does not have the key: nothing was executed, of a transaction neither."""


class KeyClients(Protocol):
    """The client of the server that has a key; see :class:`psd.store.cluster.Cluster`."""

    async def client_of(self, key: str) -> Redis:
        """The client."""
        ...

    async def follow(self, error: Exception) -> None:
        """Find out where the key is that its server says to have moved."""
        ...


class OneClient:
    """The one server's client."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def client_of(self, _key: str) -> Redis:
        """The client, whatever the key."""
        return self._client

    async def follow(self, error: Exception) -> None:
        """A key of one server is nowhere else."""


async def call_following(clients: KeyClients, key: str, call: Callable[[Redis], Awaitable[T]]) -> T:
    """What a call on the key's server returns; cancelled or timed out by the caller."""
    while True:
        client = await clients.client_of(key)
        try:
            return await call(client)
        except _MOVING as error:
            await clients.follow(error)
            await asyncio.sleep(PAUSE_S)
        except RedisError as error:
            await leave_replica(client, error)
            raise


async def leave_replica(client: Redis, error: Exception) -> None:
    """Close a client's connections after an error that only a replica answers.

    Its master may be where new ones lead.
    """
    if is_of_replica(error):
        await client.connection_pool.disconnect(inuse_connections=False)
