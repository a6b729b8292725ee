"""``psd replay`` on a real store: what was lost comes back, to the byte, and nothing else moves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from psd.archive.entries import Entry
from psd.archive.places import Places
from psd.archive.reader import files_by_store
from psd.runtime import Runtime
from tests.support.clients.http import serving
from tests.support.processes.archiving import archived, archiving, work_off
from tests.support.processes.worker_process import psd
from tests.support.processes.worker_stack import NOON_S, WorkerStack, count, steps
from tests.support.stored.keyspace import in_any_order
from tests.support.waiting import wait_until

EVER = ("--from", "1", "--to", "2100-01-01")
MARKS = (b"psd:schema", b"psd:store", b"psd:life", b"psd:partitions", b"psd:columns:modes")
"""What a process marks in an empty store by itself."""


@pytest.fixture
def stack(stack: WorkerStack, tmp_path: Path) -> WorkerStack:
    """The stack with an archive where a process in this folder has its own by default."""
    return archived(stack, tmp_path)


def contents(stack: WorkerStack) -> dict[str, Any]:
    """Every bucket, but for the queue: strings as they are, hashes in no order."""
    kept: dict[str, Any] = {}
    with stack.redis.sync_client() as client:
        reads = {
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"string": client.get,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        }
        for key in client.scan_iter():
            if not key.startswith((b"psd:stream", b"psd:probe", *MARKS)):
                kept[key.decode()] = reads[client.type(key)](key)
    return kept


def booked(stack: WorkerStack) -> dict[str, Any]:
    """The same of what was booked in another order: who stands where in columns is not told."""
    return in_any_order(contents(stack))


def messages() -> list[bytes]:
    """Reports, one of them sent twice, corrections, increments and counts."""
    reports = [steps(uid, aid, 10 * aid) for uid in range(1, 6) for aid in range(1, 5)]
    corrections = [steps(1, 1, 99), steps(2, 2, 1)]
    increments = [steps(3, 9, 5, mode="increment", id=f"e{n % 4}") for n in range(6)]
    return [
        *reports,
        reports[0],
        *corrections,
        *increments,
        count("signups", 3),
        count("signups", 4),
    ]


async def replay(stack: WorkerStack, tmp_path: Path, *options: str) -> tuple[int, str, str]:
    """``psd replay`` in a process of its own."""
    return await psd(stack, tmp_path, "replay", *EVER, *options)


async def test_a_lost_store_comes_back_whole(stack: WorkerStack, tmp_path: Path) -> None:
    await work_off(stack, messages())
    before = booked(stack)
    assert len(before) > 20
    stack.redis.flush()
    assert contents(stack) == {}
    code, out, err = await replay(stack, tmp_path)
    assert (code, err) == (0, "")
    assert out == "31 entries read: 26 booked, 2 duplicate, 3 superseded\n"
    assert booked(stack) == before


async def test_a_replay_onto_a_whole_store_changes_no_byte(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await work_off(stack, messages())
    before = contents(stack)
    for _ in range(2):
        code, out, _ = await replay(stack, tmp_path)
        assert (code, out) == (0, "31 entries read: 20 unchanged, 8 duplicate, 3 superseded\n")
        assert contents(stack) == before


async def test_a_store_that_lost_its_last_events_gets_those_alone(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await work_off(stack, [steps(1, aid, 10) for aid in range(50)])
    stack.redis.flush()
    await work_off(stack, [steps(1, aid, 10) for aid in range(50, 60)])
    code, out, _ = await replay(stack, tmp_path)
    assert (code, out) == (0, "60 entries read: 50 booked, 10 unchanged\n")
    assert await stack.sum_of(1) == 600


async def test_of_what_was_said_twice_of_a_vehicle_the_last_is_kept(
    stack: WorkerStack, tmp_path: Path
) -> None:
    def told(vehicle: int, **fields: Any) -> bytes:
        named = {"vehicle": vehicle, "time": NOON_S, **fields}
        return msgspec.json.encode({"command": "vehicle", "vehicle": named})

    await work_off(
        stack,
        [
            *(told(7, owner="42") for _ in range(3)),
            told(7, owner="41", time=NOON_S - 60),
            *(told(8, vin="WVWZZZ1JZXW000001") for _ in range(2)),
            *(told(9, time=NOON_S - n) for n in range(3)),
        ],
    )
    before = contents(stack)
    assert before["psd:rewards:{rewards}:shards"]
    stack.redis.flush()
    code, out, err = await replay(stack, tmp_path)
    assert (code, err) == (0, "")
    assert contents(stack) == before
    # Of what came before another it is the queue that decides.
    assert out.startswith("9 entries read: ")
    assert out.endswith(", 4 superseded\n")


async def test_a_dry_run_says_what_the_run_then_does_and_writes_nothing(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await work_off(stack, messages())
    whole = contents(stack)
    code, out, _ = await replay(stack, tmp_path, "--dry-run")
    assert (code, out) == (0, "31 entries read: 20 unchanged, 8 duplicate, 3 superseded\n")
    assert contents(stack) == whole
    stack.redis.flush()
    code, out, _ = await replay(stack, tmp_path, "--dry-run")
    assert (code, out) == (0, "31 entries read: 26 would be booked, 2 duplicate, 3 superseded\n")
    assert contents(stack) == {}
    _, out, _ = await replay(stack, tmp_path)
    assert out == "31 entries read: 26 booked, 2 duplicate, 3 superseded\n"
    assert booked(stack) == in_any_order(whole)


async def test_a_store_takes_nothing_of_another_ones_archive_unless_it_is_named(
    stack: WorkerStack, tmp_path: Path
) -> None:
    """Two stores, one folder: what the first accepted is not booked into the second."""
    async with archiving(stack) as runtime:
        first = await runtime.store.identity()
        await runtime.archive.append([Entry(NOON_S * 1000, "m1", steps(1, 1, 10))])
        # The second one, which another server would hold: it starts while the first is alive, and
        # has its name from then on.
        Places(tmp_path / "archive").note(first, {"8c1f/0"})
        stack.redis.flush()
        async with archiving(stack) as other:
            assert await other.store.identity() != first
    code, out, err = await replay(stack, tmp_path)
    assert (code, out) == (78, "")
    assert f"all files are of {first}" in err
    await work_off(stack, [steps(9, 1, 10)])
    code, out, err = await replay(stack, tmp_path)
    assert (code, out) == (0, "1 entries read: 1 unchanged\n")
    assert err == f"left out: 1 files of another store (--store {first})\n"
    assert [await stack.sum_of(uid) for uid in (1, 9)] == [0, 10]
    code, out, _ = await replay(stack, tmp_path, "--store", first)
    assert (code, out) == (0, "2 entries read: 1 booked, 1 unchanged\n")


async def is_called(runtime: Runtime, name: str) -> bool:
    return await runtime.store.known_identity() == name


async def test_a_busy_process_gives_an_emptied_store_its_name_back(
    stack: WorkerStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psd.archive.writer.NAME_EVERY_S", 0.0)
    async with archiving(stack) as runtime:
        name = await runtime.store.identity()
        await runtime.archive.append([Entry(NOON_S * 1000, "m1", steps(1, 1, 10))])
        stack.redis.flush()
        await runtime.archive.append([Entry(NOON_S * 1000, "m2", steps(1, 2, 10))])
        await wait_until("it has", lambda: is_called(runtime, name))


async def test_what_is_accepted_for_a_store_that_took_the_place_of_another_is_the_new_ones(
    stack: WorkerStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psd.archive.writer.NAME_EVERY_S", 0.0)
    async with archiving(stack) as runtime:
        first = await runtime.store.identity()
        await runtime.archive.append([Entry(NOON_S * 1000, "m1", steps(1, 1, 10))])
        await runtime.store.client.set("psd:store", "0123456789ab")

        async def is_noticed() -> bool:
            await runtime.archive.append([Entry(NOON_S * 1000, "m2", steps(1, 2, 10))])
            found = files_by_store(tmp_path / "archive", 0, 1 << 60)
            return found == {first: 1, "0123456789ab": 1}

        await wait_until("it has files of its own", is_noticed)


async def test_a_store_that_was_emptied_is_called_again_what_it_was(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await work_off(stack, [steps(1, 1, 10)])
    async with archiving(stack) as runtime:
        name = await runtime.store.identity()
        stack.redis.flush()
        assert await runtime.store.known_identity() == ""
        await runtime.store.readiness()
        assert await runtime.store.known_identity() == name
    stack.redis.flush()
    assert (await replay(stack, tmp_path))[0] == 0
    async with archiving(stack) as runtime:
        assert await runtime.store.known_identity() == name
    assert await stack.sum_of(1) == 10


async def test_a_command_that_starts_beside_an_idle_fleet_calls_its_emptied_store_what_it_was(
    stack: WorkerStack, tmp_path: Path
) -> None:
    async with archiving(stack) as idle:
        name = await idle.store.identity()
        await idle.archive.append([Entry(NOON_S * 1000, "m1", steps(1, 1, 10))])
        stack.redis.flush()
        async with archiving(stack) as started:
            assert await started.store.known_identity() == name
        # The others find the store that they know.
        await idle.store.check_fit()
        await idle.archive.append([Entry(NOON_S * 1000, "m2", steps(1, 2, 10))])
    assert files_by_store(tmp_path / "archive", 0, 1 << 60).keys() == {name}


async def test_files_of_before_stores_had_names_are_booked(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await work_off(stack, [steps(1, 1, 10)])
    for path in (tmp_path / "archive").rglob("*.psda"):
        path.rename(path.with_name(f"{path.name.split('.')[0]}.psda"))
    stack.redis.flush()
    async with archiving(stack):
        pass
    code, out, err = await replay(stack, tmp_path)
    assert (code, out, err) == (0, "1 entries read: 1 booked\n", "")


async def test_a_store_that_is_away_says_try_later(stack: WorkerStack, tmp_path: Path) -> None:
    await work_off(stack, messages())
    stack.redis.stop()
    for options in ((), ("--dry-run",)):
        code, out, err = await replay(stack, tmp_path, *options)
        assert (code, out) == (75, "")
        assert err.startswith("psd: ")


async def test_a_rate_is_kept(stack: WorkerStack, tmp_path: Path) -> None:
    several = [
        {"thing": "steps", "uid": 1, "aid": n, "value": 1, "ts2": NOON_S} for n in range(600)
    ]
    await work_off(stack, [msgspec.json.encode({"command": "metrics", "metrics": several})])
    began_s = time.monotonic()
    code, out, _ = await replay(stack, tmp_path, "--rate", "400")
    assert (code, out) == (0, "1 entries read: 600 unchanged\n")
    assert time.monotonic() - began_s >= 1.5


async def test_a_window_that_is_none_and_a_folder_that_is_none_are_refused(
    stack: WorkerStack, tmp_path: Path
) -> None:
    code, _, err = await psd(stack, tmp_path, "replay", "--from", "200", "--to", "100")
    assert code == 2
    assert "--from 200 must lie before --to 100" in err
    code, _, err = await psd(stack, tmp_path, "replay", "--from", "1", "--folder", "nowhere")
    assert code == 78
    assert "archive.folder = 'nowhere'" in err


async def test_a_spoiled_frame_is_named_and_the_rest_is_booked(
    stack: WorkerStack, tmp_path: Path
) -> None:
    for uid in (1, 2, 3):
        await work_off(stack, [steps(uid, 1, 10)])
    first, second, third = sorted(
        (tmp_path / "archive").rglob("*.psda"), key=lambda p: p.stat().st_mtime
    )
    whole = second.read_bytes()
    second.write_bytes(whole[:60] + bytes([whole[60] ^ 1]) + whole[61:] + third.read_bytes())
    third.write_bytes(third.read_bytes()[:-1])
    stack.redis.flush()
    code, out, err = await replay(stack, tmp_path)
    assert out == "2 entries read: 2 booked, 1 torn tails, 1 spoiled frames\n"
    assert f"{second.name}: spoiled frame at byte 0 ({len(whole)} bytes)" in err
    assert code == 1
    assert [await stack.sum_of(uid) for uid in (1, 2, 3)] == [10, 0, 10]
    assert first.exists()


async def test_what_was_accepted_over_http_and_on_the_command_line_comes_back_too(
    stack: WorkerStack, tmp_path: Path
) -> None:
    server = msgspec.structs.replace(stack.settings.server, port=0)
    stack.settings = msgspec.structs.replace(stack.settings, server=server)
    fields = {"thing": "steps", "uid": 1, "value": 10, "ts2": NOON_S}
    await work_off(stack, [steps(1, 1, 10), steps(1, 2, 10)])
    async with archiving(stack) as runtime, serving(runtime) as client:
        assert (await client.write({**fields, "aid": 1, "value": 3})).text == "ok"
        assert (await client.write({**fields, "aid": 8, "thing": "floors"})).status == 406
        many = msgspec.json.encode(
            [{**fields, "aid": 2, "value": 4}, {**fields, "aid": 5}, {"uid": 1}]
        )
        answer = await client.request("POST", "/v1/write_many", many)
        assert answer.json()["booked"] == 2
    written = ("write", "--thing", "steps", "--uid", "1", "--aid", "6", "--value", "7")
    code, _, _ = await psd(stack, tmp_path, *written, "--ts2", str(NOON_S))
    assert (code, await stack.sum_of(1)) == (0, 24)
    before = contents(stack)
    assert (await replay(stack, tmp_path))[1] == "5 entries read: 4 unchanged, 2 superseded\n"
    assert contents(stack) == before
    stack.redis.flush()
    await replay(stack, tmp_path)
    assert booked(stack) == in_any_order(before)
