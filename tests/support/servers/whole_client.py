"""What a test asks of a store's plain client, asked of all masters of a cluster.

>>> async with WholeClient(host="127.0.0.1", port=cluster.nodes[0].port) as client:
...     await client.dbsize()           # of all nodes together
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import redis.asyncio

from psd.store.redis import Store


class WholeClient(redis.asyncio.RedisCluster):
    """A client that asks all masters what redis-py would ask one of them."""

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """One reply, also of all masters: numbers are added, lists joined."""
        if args[0] in _OF_A_SERVER:
            kwargs.setdefault("target_nodes", self.PRIMARIES)
        reply = await super().execute_command(*args, **kwargs)
        return _added(reply.values()) if args == ("INFO", "commandstats") else reply


_OF_A_SERVER = ("CONFIG RESETSTAT", "CONFIG SET", "DBSIZE", "INFO", "KEYS")


def _added(nodes: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    calls: Counter[str] = Counter()
    for stats in nodes:
        calls.update({name: each["calls"] for name, each in stats.items()})
    return {name: {"calls": number} for name, number in calls.items()}


class StoreClient:
    """Stands in for the attribute ``client`` of a store, which is that of one node.

    What a test does with it, it does on all nodes.
    """

    def __get__(self, store: Store, _: object = None) -> Any:
        if store.settings.url.startswith("unix:"):
            return store.cluster.client
        held = vars(store).get("_test_client")
        if held is None:
            held = WholeClient.from_url(store.settings.url)
            vars(store)["_test_client"] = held
        return held

    def __set__(self, store: Store, _: object) -> None:
        pass

    @staticmethod
    def closing(close: Callable[[Store], Awaitable[None]]) -> Callable[[Store], Awaitable[None]]:
        """A store's ``close`` that closes this client too."""

        async def close_all(store: Store) -> None:
            await close(store)
            held = vars(store).pop("_test_client", None)
            if held is not None:
                await held.aclose()

        return close_all
