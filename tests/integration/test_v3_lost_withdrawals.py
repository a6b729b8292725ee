"""A withdrawal outlives the loss of its mark: by replay, and by an audit's repair."""

from __future__ import annotations

from pathlib import Path

from psd.archive.replay import AcceptedTimes, Replay
from psd.clock import SystemClock
from psd.runtime import Runtime
from tests.support.clients.activities import withdraw
from tests.support.clients.http import HttpClient, total
from tests.support.engine import NOON_S, book, forget, report
from tests.support.stored.audits import audit_of
from tests.support.stored.keyspace import forget_owners, keyspace
from tests.support.stored.placements import owner_key

ALL_TIME = AcceptedTimes(0, 1 << 60)


async def test_a_replay_withdraws_again_whatever_the_order(
    client: HttpClient, runtime: Runtime, tmp_path: Path
) -> None:
    reports = [
        {"thing": "steps", "uid": 1, "aid": aid, "value": aid, "ts2": NOON_S} for aid in (3, 4)
    ]
    for fields in reports:
        await client.write(fields)
    await withdraw(client, 3, query="?note=twice")
    await client.write(reports[0] | {"value": 99})
    await client.write(reports[0] | {"ts2": NOON_S + 9})
    before = await keyspace(runtime.store.client)
    folder = tmp_path / "archive"
    for _ in range(2):
        replay = Replay(folder, runtime.books, runtime.rules, SystemClock(), 0)
        summary = await replay.run(ALL_TIME)
        assert (summary.refused, summary.forgotten) == (0, 0)
        assert await keyspace(runtime.store.client) == before
    await forget_owners(runtime.store.client)
    replay = Replay(folder, runtime.books, runtime.rules, SystemClock(), 0)
    await replay.run(ALL_TIME)
    after = await keyspace(runtime.store.client)
    log = owner_key(1, "log")
    assert {k: v for k, v in after.items() if k != log} == {
        k: v for k, v in before.items() if k != log
    }
    [(_, told)], [(_, was)] = after[log], before[log]
    assert {**told, b"took": b""} == {**was, b"took": b""}


async def test_an_audit_brings_a_lost_mark_back_from_the_archive(
    client: HttpClient, runtime: Runtime, tmp_path: Path
) -> None:
    for aid in (3, 4):
        await client.write({"thing": "steps", "uid": 1, "aid": aid, "value": aid, "ts2": NOON_S})
    await withdraw(client, 3)
    before = await keyspace(runtime.store.client)
    await forget(runtime.store.client, "activity")
    async with audit_of(runtime) as audits:
        await audits.run(repair=True, archive=tmp_path / "archive")
    after = await keyspace(runtime.store.client)
    assert {k: v for k, v in after.items() if ":1:" in k} == {
        k: v for k, v in before.items() if ":1:" in k
    }
    assert await book(runtime, [report()]) == ["withdrawn"]


async def test_an_audit_brings_a_lost_mark_back_from_the_log(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(5, aid=4)])
    await withdraw(client)
    store = runtime.store.client
    before = await keyspace(store)
    await store.hdel(owner_key(1, "1:a:0"), b"\x03")
    async with audit_of(runtime) as audits:
        [found] = await audits.differences(repair=True)
        assert found.startswith(owner_key(1, "1:a:0 aid 3: nothing, should be withdrawn"))
        assert await audits.differences() == []
    assert await keyspace(store) == before


async def test_an_audit_names_a_log_that_is_none(runtime: Runtime) -> None:
    await book(runtime, [report(10)])
    await runtime.store.client.set(owner_key(1, "log"), "x")
    async with audit_of(runtime) as audits:
        [each] = await audits.run(repair=True)
    assert each.outcome == "found"
    assert [str(d).split()[0] for d in each.differences] == [owner_key(1, "log:")]


async def test_an_audit_takes_out_what_stands_beside_a_mark(
    client: HttpClient, runtime: Runtime
) -> None:
    await book(runtime, [report(10), report(5, aid=4)])
    await withdraw(client)
    store = runtime.store.client
    before = await keyspace(store)
    leaf = owner_key(1, "1:l:201604")
    await store.set(owner_key(1, "1:r:3:405684"), b"\x01")
    await store.hset(owner_key(1, "1:r:3"), "all", b"\x01\x01\x01\x01")
    await store.set(leaf, before[leaf] + before[leaf][1:5] + b"\x03\x0a")
    async with audit_of(runtime) as audits:
        found = await audits.differences(repair=True)
        assert {each.split()[0] for each in found} == {
            leaf,
            owner_key(1, "1:r:3"),
            owner_key(1, "1:r:3:405684:"),
        }
        assert await audits.differences() == []
    assert await keyspace(store) == before
    assert await total(client) == 5
