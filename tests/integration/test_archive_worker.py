"""The worker and the server keep what they accept, before they say so, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from psd.archive.entries import Entry
from psd.archive.reader import read_entries
from psd.config import ArchiveSettings
from psd.errors import StoreUnavailableError
from psd.runtime import Runtime, open_runtime
from tests.support.clients.http import serving
from tests.support.processes.worker_process import worker_process
from tests.support.processes.worker_stack import NOON_S, WorkerStack, count, steps
from tests.support.waiting import wait_until
from workers.crew import build_workers

WRITE = {"thing": "steps", "uid": 1, "aid": 1, "value": 10, "ts2": NOON_S}


@pytest.fixture
def stack(stack: WorkerStack, tmp_path: Path) -> WorkerStack:
    """The stack with an archive where a process in this folder has its own by default."""
    archive = ArchiveSettings(folder=str(tmp_path / "archive"))
    server = msgspec.structs.replace(stack.settings.server, port=0)
    stack.settings = msgspec.structs.replace(stack.settings, archive=archive, server=server)
    return stack


@asynccontextmanager
async def working(stack: WorkerStack) -> AsyncIterator[Runtime]:
    """A worker with its archive."""
    runtime = await open_runtime(stack.settings, archiving=True)
    worker = build_workers(runtime)[0].worker
    task = asyncio.create_task(worker.run())
    try:
        yield runtime
    finally:
        worker.stop()
        async with asyncio.timeout(60):
            await task
        await runtime.close()


def kept(stack: WorkerStack) -> list[Entry]:
    return list(read_entries(Path(stack.settings.archive.folder), 0, 1 << 60))


def days_in_the_way(stack: WorkerStack) -> list[Path]:
    """Files that stand where the folder of today has to be made: no write can succeed."""
    folder = Path(stack.settings.archive.folder)
    folder.mkdir(exist_ok=True)
    today = datetime.now(UTC)
    days = [folder / f"{today + timedelta(days=n):%Y%m%d}" for n in (0, 1)]
    for day in days:
        day.write_text("")
    return days


async def test_accepted_messages_are_kept_and_refused_ones_are_not(stack: WorkerStack) -> None:
    good = [steps(7, aid, 10) for aid in range(100)] + [count("signups", 1)]
    began_ms = stack.runtime.clock.now_ms()
    async with working(stack):
        await stack.publish([*good, b"poison", steps(7, 200, "ten")])
        await wait_until("nothing is left over", stack.drained)
    entries = kept(stack)
    assert sorted(entry.body for entry in entries) == sorted(good)
    assert len({entry.id for entry in entries}) == len(good)
    assert all(began_ms <= entry.accepted_ms <= stack.runtime.clock.now_ms() for entry in entries)
    assert len(await stack.letters()) == 2


async def test_a_worker_without_room_pauses_and_loses_nothing(stack: WorkerStack) -> None:
    in_the_way = days_in_the_way(stack)
    async with working(stack) as runtime:
        pauses = runtime.metrics.registry.get_sample_value
        await stack.publish([steps(7, 1, 10), b"poison"])
        await wait_until("it has paused", lambda: pauses("psd_worker_pauses_total") == 1)
        assert await stack.sum_of(7) == 0
        assert not await stack.drained()
        for day in in_the_way:
            day.unlink()
        await wait_until("it is booked", lambda: stack.sum_is(7, 10))
        await wait_until("nothing is left over", stack.drained)
    assert [entry.body for entry in kept(stack)] == [steps(7, 1, 10)]
    assert [letter.code for letter in await stack.letters()] == ["malformed"]


async def test_http_without_room_answers_503_and_books_nothing(stack: WorkerStack) -> None:
    in_the_way = days_in_the_way(stack)
    runtime = await open_runtime(stack.settings, archiving=True)
    async with serving(runtime) as client:
        many = msgspec.json.encode([WRITE])
        for path in ("/v1/write", "/v1/write_many"):
            body = many if path.endswith("many") else msgspec.json.encode(WRITE)
            answer = await client.request("POST", path, body)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1"), path
        assert await stack.sum_of(1) == 0
        for day in in_the_way:
            day.unlink()
        assert (await client.write(WRITE)).status == 200
    await runtime.close()
    assert await stack.sum_of(1) == 10
    assert len(kept(stack)) == 1


async def test_what_is_booked_is_in_the_archive_whenever_the_worker_is_killed(
    stack: WorkerStack, tmp_path: Path
) -> None:
    bodies = [steps(7, aid, 1) for aid in range(2000)]
    await stack.publish(bodies)
    with worker_process(stack, tmp_path) as worker:
        await wait_until("something is booked", lambda: has_booked(stack))
        worker.process.kill()
        await worker.exit_code()
    archived = {entry.body for entry in kept(stack)}
    booked = await stack.sum_of(7)
    assert 0 < booked <= len(archived)
    async with working(stack):
        await wait_until("nothing is left over", stack.drained)
    assert await stack.sum_of(7) == 2000
    assert {entry.body for entry in kept(stack)} == set(bodies)


async def has_booked(stack: WorkerStack) -> bool:
    try:
        return await stack.sum_of(7) > 0
    except StoreUnavailableError:
        return False
