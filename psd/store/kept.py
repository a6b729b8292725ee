"""Writes that are kept as ``redis.durability`` says before they are answered.

Every write is in the server's log by then (docs/operations.md); with ``replicated`` some replicas
have it as well::

    await write_kept(store, [("SADD", "psd:board:{april:9f..}:members", 11)])
    -> [1], once redis.replicas replicas have it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psd.errors import StoreUnavailableError
from psd.store.lane import Command
from psd.store.redis import Store


async def write_kept(store: Store, commands: Sequence[Command]) -> list[Any]:
    """Replies by position; raises the first error, or StoreUnavailableError for too few replicas.

    Whether the writes happened is then unknown.
    """
    settings = store.settings
    if not commands or settings.durability != "replicated":
        if not commands:
            return []
        return await store.order.with_telling(store.writes.call_all(commands))
    wait: Command = ("WAIT", settings.replicas, settings.replica_timeout_ms)
    writing = store.writes.call_all([*commands, wait])
    *replies, have = await store.order.with_telling(writing)
    if have < settings.replicas:
        raise StoreUnavailableError(
            f"redis: {have} of {settings.replicas} replicas have the write after "
            f"{settings.replica_timeout_ms} ms"
        )
    return replies


async def write_in_order(store: Store, *stages: Sequence[Command]) -> list[Any]:
    """The same of stages, each of which is kept before the next one is sent.

    On one server all are one trip, which keeps their order; between two nodes of a cluster
    commands have none, so there it is a trip a stage.
    """
    await store.cluster.know()
    if not store.cluster.is_spread:
        return await write_kept(store, [command for stage in stages for command in stage])
    return [reply for stage in stages for reply in await write_kept(store, stage)]
