"""A write whose answer is lost is sent once, by every client that psd makes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from psd.config import RedisSettings
from psd.errors import StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.store.redis import Store
from tests.conftest import ON_CLUSTER
from tests.support.waiting import wait_until


class HangsUp:
    """A server that takes each INCR and hangs up without an answer; other commands are fine.

    On the cluster it is the node of all slots.
    """

    def __init__(self) -> None:
        self.port = 0
        self.increments: list[bytes] = []
        self.open = 0

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.open += 1
        while line := await reader.readline():
            words = []
            for _ in range(int(line[1:])):
                await reader.readline()
                words.append((await reader.readline()).strip())
            if words[0] == b"INCR":
                self.increments.append(words[1])
                break
            writer.write(self.answer(words))
        writer.close()
        await writer.wait_closed()
        self.open -= 1

    def answer(self, words: list[bytes]) -> bytes:
        """The reply to what is not an INCR."""
        if ON_CLUSTER and words == [b"INFO", b"cluster"]:
            return b"$17\r\ncluster_enabled:1\r\n"
        if ON_CLUSTER and words == [b"CLUSTER", b"SLOTS"]:
            return b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n" % self.port
        return b"$-1\r\n" if words[0] == b"GET" else b"+OK\r\n"


@asynccontextmanager
async def hanging_up() -> AsyncIterator[tuple[HangsUp, Store]]:
    """That server, and a store on it."""
    server = HangsUp()
    async with await asyncio.start_server(server.play, "127.0.0.1", 0) as listening:
        server.port = listening.sockets[0].getsockname()[1]
        store = Store(RedisSettings(url=f"redis://127.0.0.1:{server.port}/0"), Metrics())
        try:
            yield server, store
        finally:
            await store.close()
            await wait_until("every connection is closed", lambda: server.open == 0)


async def test_a_lane_does_not_send_again() -> None:
    """With retries, which redis-py 8 has by default in some clients, it would be applied twice."""
    async with hanging_up() as (server, store):
        with pytest.raises(StoreUnavailableError):
            await store.writes.call(("INCR", "n"))
    assert server.increments == [b"n"]


async def test_the_plain_client_does_not_send_again() -> None:
    async with hanging_up() as (server, store):
        client = await store.cluster.client_of("n")
        with pytest.raises(RedisConnectionError):
            await client.execute_command("INCR", "n")
    assert server.increments == [b"n"]
