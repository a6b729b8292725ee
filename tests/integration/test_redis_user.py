"""The Redis user of docs/security.md is enough for all that psd does, and for nothing else."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import redis
from click.testing import CliRunner, Result

from psd.cli.main import psd
from psd.config import AccessSettings, RedisSettings
from psd.rewards.weeks import bounds
from psd.runtime import Runtime, open_runtime
from tests.conftest import ON_CLUSTER, AnyStore, StoreKind
from tests.support.clients.http import serving
from tests.support.engine import PATIENCE_S
from tests.support.processes.worker_stack import NOON_S, WorkerStack, count, steps, worker_running
from tests.support.servers.redis_server import ENGINES
from tests.support.stored.placements import owner_key
from tests.support.waiting import wait_until

PAGE = Path(__file__).parents[2] / "docs" / "security.md"
PASSWORD = "correct-horse"

CLUSTER_PART = "".join(
    re.findall(r"On a Redis Cluster the user needs `([^`]+)`", PAGE.read_text(encoding="utf-8"))
)

TOLERATED = ("config|get", "config", "client|setinfo", "client")
"""psd asks for these and goes on without them: what it is told of the server's durability, and
how redis-py introduces itself."""


def documented_user() -> list[str]:
    """The words of the ACL line, with what a cluster's nodes need."""
    lines = re.findall(r"^ACL SETUSER psd .+$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 1
    words = lines[0].replace("PASSWORD", PASSWORD).split()
    return [*words, CLUSTER_PART] if ON_CLUSTER else words


def url_of(server: AnyStore) -> str:
    scheme, _, place = server.url.partition("://")
    return f"{scheme}://psd:{PASSWORD}@{place}"


@pytest.fixture(scope="module", params=ENGINES)
def engine_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AnyStore]:
    with StoreKind(tmp_path_factory.mktemp(request.param), request.param) as running:
        running.ask_each(*documented_user())
        yield running


@pytest.fixture
def server(engine_server: AnyStore) -> AnyStore:
    engine_server.flush()
    engine_server.ask_each("ACL", "LOG", "RESET")
    return engine_server


@pytest.fixture
async def stack(server: AnyStore) -> AsyncIterator[WorkerStack]:
    built = WorkerStack("stream", server, None)
    own = RedisSettings(url=url_of(server), timeout_s=PATIENCE_S)
    built.settings = msgspec.structs.replace(built.settings, redis=own)
    built.runtime = await open_runtime(built.settings)
    yield built
    await built.runtime.close()


def refused_to_psd(server: AnyStore) -> set[str]:
    """What the server has refused to the user, by the object that it names."""
    entries = itertools.chain(*server.ask_each("ACL", "LOG"))
    found = [
        entry if isinstance(entry, dict) else dict(zip(entry[::2], entry[1::2], strict=True))
        for entry in entries
    ]
    names = {key.decode() if isinstance(key, bytes) else key for row in found for key in row}
    assert not found or "object" in names
    return {
        (value.decode() if isinstance(value, bytes) else str(value)).lower()
        for row in found
        for key, value in row.items()
        if key in ("object", b"object")
    } - set(TOLERATED)


async def command_line(server: AnyStore, *words: str) -> Result:
    options = ("--set", f"redis.url={url_of(server)}", "--set", "queue.kind=stream")
    options += ("--set", "redis.timeout_s=15")
    return await asyncio.to_thread(CliRunner().invoke, psd, [*options, *words])


async def test_the_worker_books_and_puts_poison_aside_with_it(
    stack: WorkerStack, server: AnyStore
) -> None:
    bodies = [steps(7, aid, 10) for aid in range(700)]
    bodies += [steps(7, 5000, 5, mode="increment", id="a"), count("hifive_1", 3), b"poison"]
    async with worker_running(stack):
        await stack.publish(bodies)
        await wait_until("all is booked", lambda: stack.sum_is(7, 7005))
        await wait_until("nothing is left over", stack.drained)
    assert [letter.code for letter in await stack.letters()] == ["malformed"]
    assert refused_to_psd(server) == set()


async def test_the_server_writes_reads_and_is_ready_with_it(
    stack: WorkerStack, server: AnyStore
) -> None:
    settings = stack.settings
    settings = msgspec.structs.replace(
        settings, server=msgspec.structs.replace(settings.server, port=0), access=AccessSettings()
    )
    runtime: Runtime = await open_runtime(settings)
    async with serving(runtime) as client:
        report = {"thing": "steps", "uid": 1, "aid": 3, "value": 10, "ts2": NOON_S}
        assert (await client.write(report)).text == "ok"
        path = f"/steps/all/{NOON_S - 9}/{NOON_S}"
        assert (await client.get(f"/v1/query/1{path}")).text == "10"
        assert (await client.post(f"/v1/mu_query{path}", {"ids": "1"})).status == 200
        assert (await client.get("/v1/readcount/hifive_1/0/9")).text == "0"
        ready = await client.get("/readyz")
        assert ready.status == 200
        assert ready.json()["checks"]["durability"].startswith("ok: the server does not tell")
    await runtime.close()
    assert refused_to_psd(server) == set()


async def test_the_commands_work_with_it(stack: WorkerStack, server: AnyStore) -> None:
    fields = ("--thing", "steps", "--uid", "7", "--value", "4", "--ts2", str(NOON_S))
    for words, told in (
        (("write", *fields), "booked"),
        (("query", "steps", "7", str(NOON_S), str(NOON_S + 1)), "4"),
        (("doctor",), "store.durability"),
        (("dlq", "ls"), ""),
    ):
        result = await command_line(server, *words)
        assert result.exit_code == 0, result.output
        assert told in result.output
    assert refused_to_psd(server) == set()


async def test_the_weekly_rewards_work_with_it(
    stack: WorkerStack, server: AnyStore, tmp_path: Path
) -> None:
    start_s = bounds(0).start
    activity = {"vehicle": 7, "integration": "Tesla", "time": start_s, "id": "a"}
    vehicle = {"vehicle": 7, "owner": 42, "vin": "WVW1"}
    earnings = {"vehicle": 7, "thing": "promotions", "points": 5, "time": start_s, "id": "p"}
    bodies = [
        msgspec.json.encode({"command": "activity", "activity": activity}),
        msgspec.json.encode({"command": "vehicle", "vehicle": vehicle}),
        msgspec.json.encode({"command": "earnings", "earnings": earnings}),
    ]
    async with worker_running(stack):
        await stack.publish(bodies)
        await wait_until("nothing is left over", stack.drained)
    receipts = tmp_path / "receipts.csv"
    receipts.write_text("vehicle,tokens,request\n7,5,r\n", encoding="utf-8")
    for words in (
        ("rewards", "calculate", "0"),
        ("rewards", "override", "set", "7", "--week", "0", "--streak", "3", "--note", "n"),
        ("rewards", "calculate", "0"),
        ("rewards", "weeks"),
        ("rewards", "statement", "7"),
        ("rewards", "history", "42"),
        ("rewards", "paid", "0", str(receipts)),
        ("rewards", "blacklist", "add", "42", "--note", "n"),
        ("rewards", "export"),
        ("rewards", "blacklist", "rm", "42"),
        ("rewards", "override", "rm", "7", "--week", "0"),
    ):
        result = await command_line(server, *words)
        assert result.exit_code == 0, result.output
    assert refused_to_psd(server) == set()


async def test_an_audit_and_its_repair_work_with_it(server: AnyStore) -> None:
    fields = ("--thing", "steps", "--uid", "7", "--ts2", str(NOON_S))
    written = await command_line(server, "write", *fields, "--value", "4")
    assert written.exit_code == 0, written.output
    with server.sync_client() as owner:
        owner.hset(owner_key(7, "1:d:201604"), "12", "5")
    for words, code in ((("verify",), 1), (("verify", "--repair"), 0), (("verify",), 0)):
        result = await command_line(server, *words)
        assert result.exit_code == code, result.output
    assert refused_to_psd(server) == set()


async def test_lifetimes_are_given_and_taken_back_with_it(server: AnyStore) -> None:
    fields = ("--thing", "steps", "--uid", "7", "--ts2", str(NOON_S))
    for value, seconds in (("4", "999999999"), ("5", "0")):
        retention = ("--set", f"retention.second_s={seconds}")
        result = await command_line(server, *retention, "write", *fields, "--value", value)
        assert result.stdout == "booked\n", result.output
    assert refused_to_psd(server) == set()


FOR_DOMAINS = (
    "ZADD psd:z 1 a 2 b",
    "ZREM psd:z b",
    "ZCARD psd:z",
    "ZRANGE psd:z 0 -1",
    "ZRANGEBYSCORE psd:z 0 9",
    "ZREVRANGEBYSCORE psd:z 9 0",
    "ZSCORE psd:z a",
    "LPUSH psd:l a",
    "LRANGE psd:l 0 -1",
    "LTRIM psd:l 0 9",
    "XRANGE psd:x - +",
    "GETDEL psd:s",
)


async def test_a_domain_may_keep_what_is_due_and_what_came_last_with_it(stack: WorkerStack) -> None:
    for words in FOR_DOMAINS:
        verb, key, *rest = words.split()
        client = await stack.runtime.store.cluster.client_of(key)
        await client.execute_command(verb, key, *rest)
        with pytest.raises(redis.exceptions.NoPermissionError):
            await client.execute_command(verb, key.replace("psd:", "other:"), *rest)


REFUSED = (
    "FLUSHALL",
    "FLUSHDB",
    "KEYS *",
    "CONFIG SET maxmemory-policy allkeys-lru",
    "CONFIG GET *",
    "SHUTDOWN NOSAVE",
    "EVAL return(1) 0",
    "SCRIPT FLUSH",
    "ACL SETUSER psd +@all",
    "REPLICAOF 192.0.2.1 6379",
    "CLIENT KILL TYPE normal",
    "SAVE",
    "RENAME psd:a other",
    "RENAME other psd:a",
    "UNLINK other",
    "SET other 1",
    "GET other",
    "DEL other",
    "PUBLISH psd:a 1",
)


async def test_it_may_do_nothing_else(stack: WorkerStack) -> None:
    client = await stack.runtime.store.cluster.client_of("psd:a")
    assert await client.set("psd:a", "1")
    for words in REFUSED:
        with pytest.raises(redis.exceptions.NoPermissionError):
            await client.execute_command(*words.split())
