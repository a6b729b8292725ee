"""Whoever answers at the address is looked at before anything is sent there, at any time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from psd.errors import QueueUnavailableError, StoreUnavailableError
from psd.runtime import Runtime
from psd.store import watch
from psd.store.server_answers import MARKS
from tests.support.engine import NOON_S, book, engine_on, report, sum_of
from tests.support.servers.ports import free_ports
from tests.support.servers.redis_server import KEEP, RedisServer
from tests.support.servers.switched_store import Switch, hang_up_on
from tests.support.stored.placements import owner_key
from tests.support.waiting import wait_until

pytestmark = pytest.mark.one_server("an address that leads to one server or another")


class Servers(NamedTuple):
    """Two servers, and the address that leads to the first."""

    address: Switch
    first: RedisServer
    second: RedisServer


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    ports = free_ports(2)
    # The port stands behind the one that RedisServer gives, and so in its place.
    options = [(*KEEP, "--port", str(port), "--repl-diskless-sync-delay", "0") for port in ports]
    with (
        Switch() as address,
        RedisServer(tmp_path / "first", options=options[0]) as first,
        RedisServer(tmp_path / "second", options=options[1]) as second,
    ):
        address.lead_to(first)
        yield Servers(address, first, second)


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """Where the address leads."""
    return servers.address.url


@pytest.fixture
async def psd(psd: Runtime) -> Runtime:
    """A process that has booked in the first one."""
    await psd.store.identity("5a1e09c3b7d2")
    assert await book(psd, [report(10)]) == ["booked"]
    assert await sum_of(psd) == 10
    return psd


def port_of(server: RedisServer) -> str:
    return server.options[server.options.index("--port") + 1]


def evicts(server: RedisServer, _other: RedisServer) -> None:
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")


def has_other_shapes(server: RedisServer, _other: RedisServer) -> None:
    server.ask("SET", "psd:schema", "999")


def is_another_store(server: RedisServer, _other: RedisServer) -> None:
    server.ask("MSET", "psd:schema", "2", "psd:store", "77d0e1a2b3c4")


def is_a_replica(server: RedisServer, other: RedisServer) -> None:
    server.ask("REPLICAOF", "127.0.0.1", port_of(other))


def is_cut_off(server: RedisServer, _other: RedisServer) -> None:
    server.ask("REPLICAOF", "127.0.0.1", "1")


UNFIT = [
    (evicts, "policy", "maxmemory-policy is allkeys-lru"),
    (has_other_shapes, "schema", "the store holds version 999"),
    (is_another_store, "store", "the store calls itself 77d0e1a2b3c4"),
    (is_a_replica, "role", "it is a replica of 127.0.0.1:"),
    (is_cut_off, "role", "and has no connection to it"),
]


def unfit(psd: Runtime, check: str) -> float | None:
    return psd.metrics.registry.get_sample_value("psd_store_unfit", {"check": check})


@pytest.mark.parametrize(
    ("spoil", "check", "found"), UNFIT, ids=[each[0].__name__ for each in UNFIT]
)
async def test_an_unfit_server_that_takes_the_place_gets_nothing_and_the_reason_is_told(
    psd: Runtime,
    servers: Servers,
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[RedisServer, RedisServer], None],
    check: str,
    found: str,
) -> None:
    spoil(servers.second, servers.first)
    if spoil is is_a_replica:
        # While it still takes over what the other one has, it says that it is loading.
        await wait_until("it has caught up", lambda: servers.second.ask("ROLE")[3] == b"connected")
    servers.address.lead_to(servers.second)
    for _ in range(3):
        # The first may meet the end of the connection.
        with pytest.raises(StoreUnavailableError, match=r"UNFIT|hung up"):
            await book(psd, [report(70, aid=8)])
        with pytest.raises(StoreUnavailableError, match=r"UNFIT|hung up"):
            await sum_of(psd)
    checks = await psd.store.readiness()
    assert list(checks) == [check]
    assert found in checks[check]
    assert unfit(psd, check) == 1
    assert [each.check for each in caplog.records if each.levelno == logging.ERROR] == [check]
    if spoil is not is_a_replica:
        assert [key for key in servers.second.ask("KEYS", "psd:{*") if key] == []
    servers.address.lead_to(servers.first)
    assert await book(psd, [report(70, aid=8)]) == ["booked"]
    assert await sum_of(psd) == 80
    assert unfit(psd, check) == 0
    assert set((await psd.store.readiness()).values()) == {"ok"}
    assert "the store can be worked with again" in caplog.messages[-1]


async def test_the_embedded_queue_puts_nothing_there_either(servers: Servers) -> None:
    evicts(servers.second, servers.first)
    async with engine_on(servers.address.url, {"queue.kind": "stream"}) as streaming:
        queue = streaming.new_queue()
        await queue.publish("psd", [b"kept"])
        servers.address.lead_to(servers.second)
        for _ in range(2):
            with pytest.raises(QueueUnavailableError) as refused:
                await queue.publish("psd", [b"not kept"])
        assert "allkeys-lru" in str(refused.value)
    assert servers.second.ask("DBSIZE") == 0


async def test_a_policy_that_is_changed_under_the_connection_is_found_a_second_later(
    psd: Runtime, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "LOOK_EVERY_S", 0.05)
    evicts(servers.first, servers.second)

    async def is_refused() -> bool:
        try:
            await book(psd, [report(10)])
        except StoreUnavailableError as error:
            return "allkeys-lru" in str(error)
        return False

    await wait_until("it is found to evict", is_refused)


@pytest.mark.parametrize("hangs_up", [True, False], ids=["sentinel hangs up", "nobody hangs up"])
async def test_after_a_failover_psd_goes_to_the_new_master(
    psd: Runtime, servers: Servers, hangs_up: bool
) -> None:
    """Also over connections to the old one, which a failover by hand leaves open."""
    address, old, new = servers
    is_a_replica(new, old)
    await wait_until(
        "it follows", lambda: b"master_link_status:up" in new.ask("INFO", "replication")
    )
    new.ask("REPLICAOF", "NO", "ONE")
    is_a_replica(old, new)
    address.lead_to(new, hang_up=False)
    if hangs_up:
        hang_up_on(old)
    else:
        with pytest.raises(StoreUnavailableError, match=r"READONLY|replica"):
            await book(psd, [report(70, aid=8)])
    assert await book(psd, [report(70, aid=8)]) == ["booked"]

    async def is_told() -> bool:
        """Each connection for reads has to find out for itself."""
        try:
            return await sum_of(psd) == 80
        except StoreUnavailableError:
            return False

    await wait_until("sums are of the new master", is_told)
    assert new.ask("EXISTS", owner_key(1, "1:y")) == 1


async def test_an_emptied_store_is_told_and_forgotten_and_called_what_it_was(
    psd: Runtime, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    """Who was known to be indexed is indexed again: he is there, and nobody who is not."""
    await book(psd, [report(uid=uid) for uid in (1, 2, 3)])
    assert await psd.engine.population(1) == [1, 2, 3]
    servers.first.ask("FLUSHALL")
    await book(psd, [report(20, uid=2)])
    psd.store.standing.doubt()
    await book(psd, [report(20, NOON_S + 5, uid=3)])
    assert await psd.engine.population(1) == [2, 3]
    checks = await psd.store.readiness()
    assert "the store was emptied, or lost what it had" in checks["contents"]
    assert checks["contents"].startswith("ok: ")
    assert servers.first.ask("GET", "psd:store") == b"5a1e09c3b7d2"
    changes = psd.metrics.registry.get_sample_value
    assert changes("psd_store_changes_total", {"change": "emptied"}) == 1
    told = [each for each in caplog.messages if "emptied" in each]
    assert len(told) == 1


async def test_what_another_process_has_marked_again_was_emptied_all_the_same(
    psd: Runtime, servers: Servers
) -> None:
    servers.first.ask("FLUSHALL")
    async with engine_on(servers.address.url):
        pass
    psd.store.standing.doubt()
    assert await sum_of(psd) == 0
    assert "emptied" in (await psd.store.readiness())["contents"]


async def test_a_store_that_is_restarted_with_what_it_had_is_not_emptied(
    psd: Runtime, servers: Servers
) -> None:
    servers.first.kill9()
    servers.first.start()
    assert await sum_of(psd) == 10
    assert "contents" not in await psd.store.readiness()
    changes = psd.metrics.registry.get_sample_value
    assert changes("psd_store_changes_total", {"change": "server"}) == 1


async def test_levels_with_lifetimes_are_asked_for_again_of_another_server(
    psd: Runtime, servers: Servers
) -> None:
    """As those that a store has which was restored from a copy."""
    servers.first.ask("SADD", "psd:retention", "day_s")
    assert not (await psd.engine._known_levels()).days_expire
    servers.first.kill9()
    servers.first.start()
    assert await book(psd, [report(20, NOON_S + 5, aid=9)]) == ["booked"]
    assert (await psd.engine._known_levels()).days_expire


async def test_looking_costs_a_trip_a_connection_and_nothing_a_question(servers: Servers) -> None:
    servers.first.ask("CONFIG", "RESETSTAT")
    async with engine_on(servers.address.url) as psd:
        for _ in range(100):
            await sum_of(psd)
        stats = await psd.store.client.info("commandstats")
        asked = psd.store.writes.epoch + psd.store.reads.epoch
        # One more is that of this client; each has looked once, and as seconds go by a few again.
        assert stats["cmdstat_get"]["calls"] <= len(MARKS) * (asked + 4)
