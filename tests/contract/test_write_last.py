"""Scripts read and check everything, then write: where one fails, the store is as it was.

Each script that writes is called in scenes from real use: under a guard that refuses reads behind
writes, and on stores in which one key of the call is spoiled in one way.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgpack
import pytest
import redis
from hypothesis import settings

from psd.engine.events import Withdrawal
from psd.store import scripts
from psd.store.scripts import load_script, lua_folder, script_names
from tests.support.engine import NOON_S, book, engine_on, report, sum_of
from tests.support.scripts.guarded_lua import BROKEN, guarded_lua_folder
from tests.support.scripts.script_calls import (
    Dumps,
    ScriptCall,
    dumps_of_one,
    recorded_calls,
    restore_one,
)
from tests.support.scripts.small_leaves import small_lua_folder
from tests.support.servers.redis_server import RedisServer

WRITING = {name for name in script_names() if not load_script(name).reads_only}

NONSENSE = (b"", b"x", b"1:x", b":", b"-", b"nan", b"\xc1", b"\x93\x01", b"9" * 40)
JSON_NONSENSE = (b"{}", b"[]", b"7", b'{"generation":"x"}', b'{"generation":null}', b'{"week":')


class Most(NamedTuple):
    """How many keys of a call are spoiled, of a hash how many fields, and each in how many ways."""

    touched: int
    read: int
    fields: int
    ways: int


SOME = Most(touched=8, read=2, fields=4, ways=10)
ALL = Most(*[sys.maxsize] * 4)

CALLS_EACH = 6
"""What is tried of each script; all that there is are 50,000 spoiled calls, some 7 minutes."""

CALLS_EACH_QUICK = 2
"""In ``make test-quick``, of which this would be a fifth."""

T = TypeVar("T")

Spoiling = tuple[Any, ...]
"""Commands that spoil one key."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("spoiled")) as server:
        yield server


@pytest.fixture(params=["own limits", "small limits"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The scripts; with small limits a few bookings split leaves, shards and records."""
    return lua_folder() if request.param == "own limits" else small_lua_folder(tmp_path)


async def test_nothing_is_read_behind_a_write_and_no_type_is_guessed(
    server: RedisServer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = guarded_lua_folder(tmp_path, folder)
    monkeypatch.setattr(scripts, "lua_folder", lambda: guarded)
    calls = await recorded_calls(server, monkeypatch)
    assert {call.script for call in calls} == WRITING
    assert load_script("engine.book").source.count("redis.call(") == 1, "the guard's own"


async def test_the_guard_would_notice(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = guarded_lua_folder(tmp_path, lua_folder())
    monkeypatch.setattr(scripts, "lua_folder", lambda: guarded)
    load_script.__globals__["_load"].cache_clear()
    write = "guarded.call('SET', 'a', 1); "
    wrong = {
        f"{write}guarded.call('GET', 'b')": "GET b",
        f"guarded.call('GET', 'a'); {write}guarded.call('HSET', 'b', 1, 1)": "HSET b",
        f"guarded.call('XLEN', 'b'); {write}guarded.call('XADD', 'b', '1-0', 1, 1)": "XADD b",
    }
    with server.sync_client() as client:
        for body, named in wrong.items():
            path = guarded / "engine" / "wrong.lua"
            header = "-- Wrong.\n-- Mode: write\n-- @include lib/guard: guarded\n"
            path.write_text(f"{header}{body}\n", encoding="utf-8")
            load_script.__globals__["_load"].cache_clear()
            with pytest.raises(redis.ResponseError, match=f"{BROKEN}: {named}"):
                client.eval(load_script("engine.wrong").source, 0)


async def test_a_script_that_fails_has_written_nothing_whatever_a_key_holds(
    server: RedisServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scripts, "lua_folder", lambda: folder)
    calls = await recorded_calls(server, monkeypatch)
    assert {call.script for call in calls} == WRITING
    is_quick = settings.get_current_profile_name() == "quick"
    calls_each = CALLS_EACH_QUICK if is_quick else CALLS_EACH
    with server.sync_client() as client:
        failed = {
            script: failures(client, [each for each in calls if each.script == script], calls_each)
            for script in sorted(WRITING)
        }
    assert min(failed.values()) > 0, failed


def failures(client: redis.Redis, calls: list[ScriptCall], most: int) -> int:
    """How many spoiled calls of a script fail: of some of them, and if none does, of all."""
    rng = random.Random(calls[0].script)
    failed = sum(spoiled_calls(client, each, SOME, rng) for each in some(rng, calls, most))
    if failed:
        return failed
    return next(filter(None, (spoiled_calls(client, each, ALL, rng) for each in calls)), 0)


def spoiled_calls(client: redis.Redis, call: ScriptCall, most: Most, rng: random.Random) -> int:
    """Make a call on each spoiled store; in how many of them it failed."""
    restore_one(client, call.before)
    client.execute_command(*call.command)
    after = dumps_of_one(client)
    restore_one(client, call.before)
    touched = sorted(
        key for key in {**call.before, **after} if call.before.get(key) != after.get(key)
    )
    read = sorted(key for key in call.before if key not in touched and may_read(call, key))
    failed = 0
    for key in [*some(rng, touched, most.touched), *some(rng, read, most.read)]:
        ways = spoilings(client, key, call.before, most.fields, rng)
        for commands in some(rng, ways, most.ways):
            failed += fails_whole(client, call, commands)
    return failed


def may_read(call: ScriptCall, key: bytes) -> bool:
    """Whether a key is one of the call's or lies under one, as those of an owner do."""
    keys = call.command[3 : 3 + int(call.command[2])]
    return any(key == root or key.startswith(root + b":") for root in map(as_bytes, keys))


def as_bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def some(rng: random.Random, values: list[T], most: int) -> list[T]:
    """At most so many of them."""
    return rng.sample(values, min(most, len(values)))


def spoilings(
    client: redis.Redis, key: bytes, held: Dumps, most_fields: int, rng: random.Random
) -> list[Spoiling]:
    """Other types, and of what the key holds each part with other bytes."""
    restore_one(client, held)
    kind = client.type(key)
    found: list[Spoiling] = [
        (("DEL", key), ("RPUSH", key, "foreign")),
        (("DEL", key), ("SET", key, "foreign")),
        (("DEL", key), ("HSET", key, "foreign", "1")),
        (("DEL", key),),
    ]
    if kind == b"hash":
        fields = sorted(client.hkeys(key))
        for field in some(rng, fields, most_fields):
            found += [(("HSET", key, field, each),) for each in (*NONSENSE, *JSON_NONSENSE)]
            found.append((("HDEL", key, field),))
            value = client.hget(key, field) or b""
            found.append((("HSET", key, field, value[:-1]),))
    if kind == b"string":
        value = client.get(key) or b""
        parts = (value[:-1], value[1:], value[: len(value) // 2], b"\xff" + value[1:])
        found += [(("SET", key, each),) for each in (*NONSENSE, *parts)]
    if kind == b"set":
        found += [(("SADD", key, "x"),), (("SADD", key, ""),)]
    if kind == b"stream":
        ids = [entry[0] for entry in client.xrange(key)]
        found.append((("XDEL", key, *ids),))
        found.append((("XADD", key, f"{2**64 - 1}-{2**64 - 1}", "a", "1"),))
    return found


def fails_whole(client: redis.Redis, call: ScriptCall, commands: Spoiling) -> bool:
    """Whether a call fails on a store that is spoiled; then it must have left it as it was."""
    restore_one(client, call.before)
    for command in commands:
        client.execute_command(*command)
    before = dumps_of_one(client)
    try:
        client.execute_command(*call.command)
    except redis.ResponseError as error:
        refusal = str(error)
    else:
        return False
    assert dumps_of_one(client) == before, (call.script, commands, refusal)
    return True


RESULT = '{"week":2,"generation":7}'
STORED = ("weeks", "status", "dirty", "garbage")


def publish(client: redis.Redis, weeks: list[tuple[str, str]]) -> int:
    """Publish results of weeks, the lock in hand."""
    key = "psd:rewards:{rewards}:"
    client.set(f"{key}lock", "mine")
    entries = [[week, result, '{"status":"Finished"}', "0"] for week, result in weeks]
    keys = [f"{key}{name}" for name in ("lock", *STORED, "run")]
    source = load_script("rewards.publish").source
    published = client.eval(source, len(keys), *keys, "mine", msgpack.packb(entries))
    return int(published)


@pytest.mark.parametrize("spoiled", ['{"week":2,"gen', "", "7", "[]", '{"generation":"7"}'])
async def test_no_week_becomes_visible_beside_one_whose_result_is_none(
    server: RedisServer, spoiled: str
) -> None:
    server.flush()
    with server.sync_client() as client:
        client.hset("psd:rewards:{rewards}:weeks", "2", spoiled)
        client.hset("psd:rewards:{rewards}:dirty", "1", "1")
        before = {**dumps_of_one(client)}
        with pytest.raises(redis.ResponseError, match="PSD_BAD_RESULT what stands for week 2"):
            publish(client, [("1", RESULT), ("2", RESULT), ("3", RESULT)])
        with pytest.raises(redis.ResponseError, match="PSD_BAD_RESULT what stands for week 3"):
            publish(client, [("1", RESULT), ("3", spoiled)])
        client.delete("psd:rewards:{rewards}:lock")
        assert dumps_of_one(client) == before


@pytest.mark.parametrize("name", STORED)
async def test_no_week_becomes_visible_where_a_key_is_of_another_type(
    server: RedisServer, name: str
) -> None:
    server.flush()
    with server.sync_client() as client:
        client.hset("psd:rewards:{rewards}:weeks", "1", '{"generation":5}')
        client.delete(f"psd:rewards:{{rewards}}:{name}")
        client.set(f"psd:rewards:{{rewards}}:{name}", "foreign")
        before = dumps_of_one(client)
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            publish(client, [("1", RESULT)])
        client.delete("psd:rewards:{rewards}:lock")
        assert dumps_of_one(client) == before


async def test_thousands_of_weeks_become_visible_at_once(server: RedisServer) -> None:
    server.flush()
    weeks = [(str(week), '{"generation":9000000000000}') for week in range(9283)]
    with server.sync_client() as client:
        assert publish(client, [(week, RESULT) for week, _ in weeks]) == 9283
        assert publish(client, weeks) == 9283
        held = client.hgetall("psd:rewards:{rewards}:weeks")
        assert held == {week.encode(): result.encode() for week, result in weeks}
        garbage = client.smembers("psd:rewards:{rewards}:garbage")
        assert garbage == {b"%s:7" % week.encode() for week, _ in weeks}


async def test_an_activity_of_very_many_types_is_withdrawn_whole(server: RedisServer) -> None:
    """9,000 parts of one hash go at once: more than Lua can hand to one command."""
    server.flush()
    async with engine_on(server.url) as psd:
        sent = [report(2, NOON_S + at, aid=5, atid=at) for at in range(9000)]
        for start in range(0, len(sent), 500):
            assert set(await book(psd, sent[start : start + 500])) == {"booked"}
        assert await book(psd, [Withdrawal(1, 5, (1,), "", "ops", NOON_S)]) == ["booked"]
        assert await sum_of(psd) == 0
        left = await psd.store.client.hkeys("psd:{p0}:1:1:y")
        assert sorted(left) == [b"activities", b"at"]
