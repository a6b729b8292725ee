"""A worker whose Redis goes away pauses, loses nothing, and goes on by itself."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from psd.engine.plan import Range
from psd.errors import StoreUnavailableError
from tests.support.processes.worker_stack import NOON_S, WorkerStack, steps, worker_running
from tests.support.waiting import wait_until
from workers.runner import Worker

USERS = range(1, 2001)
BACK_WITHIN_S = 5.0


@pytest.fixture
def trip_timeout_s() -> float:
    """Redis stands still in these tests, and that is noticed soon."""
    return 0.5


def paused(worker: Worker) -> bool:
    return worker._metrics.registry.get_sample_value("psd_worker_pauses_total") == 1


async def all_booked(stack: WorkerStack) -> bool:
    ranges = [Range(NOON_S, NOON_S + 1)] * len(USERS)
    try:
        found = await stack.runtime.engine.sums(USERS, [1], ranges)
    except StoreUnavailableError:
        return False
    return all(owner.sums[1] == 10 for owner in found)


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
@pytest.mark.timed("all is booked within 5 s")
async def test_nsqd_delivers_while_redis_is_dead_and_all_is_booked_within_5_s_of_its_return(
    stack: WorkerStack,
) -> None:
    async with worker_running(stack) as worker:
        await stack.publish([steps(uid, 1, 1) for uid in USERS])
        await wait_until("the first round is booked", stack.drained)
        stack.redis.kill9()
        await stack.publish([steps(uid, 1, 10) for uid in USERS])
        await wait_until("paused", lambda: paused(worker))
        assert stack.nsqd is not None
        await wait_until("RDY 0", lambda: stack.nsqd.ready_counts("psd", "psd") == [0])
        stack.redis.start()
        await wait_until("all is booked", lambda: all_booked(stack), BACK_WITHIN_S)
        await wait_until("nothing is left over", stack.drained)
    assert await stack.letters() == []


@pytest.mark.timed("all is booked within 5 s")
async def test_a_frozen_redis_costs_no_message_and_5_s_after_it_thaws_all_is_booked(
    stack: WorkerStack,
) -> None:
    await stack.publish([steps(uid, 1, 10) for uid in USERS])
    async with worker_running(stack) as worker:
        await wait_until("the first batch is booked", lambda: stack.sum_is(1, 10))
        stack.redis.pause()
        if stack.nsqd is not None:
            stack.nsqd.publish("psd", [steps(uid, 1, 10) for uid in USERS])
            await wait_until("paused", lambda: paused(worker))
        else:
            await wait_until("a call gave up", lambda: paused(worker) or calls_given_up(worker))
        stack.redis.resume()
        await wait_until("all is booked", lambda: all_booked(stack), BACK_WITHIN_S)
        await wait_until("nothing is left over", stack.drained)
    assert await stack.letters() == []


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def calls_given_up(worker: Worker) -> bool:
    return not worker._queue._joined


@pytest.mark.parametrize("stack", ["stream"], indirect=True)
async def test_a_killed_redis_that_holds_the_queue_too_comes_back_with_all_of_it(
    stack: WorkerStack,
) -> None:
    await stack.publish([steps(uid, 1, 10) for uid in USERS])
    async with worker_running(stack):
        await wait_until("the first batch is booked", lambda: stack.sum_is(1, 10))
        stack.redis.kill9()
        stack.redis.start()
        await wait_until("all is booked", lambda: all_booked(stack))
        await wait_until("nothing is left over", stack.drained)
    assert await stack.letters() == []


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
async def test_a_worker_starts_while_redis_is_away(stack: WorkerStack) -> None:
    stack.redis.kill9()
    async with worker_running(stack) as worker:
        await stack.publish([steps(uid, 1, 10) for uid in USERS])
        await wait_until("paused", lambda: paused(worker))
        stack.redis.start()
        await wait_until("all is booked", lambda: all_booked(stack))


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
async def test_a_batch_in_hand_outlives_its_message_timeout_during_an_outage(
    stack: WorkerStack,
) -> None:
    timeout_s = 1
    queue = msgspec.structs.replace(stack.settings.queue, msg_timeout_s=timeout_s)
    stack.settings = msgspec.structs.replace(stack.settings, queue=queue)
    async with worker_running(stack) as worker:
        await stack.publish([steps(7, 1, 1)])
        await wait_until("it is booked", lambda: stack.sum_is(7, 1))
        stack.redis.pause()
        await stack.publish([steps(7, 1, 10)])
        await wait_until("paused", lambda: paused(worker))
        over_s = loop_time() + 2.5 * timeout_s
        await wait_until("it had timed out twice", lambda: loop_time() > over_s)
        stack.redis.resume()
        await wait_until("it is booked", lambda: stack.sum_is(7, 10))
        await wait_until("nothing is left over", stack.drained)
    assert stack.nsqd is not None
    assert stack.nsqd.channel("psd", "psd")["timeout_count"] == 0


@pytest.mark.parametrize("stack", ["nsq"], indirect=True)
async def test_poison_is_finished_only_after_nsqd_has_its_letter(stack: WorkerStack) -> None:
    assert stack.nsqd is not None
    async with worker_running(stack):
        await stack.publish([b"poison", steps(7, 1, 10)])
        stack.nsqd.stop()
        stack.nsqd.start()
        await wait_until("the other is booked", lambda: stack.sum_is(7, 10))
        await wait_until("nothing is left over", stack.drained)
    assert [letter.body for letter in await stack.letters()] == [b"poison"]
