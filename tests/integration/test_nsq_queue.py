"""One consumer and one nsqd: delivery, finishing, pausing, leaving."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from psd.errors import ConfigError
from psd.queue.nsq_queue import NsqQueue
from tests.support.processes.nsq_consumers import (
    CHANNEL,
    TOPIC,
    bodies,
    consuming,
    queue_settings,
    receive_all,
)
from tests.support.servers.nsqd import Nsqd
from tests.support.waiting import wait_until


@pytest.fixture
def nsqd(tmp_path: Path) -> Iterator[Nsqd]:
    with Nsqd(tmp_path) as started:
        started.create_channel(TOPIC, CHANNEL)
        yield started


def open_sockets() -> set[str]:
    """The sockets of this process, by their kernel names."""
    folder = Path("/proc/self/fd")
    links = {os.readlink(each) for each in folder.iterdir() if each.is_symlink()}
    return {link for link in links if link.startswith("socket:")}


async def test_a_message_arrives_with_its_body_id_attempts_and_time(nsqd: Nsqd) -> None:
    before_ns = time.time_ns()
    async with consuming(nsqd) as queue:
        await queue.publish(TOPIC, [b'{"command": "metric"}'])
        (message,) = await receive_all(queue, 1)
    assert message.body == b'{"command": "metric"}'
    assert len(message.id) == 16
    assert message.attempts == 1
    assert before_ns <= message.published_at_ns <= time.time_ns()


async def test_a_finished_message_is_gone(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        await queue.publish(TOPIC, [b"once"])
        await queue.finish(await receive_all(queue, 1))
        await wait_until("nothing is left", lambda: nsqd.depth(TOPIC, CHANNEL) == 0)
        assert nsqd.channel(TOPIC, CHANNEL)["requeue_count"] == 0


async def test_a_requeued_message_comes_back_after_its_delay_with_one_more_attempt(
    nsqd: Nsqd,
) -> None:
    async with consuming(nsqd) as queue:
        await queue.publish(TOPIC, [b"again"])
        (first,) = await receive_all(queue, 1)
        started_s = time.monotonic()
        await queue.requeue([first], delay_s=0.5)
        (second,) = await receive_all(queue, 1)
        assert time.monotonic() - started_s >= 0.49
        assert (second.id, second.attempts) == (first.id, 2)
        assert second.published_at_ns == first.published_at_ns


async def test_a_batch_waits_for_more_messages_but_not_longer_than_asked(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(30)])
        await wait_until("all have come", lambda: len(queue._inbox) == 30)
        full = await queue.receive(20, wait_s=60.0)
        assert len(full) == 20
        started_s = time.monotonic()
        rest = await queue.receive(20, wait_s=0.2)
        assert time.monotonic() - started_s >= 0.19
        assert len(rest) == 10


async def test_a_cancelled_receive_loses_no_message(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        waiting = asyncio.create_task(queue.receive(10, wait_s=5.0))
        await queue.publish(TOPIC, [b"kept"])
        await wait_until(
            "it is delivered", lambda: nsqd.channel(TOPIC, CHANNEL)["in_flight_count"] == 1
        )
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert bodies(await receive_all(queue, 1)) == [b"kept"]


async def test_100_000_messages_arrive_exactly_once(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(100_000)])
        received: list[bytes] = []
        async with asyncio.timeout(300):
            while len(received) < 100_000:
                batch = await queue.receive(500, wait_s=0.005)
                received += [message.body for message in batch]
                await queue.finish(batch)
        await wait_until("all are finished", lambda: nsqd.depth(TOPIC, CHANNEL) == 0)
        assert len(set(received)) == len(received) == 100_000
        assert nsqd.channel(TOPIC, CHANNEL)["timeout_count"] == 0


async def test_a_paused_consumer_gets_nothing_until_it_resumes(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        await queue.pause()
        await wait_until("RDY is 0", lambda: nsqd.ready_counts(TOPIC, CHANNEL) == [0])
        await queue.publish(TOPIC, [b"later"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await queue.receive(10, wait_s=0.005)
        assert nsqd.channel(TOPIC, CHANNEL)["depth"] == 1
        await queue.resume()
        assert bodies(await receive_all(queue, 1)) == [b"later"]
        assert nsqd.ready_counts(TOPIC, CHANNEL) == [2500]


async def test_a_pause_leaves_what_nobody_received_to_another_consumer(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as ill:
        await ill.publish(TOPIC, [b"%d" % number for number in range(10)])
        await wait_until(
            "all are delivered", lambda: nsqd.channel(TOPIC, CHANNEL)["in_flight_count"] == 10
        )
        in_hand = await ill.receive(3, wait_s=5.0)
        await ill.pause()
        async with consuming(nsqd) as well:
            assert len(await receive_all(well, 7)) == 7
            await ill.finish(in_hand)
            await wait_until(
                "three are finished",
                lambda: nsqd.channel(TOPIC, CHANNEL)["in_flight_count"] == 7,
            )


async def test_what_arrived_before_stop_can_be_finished_and_the_rest_stays(nsqd: Nsqd) -> None:
    async with consuming(nsqd, max_in_flight=10) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(30)])
        messages = await receive_all(queue, 10)
        await queue.stop()
        assert await queue.receive(500, wait_s=5.0) == []
        await queue.finish(messages)
    assert nsqd.depth(TOPIC, CHANNEL) == 20


async def test_stop_ends_a_receive_that_waits(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        waiting = asyncio.create_task(queue.receive(10, wait_s=300.0))
        await wait_until("it is subscribed", lambda: nsqd.ready_counts(TOPIC, CHANNEL) == [2500])
        await queue.stop()
        async with asyncio.timeout(300):
            assert await waiting == []


async def test_close_gives_back_what_is_unfinished_at_once_and_closes_the_sockets(
    nsqd: Nsqd,
) -> None:
    before = open_sockets()
    async with consuming(nsqd, max_in_flight=10, msg_timeout_s=600) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(20)])
        in_hand = await receive_all(queue, 5)
        await queue.finish(in_hand[:3])
    assert nsqd.channel(TOPIC, CHANNEL)["clients"] in (None, [])
    assert nsqd.channel(TOPIC, CHANNEL)["in_flight_count"] == 0
    assert open_sockets() == before
    assert "E_" not in nsqd.log
    finished = {message.body for message in in_hand[:3]}
    async with consuming(nsqd) as other:
        rest = await receive_all(other, 17)
    assert {message.body for message in rest} == {b"%d" % n for n in range(20)} - finished


async def test_close_right_after_finish_loses_no_finish(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(2000)])
        await queue.finish(await receive_all(queue, 2000))
    assert nsqd.depth(TOPIC, CHANNEL) == 0
    assert nsqd.channel(TOPIC, CHANNEL)["requeue_count"] == 0


async def test_a_late_finish_is_not_fatal(nsqd: Nsqd) -> None:
    async with consuming(nsqd) as queue:
        await queue.publish(TOPIC, [b"first"])
        messages = await receive_all(queue, 1)
        (client,) = nsqd.channel(TOPIC, CHANNEL)["clients"]
        await queue.finish(messages)
        await queue.finish(messages)
        await queue.touch(messages)
        await queue.requeue(messages, 0)
        await queue.publish(TOPIC, [b"second"])
        assert bodies(await receive_all(queue, 1)) == [b"second"]
        (client_after,) = nsqd.channel(TOPIC, CHANNEL)["clients"]
        assert client_after["remote_address"] == client["remote_address"]
        assert "E_FIN_FAILED" in nsqd.log


async def test_close_without_start_is_harmless(nsqd: Nsqd) -> None:
    queue = NsqQueue(queue_settings(nsqd))
    await queue.close()
    await queue.close()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"nsqd_addresses": ("nsqd",)}, "queue.nsqd_addresses: 'nsqd' must be host:port"),
        ({"topic": "a topic"}, "queue.topic 'a topic': 1 to 64 of the characters"),
        ({"channel": "x" * 65}, "queue.channel"),
        ({"max_in_flight": 0}, "queue.max_in_flight = 0: must be at least 1"),
        ({"msg_timeout_s": 0}, "queue.msg_timeout_s = 0: must be at least 1"),
    ],
)
def test_settings_that_no_nsqd_would_serve_are_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint):
        NsqQueue(queue_settings(**changes))
