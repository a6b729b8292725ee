"""A server that lost its scripts, or cannot write now: nothing is lost, nothing half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from psd.errors import ConfigError, StoreUnavailableError
from psd.runtime import Runtime
from tests.support.engine import EVER, book, collected, report, sum_of
from tests.support.keyspace import keyspace


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


async def test_a_replica_is_unavailable_and_still_answers_sums(psd: Runtime) -> None:
    await book(psd, [report(10)])
    async with read_only(psd.store.client):
        with pytest.raises(StoreUnavailableError, match="READONLY"):
            await book(psd, [report(70, aid=8)])
        assert await sum_of(psd) == 10
    assert await book(psd, [report(70, aid=8)]) == ["booked"]


async def test_readiness_says_what_is_wrong_with_the_server(psd: Runtime) -> None:
    client = psd.store.client
    assert set((await psd.store.readiness()).values()) == {"ok"}
    async with read_only(client):
        assert "READONLY" in (await psd.store.readiness())["writable"]
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        assert (await psd.store.readiness())["policy"] == "maxmemory-policy is allkeys-lru"
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
    await psd.store.check_schema()
    await psd.store.check_schema()
    assert await psd.store.client.get("psd:schema") == b"2"
    await psd.store.client.set("psd:schema", "999")
    with pytest.raises(ConfigError, match="999"):
        await psd.store.check_schema()


async def test_a_store_of_the_schema_before_is_taken_over(psd: Runtime) -> None:
    await psd.store.client.set("psd:schema", "1")
    await psd.store.check_schema()
    assert await psd.store.client.get("psd:schema") == b"2"
