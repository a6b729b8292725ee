"""A server that lost its scripts, or cannot write now: nothing is lost, nothing half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from psd.errors import ConfigError, StoreUnavailableError
from psd.runtime import Runtime
from psd.store import watch
from tests.support.engine import EVER, book, collected, report, sum_of
from tests.support.stored.keyspace import keyspace
from tests.support.waiting import wait_until


@asynccontextmanager
async def out_of_memory(client: Redis) -> AsyncIterator[None]:
    """Every write that needs memory is refused meanwhile."""
    await client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await client.config_set("maxmemory", 0)


@asynccontextmanager
async def read_only(client: Redis) -> AsyncIterator[None]:
    """The server is a replica of nothing meanwhile."""
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        yield
    finally:
        await client.execute_command("REPLICAOF", "NO", "ONE")


async def test_scripts_that_were_flushed_are_loaded_by_the_next_call(psd: Runtime) -> None:
    for value in (10, 25):
        await psd.store.client.script_flush()
        assert await book(psd, [report(value)]) == ["booked"]
    await psd.store.client.script_flush()
    assert await sum_of(psd) == 25
    await psd.store.client.script_flush()
    assert await collected(psd) == (25, {3: 2})
    await psd.store.client.script_flush()
    assert await psd.engine.activity_sum(1, 1, 3, EVER) == 25


async def test_a_full_server_is_unavailable_and_nothing_is_written(psd: Runtime) -> None:
    await book(psd, [report(10)])
    before = await keyspace(psd.store.client)
    async with out_of_memory(psd.store.client):
        with pytest.raises(StoreUnavailableError, match="OOM"):
            await book(psd, [report(70, aid=8)])
        assert await sum_of(psd) == 10
    assert await keyspace(psd.store.client) == before
    assert await book(psd, [report(70, aid=8)]) == ["booked"]


async def test_a_replica_is_neither_written_nor_read(psd: Runtime) -> None:
    """Its writes would be thrown away, and what it tells may be of yesterday."""
    await book(psd, [report(10)])
    async with read_only(psd.store.client):
        with pytest.raises(StoreUnavailableError, match=r"READONLY|replica"):
            await book(psd, [report(70, aid=8)])
        with pytest.raises(StoreUnavailableError, match=r"it is a replica of 127\.0\.0\.1:1"):
            await sum_of(psd)
    assert await book(psd, [report(70, aid=8)]) == ["booked"]
    assert await sum_of(psd) == 80


async def test_a_master_that_became_a_replica_is_read_a_second_longer_at_most(
    psd: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody writes, so nothing but the look that leaves with a question can tell."""
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.05)
    await book(psd, [report(10)])
    async with read_only(psd.store.client):

        async def is_refused() -> bool:
            try:
                await sum_of(psd)
            except StoreUnavailableError as error:
                return "it is a replica" in str(error)
            return False

        await wait_until("it is found to be a replica", is_refused)
    assert await sum_of(psd) == 10


async def test_readiness_says_what_is_wrong_with_the_server(psd: Runtime) -> None:
    client = psd.store.client
    assert set((await psd.store.readiness()).values()) == {"ok"}
    async with read_only(client):
        found = await psd.store.readiness()
        assert found == {"role": "it is a replica of 127.0.0.1:1, and has no connection to it"}
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert await psd.store.readiness() == {"policy": "maxmemory-policy is allkeys-lru"}
    finally:
        await client.config_set("maxmemory-policy", "noeviction")


async def test_readiness_loads_the_scripts(psd: Runtime) -> None:
    assert (await psd.store.readiness())["scripts"] == "ok"
    await psd.store.client.config_resetstat()
    await book(psd, [report()])
    stats = await psd.store.client.info("commandstats")
    assert "cmdstat_script|load" not in stats
    assert "cmdstat_script" not in stats


async def test_an_empty_store_is_marked_with_the_schema_and_another_is_refused(
    psd: Runtime,
) -> None:
    await psd.store.check_fit()
    await psd.store.check_fit()
    assert await psd.store.client.get("psd:schema") == b"4"
    await psd.store.client.set("psd:schema", "999")
    with pytest.raises(ConfigError, match="999"):
        await psd.store.check_fit()
