"""A worker on real servers: what it books, and what it puts aside."""

from __future__ import annotations

import msgspec
import pytest

from psd.engine.plan import Range
from tests.support.processes.worker_stack import NOON_S, WorkerStack, count, steps, worker_running
from tests.support.waiting import wait_until

POISON = {
    b"not json at all": "malformed",
    b"\xff\xfe\x00": "malformed",
    b"[1, 2, 3]": "malformed",
    b'{"x":' + b"[" * 100_000: "too_large",
    b'{"command":"metric"}': "malformed",
    b'{"command":"reboot"}': "unknown_command",
    steps(7, 100, "10"): "wrong_type",
    steps(7, 101, 10.5): "wrong_type",
    steps(7, 102, 10, thing="jumps"): "unknown_thing",
    steps(7, 103, 10, ts2=0): "invalid_time",
    steps(7, 104, 10, ts1=NOON_S + 1): "invalid_time",
    steps(7, 105, 10, ts2=4_102_444_800): "too_early",
    steps(7, 106, 2**53): "out_of_bounds",
    steps(7, 107, 10, mode="increment"): "missing_id",
}


async def test_every_kind_of_poison_is_put_aside_and_stops_nothing(stack: WorkerStack) -> None:
    good = [steps(7, aid, 10) for aid in range(1, 101)]
    poison = list(POISON)
    mixed = [body for place, body in enumerate(good) for body in (body, *poison[place : place + 1])]
    async with worker_running(stack):
        await stack.publish(mixed)
        await wait_until("all is booked", lambda: stack.sum_is(7, 1000))
        await wait_until("nothing is left over", stack.drained)
    letters = await stack.letters()
    assert {letter.body: letter.code for letter in letters} == POISON
    assert len(letters) == len(POISON)
    assert {(letter.topic, letter.attempts) for letter in letters} == {("psd", 1)}


async def test_a_sum_past_its_bound_is_put_aside_with_the_rest_of_its_batch_booked(
    stack: WorkerStack,
) -> None:
    async with worker_running(stack):
        await stack.publish([steps(7, 1, 2**53 - 1)])
        await wait_until("the largest sum", lambda: stack.sum_is(7, 2**53 - 1))
        await stack.publish([steps(7, 2, 1), steps(8, 1, 5)])
        await wait_until("the other is booked", lambda: stack.sum_is(8, 5))
        await wait_until("nothing is left over", stack.drained)
    assert await stack.sum_of(7) == 2**53 - 1
    assert [letter.code for letter in await stack.letters()] == ["out_of_bounds"]


async def test_batches_counts_and_msgpack_are_booked(stack: WorkerStack) -> None:
    metric = {"thing": "steps", "uid": 9, "value": 10, "ts2": NOON_S}
    several = {"command": "metrics", "metrics": [{**metric, "aid": aid} for aid in range(100)]}
    async with worker_running(stack):
        await stack.publish(
            [
                msgspec.msgpack.encode(several),
                msgspec.json.encode({"command": "metric", "metric": {**metric, "aid": 1000}}),
                count("signups", 3),
                count("signups", 4),
            ]
        )
        await wait_until("nothing is left over", stack.drained)
    assert await stack.sum_of(9) == 1010
    assert await stack.runtime.engine.counts(["signups"], Range(NOON_S, NOON_S + 1)) == [7]
    assert await stack.letters() == []


@pytest.mark.parametrize("times", [1, 2])
async def test_the_same_messages_twice_change_nothing(stack: WorkerStack, times: int) -> None:
    messages = [steps(uid, aid, 10 * aid) for uid in range(1, 21) for aid in range(1, 11)]
    async with worker_running(stack):
        for _ in range(times):
            await stack.publish(messages)
        await wait_until("nothing is left over", stack.drained)
    assert [await stack.sum_of(uid) for uid in range(1, 21)] == [550] * 20


async def test_two_workers_share_the_queue(stack: WorkerStack) -> None:
    messages = [steps(uid, 1, 10) for uid in range(1, 3001)]
    async with worker_running(stack), worker_running(stack):
        await stack.publish(messages)
        await wait_until("nothing is left over", stack.drained)
    found = await stack.runtime.engine.sums(range(1, 3001), [1], [Range(NOON_S, NOON_S + 1)] * 3000)
    assert {owner.sums[1] for owner in found} == {10}
