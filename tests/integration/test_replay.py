"""``psd replay`` on a real store: what was lost comes back, to the byte, and nothing else moves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.support.archiving import archived, archiving, work_off
from tests.support.http import serving
from tests.support.worker_process import psd
from tests.support.worker_stack import NOON_S, WorkerStack, count, steps

EVER = ("--from", "1", "--to", "2100-01-01")


@pytest.fixture
def stack(stack: WorkerStack, tmp_path: Path) -> WorkerStack:
    """The stack with an archive where a process in this folder has its own by default."""
    return archived(stack, tmp_path)


def contents(stack: WorkerStack) -> dict[bytes, Any]:
    """Every bucket, but for the queue: strings as they are, hashes in no order."""
    kept: dict[bytes, Any] = {}
    with stack.redis.sync_client() as client:
        reads = {
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"string": client.get,
            b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
        }
        for key in client.scan_iter():
            if not key.startswith((b"psd:stream", b"psd:probe", b"psd:schema")):
                kept[key] = reads[client.type(key)](key)
    return kept


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
    before = contents(stack)
    assert len(before) > 20
    stack.redis.flush()
    assert contents(stack) == {}
    code, out, err = await replay(stack, tmp_path)
    assert (code, err) == (0, "")
    assert out == "31 entries read: 26 booked, 2 duplicate, 3 superseded\n"
    assert contents(stack) == before


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


async def test_a_dry_run_writes_nothing_and_needs_no_store(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await work_off(stack, messages())
    stack.redis.stop()
    code, out, _ = await replay(stack, tmp_path, "--dry-run")
    assert (code, out) == (0, "31 entries read: 28 would be booked, 3 superseded\n")


async def test_a_store_that_is_away_says_try_later(stack: WorkerStack, tmp_path: Path) -> None:
    await work_off(stack, messages())
    stack.redis.stop()
    code, out, err = await replay(stack, tmp_path)
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
    second.write_bytes(whole[:40] + b"\x00" + whole[41:] + third.read_bytes())
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
    assert contents(stack) == before
