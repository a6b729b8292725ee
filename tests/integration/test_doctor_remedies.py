"""What ``psd doctor`` and ``/readyz`` say of real causes: what, how it was seen, the way out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from click.testing import CliRunner

from psd.archive import health
from psd.cli.main import psd
from psd.config import QueueSettings
from psd.observe.remedies import REMEDIES, findings, remedy_of
from psd.queue.nsq_queue import NsqQueue
from psd.store import fitness
from psd.store.keys import SCHEMA_KEY, stream_key
from tests.support.clients.http import HttpClient, serving
from tests.support.engine import engine_on, forget_columns, report
from tests.support.processes.worker_stack import WorkerStack, steps, worker_running
from tests.support.servers.nsqd import Nsqd
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until

Found = dict[str, dict[str, Any]]
NOWHERE = "127.0.0.1:1"

pytestmark = pytest.mark.one_server("causes are those of one server")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    running = RedisServer(tmp_path / "redis")
    running.start()
    yield running
    running.remove()


async def examined(url: str, folder: Path, *settings: str) -> tuple[Found, int]:
    """What doctor finds by check, and its exit code."""
    words = [f"redis.url={url}", "queue.kind=stream", "server.port=0"]
    words += [f"archive.folder={folder}/archive", *settings]
    flags = [word for each in words for word in ("--set", each)]
    done = await asyncio.to_thread(CliRunner().invoke, psd, [*flags, "doctor", "--json"])
    return {each["check"]: each for each in json.loads(done.stdout)}, done.exit_code


def evicting(server: RedisServer, _: pytest.MonkeyPatch) -> None:
    with redis.Redis(unix_socket_path=server.socket) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")


def newer(server: RedisServer, _: pytest.MonkeyPatch) -> None:
    with redis.Redis(unix_socket_path=server.socket) as client:
        client.set(SCHEMA_KEY, "99")


def replica(server: RedisServer, _: pytest.MonkeyPatch) -> None:
    with redis.Redis(unix_socket_path=server.socket) as client:
        client.replicaof("127.0.0.1", "1")


def old(_: RedisServer, patch: pytest.MonkeyPatch) -> None:
    """Every server that there is becomes one of before."""
    patch.setattr(fitness, "OLDEST_VERSION", (99, 0))


def away(server: RedisServer, _: pytest.MonkeyPatch) -> None:
    server.stop()


def unwritten(_: RedisServer, __: pytest.MonkeyPatch) -> None:
    """A Redis as it comes: no append-only file."""


def full(_: RedisServer, patch: pytest.MonkeyPatch) -> None:
    """No disk has so much room."""
    patch.setattr(health, "FREE_BYTES_MIN", 2**62)


def dead(server: RedisServer, _: pytest.MonkeyPatch) -> None:
    with redis.Redis(unix_socket_path=server.socket) as client:
        client.xadd(stream_key("psd.dlq"), {"b": b"letter"})


def unattended(server: RedisServer, _: pytest.MonkeyPatch) -> None:
    with redis.Redis(unix_socket_path=server.socket) as client:
        client.xadd(stream_key("psd"), {"b": b"{}"})


def out_of_memory(server: RedisServer, _: pytest.MonkeyPatch) -> None:
    with redis.Redis(unix_socket_path=server.socket) as client:
        client.config_set("maxmemory", "1")


@pytest.mark.parametrize(
    ("cause", "check", "level", "found", "remedy"),
    [
        (evicting, "store.policy", "bad", "allkeys-lru", "CONFIG SET maxmemory-policy noeviction"),
        (newer, "store.schema", "bad", "version 99", "start a psd that is as new"),
        (replica, "store.role", "bad", "replica of 127.0.0.1:1", "REPLICAOF NO ONE"),
        (old, "store.version", "bad", "psd needs 99.0", "upgrade it to Redis 6.2"),
        (away, "store", "bad", "redis", "start the Redis of redis.url"),
        (out_of_memory, "store", "bad", "maxmemory", "raise maxmemory"),
        (unwritten, "store.durability", "advice", "appendonly no", "CONFIG SET appendonly yes"),
        (full, "archive", "bad", "is full", "make room on its disk"),
        (dead, "dead letters", "advice", "1 messages in psd.dlq", "psd dlq ls"),
        (unattended, "workers", "bad", "nobody takes the 1 messages of psd", "psd worker"),
    ],
)
async def test_each_cause_is_named_with_how_it_was_seen_and_what_mends_it(
    server: RedisServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cause: Any,
    check: str,
    level: str,
    found: str,
    remedy: str,
) -> None:
    (tmp_path / "archive").mkdir()
    cause(server, monkeypatch)
    told, code = await examined(server.url, tmp_path)
    assert (told[check]["level"], code) == (level, int(level == "bad")), told
    assert found in told[check]["found"]
    assert remedy in told[check]["remedy"]
    assert told[check]["seen"]


async def test_boards_that_lack_who_was_booked_without_columns_are_found_until_they_are_repaired(
    server: RedisServer, tmp_path: Path
) -> None:
    async with engine_on(server.url) as runtime:
        await runtime.engine.book([report(uid=uid, aid=uid) for uid in range(1, 9)])
        await forget_columns(runtime.store.client)
        for uid in (3, 4, 5):
            root = runtime.store.placement.owner_root(uid)
            assert await runtime.store.client.hdel(f"{root}:1:y", "at") == 1
    told, code = await examined(server.url, tmp_path)
    assert code == 1
    assert told["store.columns"]["found"] == (
        "boards of steps lack 3 and 2 others, of 8 owners that were looked at"
    )
    assert "psd verify --repair" in told["store.columns"]["remedy"]
    flags = ["--set", f"redis.url={server.url}", "--set", f"archive.folder={tmp_path}/archive"]
    await asyncio.to_thread(CliRunner().invoke, psd, [*flags, "verify", "--repair"])
    assert "store.columns" not in (await examined(server.url, tmp_path))[0]


async def test_a_user_without_a_right_is_told_which_line_gives_it(
    server: RedisServer, tmp_path: Path
) -> None:
    with redis.Redis(unix_socket_path=server.socket) as client:
        client.execute_command("ACL", "SETUSER", "psd", "on", ">secret", "~psd:*", "+@all", "-set")
    url = server.url.replace("unix://", "unix://psd:secret@")
    told, code = await examined(url, tmp_path)
    assert code == 1
    [bad] = [each for each in told.values() if each["level"] == "bad"]
    assert "NOPERM" in bad["found"] or "permission" in bad["found"]
    assert "docs/security.md" in bad["remedy"]
    assert "secret" not in json.dumps(told)


async def test_an_nsqd_that_is_away_and_one_that_nobody_serves(
    server: RedisServer, tmp_path: Path
) -> None:
    told, code = await examined(
        server.url, tmp_path, "queue.kind=nsq", f"queue.nsqd_addresses={NOWHERE}"
    )
    assert (told["nsqd"]["level"], code) == ("bad", 1)
    assert "queue.nsqd_addresses" in told["nsqd"]["remedy"]
    with Nsqd(tmp_path) as nsqd:
        queue = NsqQueue(QueueSettings(nsqd_addresses=(nsqd.address,)))
        await queue.publish("psd", [b"{}"] * 3)
        await queue.publish("psd.dlq", [b"letter"])
        await queue.close()
        settings = (
            "queue.kind=nsq",
            f"queue.nsqd_addresses={nsqd.address}",
            f"queue.nsqd_http_addresses={nsqd.http_address}",
        )

        async def is_told() -> bool:
            told, code = await examined(server.url, tmp_path, *settings)
            assert (told["workers"]["level"], told["dead letters"]["level"]) == ("bad", "advice")
            assert "3 messages of psd" in told["workers"]["found"]
            return code == 1

        await wait_until("nobody takes them", is_told)


@pytest.mark.parametrize("stack", ["stream"], indirect=True)
async def test_a_worker_that_runs_is_found(stack: WorkerStack, tmp_path: Path) -> None:
    async with worker_running(stack):
        await stack.publish([steps(1, 1, 10)])
        await wait_until("it is booked", stack.drained)
        told, _ = await examined(stack.settings.redis.url, tmp_path)
    assert (told["workers"]["level"], told["workers"]["found"]) == ("ok", "1 take messages of psd")


@pytest.fixture
async def client(stack: WorkerStack) -> AsyncIterator[HttpClient]:
    async with serving(stack.runtime) as client:
        yield client


@pytest.mark.parametrize("stack", ["stream"], indirect=True)
async def test_readyz_tells_the_same_to_whoever_may_know(
    stack: WorkerStack, client: HttpClient
) -> None:
    await stack.runtime.store.client.config_set("maxmemory-policy", "allkeys-lru")
    answer = await client.get("/readyz")
    [told] = [each for each in answer.json()["findings"] if each["check"] == "policy"]
    assert answer.status == 503
    assert told["seen"] == "INFO memory"
    assert told["remedy"].startswith("CONFIG SET maxmemory-policy noeviction")


def test_what_is_well_needs_no_remedy_and_advice_has_one() -> None:
    assert findings({"writable": "ok", "archive": "ok"}) == []
    [advice] = findings({"archive": "ok: 90 MB are free on the disk of a"})
    assert (advice.found, advice.remedy) == (
        "90 MB are free on the disk of a",
        REMEDIES["archive"].remedy,
    )


@pytest.mark.parametrize(
    ("found", "remedy"),
    [
        ("redis: NOAUTH Authentication required.", "redis.url"),
        ("redis: OOM command not allowed when used memory > 'maxmemory'.", "raise maxmemory"),
        ("redis: MISCONF Redis is configured to save RDB snapshots", "INFO persistence"),
        ("redis: NOPERM this user has no permissions to run the 'set' command", "security.md"),
    ],
)
def test_what_redis_says_itself_comes_before_the_check(found: str, remedy: str) -> None:
    assert remedy in remedy_of("writable", found).remedy
