"""``psd convert pointspaced`` books exactly what the hashes hold, once, and proves it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis

from psd.runtime import Runtime
from tests.support.engine import EVER, engine_on, sum_of
from tests.support.processes.commands import run
from tests.support.servers.redis_server import RedisServer
from tests.support.stored.keyspace import keyspace
from tests.support.stored.old_pointspaced import PHASES, write_pointspaced

pytestmark = pytest.mark.one_server("what is read is a single server")


@pytest.fixture(scope="module")
def old_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("pointspaced")) as server:
        yield server


@pytest.fixture
def old(old_server: RedisServer) -> Iterator[redis.Redis]:
    """The Redis of a pointspaced, empty."""
    old_server.empty()
    with old_server.sync_client() as client:
        yield client


@pytest.fixture(autouse=True)
def environment(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSD_REDIS_URL", redis_url)
    monkeypatch.setenv("PSD_REDIS_DURABILITY", "fast")


async def converted(old_server: RedisServer, *more: str, code: int = 0) -> str:
    """What the command printed."""
    result = await run("convert", "pointspaced", "--from", old_server.url, *more)
    assert result.exit_code == code, result.output
    return result.stdout + result.stderr


@pytest.mark.parametrize("phase", ["random", "counts_nsq", "semantics"])
async def test_a_recorded_store_is_booked_as_it_stands_and_only_once(
    old: redis.Redis, old_server: RedisServer, redis_url: str, phase: str
) -> None:
    made = write_pointspaced(old, PHASES[phase])
    assert made
    told = await converted(old_server)
    assert "psd answers what they held" in told
    assert "coarser" not in told
    async with engine_on(redis_url) as psd:
        held = await keyspace(psd.store.client)
        for (thing, uid), total in totals(old).items():
            assert await sum_of(psd, EVER, uid=uid, thing=thing) == total
        again = msgspec.json.decode(await converted(old_server, "--json"))
        assert (again["refusals"], again["different"]) == ([], 0)
        assert set(again["outcomes"]) == {"unchanged"}
        assert sum(again["compared"].values()) > 0
        assert await keyspace(psd.store.client) == held


def totals(old: redis.Redis) -> dict[tuple[int, int], int]:
    """The sum of each user's thing, by the hashes of years."""
    found: dict[tuple[int, int], int] = {}
    for key in old.scan_iter(match="hz:*:????"):
        _, thing, uid, _ = key.decode().split(":")
        found.setdefault((int(thing), int(uid)), 0)
        found[int(thing), int(uid)] += sum(map(int, old.hvals(key)))
    return found


@pytest.mark.parametrize("lost", [12, 10, 8, 6])
async def test_what_expired_below_a_level_is_booked_at_the_starts_of_its_buckets(
    old: redis.Redis, old_server: RedisServer, redis_url: str, lost: int
) -> None:
    write_pointspaced(old, PHASES["random"][:90])
    sums = totals(old)
    expire(old, lost)
    told = await converted(old_server)
    assert "booked at their starts" in told
    assert "psd answers what they held" in told
    async with engine_on(redis_url) as psd:
        for (thing, uid), total in sums.items():
            assert await sum_of(psd, EVER, uid=uid, thing=thing) == total
        held = await keyspace(psd.store.client)
        assert " booked," not in await converted(old_server)
        assert await keyspace(psd.store.client) == held


def expire(old: redis.Redis, digits: int) -> None:
    """Hashes of units with so many digits or more are gone."""
    gone = [key for key in old.scan_iter() if len(key.rpartition(b":")[2]) >= digits]
    old.delete(*gone)


async def test_what_expires_between_two_runs_is_not_booked_again(
    old: redis.Redis, old_server: RedisServer, redis_url: str
) -> None:
    write_pointspaced(old, PHASES["random"][:90])
    await converted(old_server)
    sums = totals(old)
    rng = random.Random(7)
    for digits in (12, 10):
        keys = sorted(k for k in old.scan_iter() if len(k.rpartition(b":")[2]) >= digits)
        old.delete(*rng.sample(keys, len(keys) // 2))
        told = await converted(old_server)
        assert "psd answers what they held" in told
        async with engine_on(redis_url) as psd:
            for (thing, uid), total in sums.items():
                assert await sum_of(psd, EVER, uid=uid, thing=thing) == total


async def test_refusing_coarse_buckets_leaves_those_activities_out_and_says_so(
    old: redis.Redis, old_server: RedisServer
) -> None:
    write_pointspaced(old, PHASES["random"][:60])
    expire(old, 12)
    told = await converted(old_server, "--coarse", "refuse", code=1)
    assert "only coarser buckets are left of" in told
    assert " booked" not in told


async def test_a_dry_run_writes_nothing(
    old: redis.Redis, old_server: RedisServer, redis_url: str
) -> None:
    write_pointspaced(old, PHASES["random"][:60])
    async with engine_on(redis_url) as psd:
        before = await keyspace(psd.store.client)
        assert "dry run: nothing was written" in await converted(old_server, "--dry-run")
        assert await keyspace(psd.store.client) == before


async def test_what_is_none_of_pointspaced_is_told_and_left(
    old: redis.Redis, old_server: RedisServer, psd: Runtime
) -> None:
    write_pointspaced(old, PHASES["random"][:5])
    old.set("session:1", "x")
    old.hset("hz:9:1:2017", "201710:1:1", 5)
    old.hset("hz:1:1:2017", mapping={"201713:1:1": 5, "odd": 1, "201710:1:1": "x"})
    told = await converted(old_server, code=1)
    assert "1 keys are none of pointspaced's, such as session:1" in told
    assert "hz:9:1: thing: 9 has no name here" in told
    assert "201713: the calendar has no such time" in told
    assert "'odd' = '1' is no field of pointspaced" in told
    assert await sum_of(psd) == 0
