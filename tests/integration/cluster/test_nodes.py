"""What psd does with the masters of a cluster: whom it asks, and what it says when one is away."""

from __future__ import annotations

import asyncio
import signal

import pytest
from click.testing import CliRunner

from psd.cli.main import psd as command
from psd.columns import column_pieces, column_reader
from psd.engine.plan import Range
from psd.errors import ConfigError, StoreUnavailableError
from psd.runtime import Runtime
from psd.store.kept import write_in_order
from psd.store.slots import slot_of
from tests.support.engine import DAY_S, EVER, NOON_S, book, count, engine_on, report, sum_of
from tests.support.servers.redis_cluster import ClusterNode, RedisCluster
from tests.support.servers.redis_server import ENGINES, RedisServer
from tests.support.stored.audits import verified
from tests.support.stored.placements import IN_A_CLUSTER
from tests.support.waiting import wait_until

UIDS = range(1, 201)
PARTITIONS = IN_A_CLUSTER.partitions


def calls(node: ClusterNode, name: str) -> int:
    """How often a node was sent a command since CONFIG RESETSTAT."""
    told = node.ask("INFO", "commandstats").decode()
    line = next((each for each in told.split() if each.startswith(f"cmdstat_{name}:")), "calls=0,")
    return int(line.partition("calls=")[2].partition(",")[0])


def partitions_on(cluster: RedisCluster) -> list[int]:
    """How many partitions each master has: 5, 5 and 6 in some order."""
    keys = [f"{{{PARTITIONS.tag(at)}}}" for at in range(PARTITIONS.count)]
    held = [sum(cluster.node_of(key) is node for key in keys) for node in cluster.nodes]
    assert sorted(held) == [5, 5, 6]
    return held


async def prepared(cluster: RedisCluster, psd: Runtime) -> None:
    """Owners on every master, its scripts loaded and its connections made."""
    await book(psd, [report(uid=uid) for uid in UIDS])
    await psd.engine.sums(list(UIDS), [1], [EVER] * len(UIDS))
    for node in cluster.nodes:
        node.ask("CONFIG", "RESETSTAT")


async def test_owners_are_spread_and_a_page_is_asked_for_of_each_partition(
    cluster: RedisCluster, psd: Runtime
) -> None:
    await prepared(cluster, psd)
    assert await book(psd, [report(20, uid=uid) for uid in UIDS]) == ["booked"] * len(UIDS)
    assert [calls(node, "evalsha") for node in cluster.nodes] == partitions_on(cluster)
    day = Range(NOON_S - DAY_S, NOON_S + DAY_S)
    found = await psd.engine.sums(list(UIDS), [1], [day] * len(UIDS))
    assert [owner.sums[1] for owner in found] == [20] * len(UIDS)
    asked = [2 * number for number in partitions_on(cluster)]
    assert [calls(node, "evalsha") for node in cluster.nodes] == asked
    assert min(node.ask("DBSIZE") for node in cluster.nodes) > 100


async def test_counts_are_spread_like_owners(psd: Runtime) -> None:
    names = [f"visits_{n}" for n in range(60)]
    await book(psd, [count(f"id-{n}", n, name=name) for n, name in enumerate(names)])
    assert await psd.engine.counts(names, EVER) == list(range(60))


async def test_each_master_that_was_written_to_is_asked_for_its_replicas(
    cluster: RedisCluster, psd: Runtime
) -> None:
    await prepared(cluster, psd)
    replicated = {"redis.durability": "replicated", "redis.replica_timeout_ms": 50}
    async with engine_on(cluster.url, replicated) as careful:
        with pytest.raises(StoreUnavailableError, match="0 of 1 replicas have the batch"):
            await book(careful, [report(30, uid=uid) for uid in UIDS])
        assert [calls(node, "wait") for node in cluster.nodes] == [1, 1, 1]
        node = cluster.node_of(IN_A_CLUSTER.owner_root(1))
        with pytest.raises(StoreUnavailableError):
            await book(careful, [report(40, uid=1)])
        assert [calls(each, "wait") for each in cluster.nodes] == [
            2 if each is node else 1 for each in cluster.nodes
        ]


async def test_stages_of_writes_come_one_after_the_other_whatever_their_nodes(
    cluster: RedisCluster, psd: Runtime
) -> None:
    keys = [IN_A_CLUSTER.owner_root(uid) + ":log" for uid in range(1, 5)]
    assert len({cluster.node_of(key).port for key in keys}) > 1
    written = await write_in_order(
        psd.store,
        [("SADD", key, 1, 2) for key in keys],
        [],
        [("SCARD", key) for key in reversed(keys)],
    )
    assert written == [2] * 8


async def test_readiness_speaks_of_every_master(cluster: RedisCluster, psd: Runtime) -> None:
    assert (await psd.store.readiness())["cluster"] == "ok: 3 masters"
    last = max(cluster.nodes, key=lambda node: node.port)
    last.ask("SCRIPT", "FLUSH")
    last.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        found = await psd.store.readiness()
    finally:
        last.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert found == {"policy": f"127.0.0.1:{last.port}: maxmemory-policy is allkeys-lru"}
    assert (await psd.store.readiness())["scripts"] == "ok"
    names = [script.sha for script in (psd.engine._tools.book, psd.engine._sums._sum)]
    assert last.ask("SCRIPT", "EXISTS", *names) == [1, 1]


async def test_one_unfit_master_is_refused_at_start(cluster: RedisCluster) -> None:
    last = max(cluster.nodes, key=lambda node: node.port)
    last.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(ConfigError, match="maxmemory-policy is allkeys-lru"):
            async with engine_on(cluster.url):
                pass
    finally:
        last.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")


async def test_no_node_is_worked_with_while_one_tells_of_another_schema(
    cluster: RedisCluster, psd: Runtime
) -> None:
    await prepared(cluster, psd)
    holder = cluster.node_of("psd:schema")
    others = [uid for uid in UIDS if cluster.node_of(IN_A_CLUSTER.owner_root(uid)) is not holder]
    held = holder.ask("GET", "psd:schema")
    holder.ask("SET", "psd:schema", "999")
    try:
        assert "version 999" in (await psd.store.readiness())["schema"]
        for uid in others[:5]:
            with pytest.raises(StoreUnavailableError, match="version 999"):
                await book(psd, [report(50, NOON_S, uid=uid)])
    finally:
        holder.ask("SET", "psd:schema", held)
    assert await book(psd, [report(50, NOON_S, uid=others[0])]) == ["booked"]
    assert (await psd.store.readiness())["schema"] == "ok"


async def test_verify_finds_and_repairs_on_every_master(
    cluster: RedisCluster, psd: Runtime
) -> None:
    await book(psd, [report(uid=uid) for uid in UIDS])
    spoiled = [
        next(u for u in UIDS if cluster.node_of(IN_A_CLUSTER.owner_root(u)) is n)
        for n in cluster.nodes
    ]
    for uid, node in zip(spoiled, cluster.nodes, strict=True):
        node.ask("HSET", IN_A_CLUSTER.owner_root(uid) + ":1:d:201604", "12", "31")
    found = await verified(cluster.url, "--rate", "0")
    assert found.exit_code == 1
    assert "200 audited: 197 clean, 3 different; 3 differences" in found.output
    repaired = await verified(cluster.url, "--rate", "0", "--repair")
    assert "200 audited: 197 clean, 3 repaired; 3 differences" in repaired.output
    assert (await verified(cluster.url, "--rate", "0")).exit_code == 0


async def test_the_doctor_lists_every_master(cluster: RedisCluster) -> None:
    flags = ["--set", f"redis.url={cluster.url}", "--set", "queue.kind=stream"]
    result = await asyncio.to_thread(CliRunner().invoke, command, [*flags, "doctor"])
    for node in cluster.nodes:
        assert f"at 127.0.0.1:{node.port}" in result.output
    assert "store.cluster" in result.output


async def test_a_master_that_is_away_is_said_to_be_and_found_when_it_is_back(
    cluster: RedisCluster, psd: Runtime
) -> None:
    await prepared(cluster, psd)
    node = cluster.node_of(IN_A_CLUSTER.owner_root(1))
    there = next(uid for uid in UIDS if cluster.node_of(IN_A_CLUSTER.owner_root(uid)) is not node)
    node.end(signal.SIGKILL)
    with pytest.raises(StoreUnavailableError):
        await psd.engine.sums(list(UIDS), [1], [EVER] * len(UIDS))
    assert await sum_of(psd, uid=there) == 10
    node.start()

    async def books() -> bool:
        try:
            return await book(psd, [report(50, NOON_S, uid=1)]) != []
        except StoreUnavailableError:
            return False

    await wait_until("the master books again", books)
    assert await sum_of(psd, uid=1) == 50


async def test_a_slot_that_nobody_serves_is_a_store_that_is_away_until_somebody_does(
    cluster: RedisCluster, psd: Runtime
) -> None:
    await prepared(cluster, psd)
    node, slot = cluster.node_of(IN_A_CLUSTER.owner_root(1)), slot_of(IN_A_CLUSTER.owner_root(1))
    for each in cluster.nodes:
        each.ask("CLUSTER", "DELSLOTS", slot)
    async with engine_on(cluster.url, {"redis.timeout_s": 0.2}) as hasty:
        with pytest.raises(StoreUnavailableError):
            await sum_of(hasty, uid=1)
        assert "1 slots have no node" in hasty.store._cluster_check()["cluster"]
        node.ask("CLUSTER", "ADDSLOTS", slot)

        async def sums() -> bool:
            try:
                return await sum_of(hasty, uid=1) == 10
            except StoreUnavailableError:
                return False

        await wait_until("the slot is served again", sums)


async def test_a_cluster_that_must_be_one_is_asked_for(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with (
        RedisServer(tmp_path_factory.mktemp("one")) as server,
        pytest.raises(ConfigError, match="the server is not a node of a cluster"),
    ):
        async with engine_on(server.url, {"redis.cluster": "yes"}):
            pass


async def test_a_cluster_has_one_database(cluster: RedisCluster) -> None:
    with pytest.raises(ConfigError, match="database 0"):
        async with engine_on(cluster.url.removesuffix("/0") + "/3"):
            pass


@pytest.mark.parametrize("engine", ENGINES)
async def test_every_engine_books_and_sums_the_owners_of_a_partition_in_one_call(
    tmp_path_factory: pytest.TempPathFactory, engine: str
) -> None:
    """And refuses an owner on its way before anything is written."""
    with RedisCluster(tmp_path_factory.mktemp(engine), engine) as cluster:  # type: ignore[arg-type]  (a parameter)
        hasty = {"redis.timeout_s": 0.3}
        async with engine_on(cluster.url) as psd, engine_on(cluster.url, hasty) as in_haste:
            await prepared(cluster, psd)
            assert await book(psd, [report(20, uid=uid) for uid in UIDS]) == ["booked"] * 200
            assert [calls(node, "evalsha") for node in cluster.nodes] == partitions_on(cluster)
            node = cluster.node_of(IN_A_CLUSTER.owner_root(1))
            target = next(each for each in cluster.nodes if each is not node)
            cluster.begin_move(slot_of(IN_A_CLUSTER.owner_root(1)), node, target)
            uids = [u for u in UIDS if cluster.node_of(IN_A_CLUSTER.owner_root(u)) is node]
            with pytest.raises(StoreUnavailableError):
                await book(in_haste, [report(30, NOON_S + 86_400, uid=u, aid=9) for u in uids])
            with_one = IN_A_CLUSTER.partitions.of(1)
            left = [u for u in uids if IN_A_CLUSTER.partitions.of(u) == with_one]
            others = [u for u in uids if u not in left]
            found = await psd.engine.sums(others, [1], [EVER] * len(others))
            assert {owner.sums[1] for owner in found} == {50}
            for each in (node, target):
                each.ask("CLUSTER", "SETSLOT", slot_of(IN_A_CLUSTER.owner_root(1)), "STABLE")
            found = await psd.engine.sums(left, [1], [EVER] * len(left))
            assert {owner.sums[1] for owner in found} == {20}


@pytest.mark.parametrize("piece_bytes", [column_reader.PIECE_BYTES, 64])
async def test_a_board_of_everybody_comes_from_the_columns_of_all_masters(
    cluster: RedisCluster, psd: Runtime, monkeypatch: pytest.MonkeyPatch, piece_bytes: int
) -> None:
    monkeypatch.setattr(column_reader, "PIECE_BYTES", piece_bytes)
    monkeypatch.setattr(column_pieces, "PIECE_BYTES", piece_bytes)
    await book(psd, [report(uid, NOON_S + uid, uid=uid) for uid in UIDS])
    for node in cluster.nodes:
        node.ask("CONFIG", "RESETSTAT")
    for _ in range(2):
        found = await psd.engine.everybody(1, Range(NOON_S, NOON_S + 101), lambda _: None)
        assert found is not None
        sums = dict(zip(found.uids.tolist(), found.values.tolist(), strict=True))
        assert sums == {uid: uid if uid <= 100 else 0 for uid in UIDS}
        assert found.newest_s == NOON_S + 200
    verb = "getrange" if piece_bytes == 64 else "mget"
    assert all(calls(node, verb) for node in cluster.nodes)
