"""A write whose answer is lost is sent once, by every client that psd makes."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from psd.config import RedisSettings
from psd.errors import StoreUnavailableError
from psd.observe.metrics import Metrics
from psd.store.redis import Store
from tests.support.waiting import wait_until


class HangsUp:
    """A server that takes each INCR and hangs up without an answer; other commands are fine."""

    def __init__(self) -> None:
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
            writer.write(b"+OK\r\n")
        writer.close()
        await writer.wait_closed()
        self.open -= 1


@asynccontextmanager
async def hanging_up() -> AsyncIterator[tuple[HangsUp, Store]]:
    """That server, and a store on it."""
    server = HangsUp()
    with tempfile.TemporaryDirectory(prefix="psd-test-", dir="/tmp") as folder:
        socket = f"{folder}/redis.sock"
        async with await asyncio.start_unix_server(server.play, socket):
            store = Store(RedisSettings(url=f"unix://{socket}"), Metrics())
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
        with pytest.raises(RedisConnectionError):
            await store.client.execute_command("INCR", "n")
    assert server.increments == [b"n"]
