"""nsqd goes away, comes back, or falls silent: the consumer notices and consumes again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from psd.queue.nsq_queue import NsqQueue
from tests.support.processes.nsq_consumers import CHANNEL, TOPIC, bodies, consuming, receive_all
from tests.support.servers.nsqd import KILL_SAFE, Nsqd
from tests.support.waiting import wait_until

AGAIN_WITHIN_S = 2.0
IDLE_CPU_MAX = 0.02


@pytest.fixture
def nsqd(tmp_path: Path) -> Iterator[Nsqd]:
    with Nsqd(tmp_path, KILL_SAFE) as started:
        started.create_channel(TOPIC, CHANNEL)
        # nsqd looks for new channels every 5 s, and only then for messages that time out;
        # the channels that it has at its start are looked through from the first moment.
        started.stop()
        started.start()
        yield started


async def seconds_until_consumed(queue: NsqQueue, nsqd: Nsqd, body: bytes) -> float:
    """From the moment that nsqd answers until a message of it was received and finished."""
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(nsqd.start)
    started_s = loop.time()
    await asyncio.to_thread(nsqd.publish, TOPIC, [body])
    messages = await receive_all(queue, 1)
    consumed_s = loop.time() - started_s
    assert bodies(messages) == [body]
    await queue.finish(messages)
    await wait_until("nothing is left", lambda: nsqd.depth(TOPIC, CHANNEL) == 0)
    return consumed_s


@pytest.mark.parametrize("end", [Nsqd.kill9, Nsqd.stop], ids=["kill -9", "SIGTERM"])
@pytest.mark.timed("it consumes again within 2 s")
async def test_consuming_again_within_2_s_of_a_restart(
    nsqd: Nsqd, end: Callable[[Nsqd], None]
) -> None:
    async with consuming(nsqd) as queue:
        for round_ in range(3):
            await asyncio.to_thread(end, nsqd)
            await wait_until("the loss is noticed", lambda: not queue.connected)
            consumed_s = await seconds_until_consumed(queue, nsqd, b"%d" % round_)
            assert consumed_s < AGAIN_WITHIN_S


@pytest.mark.timed("it consumes again within 2 s")
async def test_consuming_again_within_2_s_after_an_nsqd_was_down_for_4_s(nsqd: Nsqd) -> None:
    loop = asyncio.get_running_loop()
    async with consuming(nsqd) as queue:
        await asyncio.to_thread(nsqd.kill9)
        back_at_s = loop.time() + 4
        await wait_until("the backoff is at its cap", lambda: loop.time() > back_at_s)
        assert await seconds_until_consumed(queue, nsqd, b"late") < AGAIN_WITHIN_S


@pytest.mark.timed("it consumes again within 2 s")
async def test_a_receive_that_waits_goes_on_after_a_restart(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        waiting = asyncio.create_task(queue.receive(10, wait_s=0.005))
        await asyncio.to_thread(nsqd.kill9)
        await asyncio.to_thread(nsqd.start)
        nsqd.publish(TOPIC, [b"next"])
        async with asyncio.timeout(AGAIN_WITHIN_S):
            assert bodies(await waiting) == [b"next"]


@pytest.mark.timed("it consumes again within 2 s")
async def test_a_consumer_starts_before_its_nsqd(tmp_path: Path) -> None:
    nsqd = Nsqd(tmp_path)
    async with consuming(nsqd) as queue:
        assert queue.connected == []
        try:
            assert await seconds_until_consumed(queue, nsqd, b"first") < AGAIN_WITHIN_S
        finally:
            nsqd.kill9()


async def test_what_was_in_hand_at_a_loss_is_skipped_by_finish_and_delivered_again(
    nsqd: Nsqd,
) -> None:
    async with consuming(nsqd) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(10)])
        in_hand = await receive_all(queue, 4)
        # What its pump has just taken and not yet noted as in flight would be lost by nsqd itself.
        await wait_until(
            "all are delivered", lambda: nsqd.channel(TOPIC, CHANNEL)["in_flight_count"] == 10
        )
        # SIGTERM: nsqd writes what is in flight to disk.
        await asyncio.to_thread(nsqd.stop)
        await wait_until("the loss is noticed", lambda: not queue.connected)
        await queue.finish(in_hand)
        await queue.touch(in_hand)
        await queue.requeue(in_hand, 0)
        await asyncio.to_thread(nsqd.start)
        again = await receive_all(queue, 10)
        assert bodies(again) == [b"%d" % number for number in range(10)]
        await queue.finish(again)
        await wait_until("nothing is left", lambda: nsqd.depth(TOPIC, CHANNEL) == 0)


async def test_messages_of_a_lost_connection_that_nobody_received_are_dropped(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(10)])
        await wait_until(
            "all are delivered", lambda: nsqd.channel(TOPIC, CHANNEL)["in_flight_count"] == 10
        )
        await asyncio.to_thread(nsqd.stop)
        await wait_until("the loss is noticed", lambda: not queue.connected)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await queue.receive(10, wait_s=0.0)


@pytest.mark.timed("how long a silence is taken")
async def test_a_silent_nsqd_is_hung_up_on_after_two_and_a_half_heartbeats(nsqd: Nsqd) -> None:
    async with consuming(nsqd, heartbeat_interval_s=1.0) as queue:
        assert queue.connected == [nsqd.address]
        nsqd.freeze()
        try:
            noticed_s = await wait_until("it is noticed", lambda: not queue.connected)
        finally:
            nsqd.thaw()
        assert noticed_s < 5
        nsqd.publish(TOPIC, [b"awake"])
        assert bodies(await receive_all(queue, 1)) == [b"awake"]


async def test_heartbeats_are_answered_while_a_batch_is_being_written(nsqd: Nsqd) -> None:
    loop = asyncio.get_running_loop()
    async with consuming(nsqd, heartbeat_interval_s=1.0) as queue:
        await queue.publish(TOPIC, [b"slow"])
        messages = await receive_all(queue, 1)
        (before,) = nsqd.channel(TOPIC, CHANNEL)["clients"]
        # Nobody receives or finishes meanwhile; nsqd hangs up after two unanswered heartbeats.
        written_at_s = loop.time() + 4.5
        await wait_until("the batch is written", lambda: loop.time() > written_at_s)
        (after,) = nsqd.channel(TOPIC, CHANNEL)["clients"]
        assert after["remote_address"] == before["remote_address"]
        await queue.finish(messages)
        await wait_until("nothing is left", lambda: nsqd.depth(TOPIC, CHANNEL) == 0)


@pytest.mark.timed("it is touched within a second")
async def test_touch_keeps_a_message_from_timing_out(nsqd: Nsqd) -> None:
    loop = asyncio.get_running_loop()
    async with consuming(nsqd, msg_timeout_s=1) as queue:
        await queue.publish(TOPIC, [b"long work"])
        messages = await receive_all(queue, 1)
        done_at_s = loop.time() + 3.5

        async def worked_long_enough() -> bool:
            await queue.touch(messages)
            return loop.time() > done_at_s

        await wait_until("the work is done", worked_long_enough)
        assert nsqd.channel(TOPIC, CHANNEL)["timeout_count"] == 0
        await queue.finish(messages)
        await wait_until("nothing is left", lambda: nsqd.depth(TOPIC, CHANNEL) == 0)


async def test_an_untouched_message_times_out_and_comes_back(nsqd: Nsqd) -> None:
    async with consuming(nsqd, msg_timeout_s=1) as queue:
        await queue.publish(TOPIC, [b"forgotten"])
        (first,) = await receive_all(queue, 1)
        (second,) = await receive_all(queue, 1)
        assert (second.id, second.attempts) == (first.id, 2)


async def test_what_waits_to_be_received_does_not_time_out(nsqd: Nsqd) -> None:
    loop = asyncio.get_running_loop()
    async with consuming(nsqd, msg_timeout_s=1) as queue:
        await queue.publish(TOPIC, [b"patient"])
        received_at_s = loop.time() + 3.5
        await wait_until("the worker is free", lambda: loop.time() > received_at_s)
        (message,) = await receive_all(queue, 1)
        assert message.attempts == 1
        assert nsqd.channel(TOPIC, CHANNEL)["timeout_count"] == 0


@pytest.mark.timed("its share of a core")
def test_an_idle_consumer_uses_under_2_percent_of_a_core(nsqd: Nsqd) -> None:
    command = [sys.executable, "-m", "tests.support.processes.idle_consumer", nsqd.address, "3"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as consumer:
        assert consumer.stdin is not None
        assert consumer.stdout is not None

        def share() -> float:
            print("measure", file=consumer.stdin, flush=True)
            return float(consumer.stdout.readline())

        assert consumer.stdout.readline() == "ready\n"
        shares = {"connected": share()}
        nsqd.kill9()
        shares["nsqd is away"] = share()
        nsqd.start()
        shares["after its restart"] = share()
        print(shares)
        consumer.stdin.close()
        assert consumer.wait(60) == 0
    assert max(shares.values()) < IDLE_CPU_MAX, shares
