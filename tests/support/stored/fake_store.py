"""A store in memory, for unit tests of those who call no script: fakeredis behind psd's lanes.

>>> store = FakeStore()
>>> await store.writes.call(("HSET", "psd:rewards:{rewards}:dirty", 3, 1))
1
>>> await RewardsStore(store.as_store()).dirty()
{3: 1}

It has ``reads`` and ``writes`` whose replies are those of Redis, errors as psd's own, and a store's
durability ``fast``. What runs a script, or stands on several connections, is for tests/contract.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar, cast

from fakeredis import FakeAsyncRedis
from redis.exceptions import RedisError

from psd.config import RedisSettings
from psd.store.lane import Command
from psd.store.redis import Store
from psd.store.replies import psd_error

T = TypeVar("T")


class FakeLane:
    """Commands, one after the other; ``trips`` are how often somebody asked or wrote.

    ``epoch`` is a test's to raise: a connection was made anew. ``error`` is what is raised instead
    of an answer.
    """

    is_spread = False

    def __init__(self, client: Any) -> None:
        self._client = client
        self.epoch = 0
        self.trips = 0
        self.error: Exception | None = None

    async def call(self, command: Command) -> Any:
        """One command's reply, or its error."""
        self.trips += 1
        return await self._reply(command)

    async def _reply(self, command: Command) -> Any:
        if self.error is not None:
            raise self.error
        try:
            return _plain(await self._client.execute_command(*command))
        except RedisError as error:
            raise psd_error(error) from error

    async def call_all(self, commands: Sequence[Command]) -> list[Any]:
        """Replies by position; raises the first error."""
        self.trips += 1
        return [await self._reply(command) for command in commands]


class FakeOrder:
    """There is one process, so nobody is told."""

    async def with_telling(self, writing: Awaitable[T]) -> T:
        """What the writing returns."""
        return await writing


class FakeCluster:
    """There is none."""

    is_spread = False

    async def know(self) -> None:
        """Known already."""


class FakePlacement:
    """All keys are on one server."""

    is_spread = False


class FakeStore:
    """What a :class:`psd.store.redis.Store` is to whoever keeps plain keys."""

    def __init__(self) -> None:
        client = FakeAsyncRedis()
        client.response_callbacks.clear()
        self.reads = self.writes = FakeLane(client)
        self.client = client
        self.order = FakeOrder()
        self.cluster = FakeCluster()
        self.placement = FakePlacement()
        self.settings = RedisSettings(durability="fast")

    def as_store(self) -> Store:
        """For constructors that take a store."""
        return cast("Store", self)


def _plain(reply: Any) -> Any:
    """As a connection of the old protocol gives it: pairs one behind the other."""
    if isinstance(reply, dict):
        return [part for pair in reply.items() for part in pair]
    return [_plain(part) for part in reply] if isinstance(reply, (list, tuple)) else reply
