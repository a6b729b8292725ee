"""Activity, earnings and vehicles from the queue, and out of the archive."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from psd.errors import StoreUnavailableError
from psd.rewards.keys import rewards_key
from psd.rewards.part import RewardsPart
from psd.rewards.vehicles import Vehicle
from psd.rewards.weeks import bounds
from psd.runtime import Runtime
from tests.support.clients.http import serving
from tests.support.processes.archiving import archived, archiving, work_off
from tests.support.processes.worker_process import psd
from tests.support.processes.worker_stack import WorkerStack, worker_running
from tests.support.rewards.reward_events import (
    ACTIVITY,
    EARNINGS,
    KNOWN,
    MESSAGES,
    POISON,
    SIGNALS,
    WEEK,
    T,
    contents,
    message,
    post,
    sums,
)
from tests.support.stored.placements import owner_key
from tests.support.waiting import wait_until


@pytest.fixture
def stack(stack: WorkerStack, tmp_path: Path) -> WorkerStack:
    """The stack with an archive where a process in this folder has its own by default."""
    archived(stack, tmp_path)
    server = msgspec.structs.replace(stack.settings.server, port=0)
    stack.settings = msgspec.structs.replace(stack.settings, server=server)
    return stack


async def assert_all_is_booked(runtime: Runtime) -> None:
    assert await sums(runtime) == (3, 480)
    assert [await sums(runtime, n) for n in (20, 29, 9)] == [(1, 0), (1, 0), (0, 0)]
    assert await runtime.part(RewardsPart).registry.vehicle(7) == KNOWN
    assert await runtime.part(RewardsPart).registry.vehicles([8, 9, 20, 30]) == {
        8: Vehicle(8, vin="A"),
        9: Vehicle(9),
        20: Vehicle(20),
    }


async def test_the_worker_books_every_kind_of_message(stack: WorkerStack) -> None:
    await work_off(stack, MESSAGES)
    await assert_all_is_booked(stack.runtime)
    assert await stack.letters() == []


async def test_a_second_delivery_changes_nothing(stack: WorkerStack) -> None:
    # Without a time of its own a vehicle is described anew, as of now.
    once = [body for body in MESSAGES if b"vehicles" not in body]
    await work_off(stack, once)
    before = await contents(stack.runtime)
    await work_off(stack, once)
    assert await contents(stack.runtime) == before


async def test_active_on_an_integration_is_a_sum_over_the_week(stack: WorkerStack) -> None:
    await work_off(stack, [*MESSAGES, message("activity", {**ACTIVITY, "integration": "Tesla"})])
    engine = stack.runtime.engine
    found = {}
    for atid in (1, 2, 3):
        [owner] = await engine.sums([7], [SIGNALS], [WEEK], atid=atid)
        found[atid] = owner.sums[SIGNALS]
    assert found == {1: 3, 2: 1, 3: 0}
    assert await sums(stack.runtime, week=bounds(4)) == (0, 0)


async def test_what_can_never_be_booked_is_put_aside_with_its_code(stack: WorkerStack) -> None:
    await work_off(stack, [*POISON, *MESSAGES])
    assert {letter.body: letter.code for letter in await stack.letters()} == POISON
    await assert_all_is_booked(stack.runtime)


async def test_an_outage_of_the_store_loses_no_vehicle(stack: WorkerStack) -> None:
    many = [message("vehicle", {"vehicle": n, "owner": 1, "time": T}) for n in range(500)]
    seen = [message("activity", {**ACTIVITY, "vehicle": n}) for n in range(500)]

    async def are_known() -> bool:
        try:
            return len(await stack.runtime.part(RewardsPart).registry.of_owner("1")) == 500
        except StoreUnavailableError:
            return False

    await stack.publish([*many, *seen])
    async with worker_running(stack):
        stack.redis.kill9()
        stack.redis.start()
        await wait_until("all are known", are_known)
        await wait_until("nothing is left over", stack.drained)
    assert await stack.letters() == []
    assert [await sums(stack.runtime, n) for n in (0, 499)] == [(1, 0), (1, 0)]


async def test_late_activity_from_the_queue_marks_the_weeks_that_were_begun(
    stack: WorkerStack,
) -> None:
    await stack.runtime.store.client.set(rewards_key("begun"), 5)
    later = [{**ACTIVITY, "time": bounds(week).start} for week in (3, 6, 7)]
    await work_off(stack, [message("activities", later), message("earnings", EARNINGS)])
    marks = await stack.runtime.store.client.hgetall(rewards_key("dirty"))
    assert sorted(int(week) for week in marks) == [3, 5]


async def test_a_lost_store_comes_back_with_its_vehicles(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await work_off(stack, MESSAGES)
    async with archiving(stack) as runtime, serving(runtime) as client:
        assert (await post(client, "activity", {**ACTIVITY, "vehicle": 60})).status == 200
        assert (
            await post(client, "earnings", {**EARNINGS, "id": "p-3", "points": 3})
        ).status == 200
        described = [{"vehicle": 61, "minted_at": T}, {"vehicle": 7, "owner": None}]
        assert (await post(client, "vehicles", described)).status == 200
    before = await contents(stack.runtime)
    stack.redis.flush()
    code, out, err = await psd(stack, tmp_path, "replay", "--from", "1", "--to", "2100-01-01")
    assert (code, err) == (0, "")
    assert out == "11 entries read: 21 booked, 1 unchanged\n"
    assert await contents(stack.runtime) == before
    code, out, err = await psd(stack, tmp_path, "replay", "--from", "1", "--to", "2100-01-01")
    assert (code, out) == (0, "11 entries read: 19 unchanged, 3 duplicate\n")
    assert await contents(stack.runtime) == before


async def test_a_verification_passes_over_what_is_kept_of_vehicles(
    stack: WorkerStack, tmp_path: Path
) -> None:
    await stack.runtime.store.client.set(rewards_key("begun"), 9)
    await work_off(stack, MESSAGES)
    code, out, err = await psd(stack, tmp_path, "verify")
    assert (code, err) == (0, "")
    assert "different" not in out
    await stack.runtime.store.client.delete(owner_key(7, f"{SIGNALS}:a:0"))
    archive = str(tmp_path / "archive")
    code, out, err = await psd(stack, tmp_path, "verify", "--repair", "--archive", archive)
    assert (code, err) == (0, "")
    assert "1 repaired" in out
    await assert_all_is_booked(stack.runtime)
