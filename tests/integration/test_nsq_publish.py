"""Publishing to a real nsqd: what arrives, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from psd.config import QueueSettings
from psd.errors import ConfigError, MalformedError, QueueUnavailableError, TooLargeError
from psd.queue.interface import PublishProgress
from psd.queue.nsq import NsqdConnection
from psd.queue.nsq_publisher import MPUB_BYTES_MAX, first_portion
from psd.queue.nsq_queue import NsqQueue
from tests.support.processes.nsq_consumers import CHANNEL, TOPIC, consuming, queue_settings
from tests.support.servers.nsqd import KILL_SAFE, Nsqd
from tests.support.servers.slow_nsqd import SlowNsqd

KILOBYTE = 1024


@pytest.fixture
def nsqd(tmp_path: Path) -> Iterator[Nsqd]:
    with Nsqd(tmp_path) as started:
        started.create_channel(TOPIC, CHANNEL)
        yield started


@asynccontextmanager
async def publishing(*nsqds: Nsqd) -> AsyncIterator[NsqQueue]:
    """A queue that only publishes: it is never started."""
    queue = NsqQueue(queue_settings(*nsqds))
    try:
        yield queue
    finally:
        await queue.close()


async def consume_all(nsqd: Nsqd, count: int) -> list[bytes]:
    received: list[bytes] = []
    async with consuming(nsqd) as queue, asyncio.timeout(30):
        while len(received) < count:
            batch = await queue.receive(500, wait_s=0.01)
            received += [message.body for message in batch]
            await queue.finish(batch)
    return received


def socket_buffers_bytes() -> int:
    """The most that the kernel keeps for one connection, sent and unread."""
    limits = [Path(f"/proc/sys/net/ipv4/{name}").read_text() for name in ("tcp_wmem", "tcp_rmem")]
    return sum(int(limit.split()[2]) for limit in limits)


def distinct_kilobytes(count: int) -> list[bytes]:
    return [(b"%09d." % number).ljust(KILOBYTE, b"x") for number in range(count)]


async def test_a_publish_needs_no_start_and_a_topic_is_a_str(nsqd: Nsqd) -> None:
    async with publishing(nsqd) as queue:
        await queue.publish("psd.dlq", [b"one", b"two"])
    assert nsqd.published("psd.dlq") == 2


async def test_publishing_nothing_is_nothing(nsqd: Nsqd) -> None:
    async with publishing(nsqd) as queue:
        await queue.publish(TOPIC, [])
    assert nsqd.published(TOPIC) == 0


async def test_several_megabytes_arrive_exactly_once(nsqd: Nsqd) -> None:
    sent = distinct_kilobytes(9 * KILOBYTE)
    async with publishing(nsqd) as queue:
        await queue.publish(TOPIC, sent)
    assert nsqd.published(TOPIC) == len(sent)
    assert sorted(await consume_all(nsqd, len(sent))) == sent


async def test_bytes_that_wait_for_a_full_socket_buffer_are_sent_once(nsqd: Nsqd) -> None:
    """Both buffers of the connection are filled while nsqd does not read."""
    sent = distinct_kilobytes((socket_buffers_bytes() + 2 * MPUB_BYTES_MAX) // KILOBYTE)
    connection = NsqdConnection(nsqd.address, {"feature_negotiation": True}, lambda *_: None)
    await connection.open()
    nsqd.freeze()
    try:
        publishes, start = [], 0
        while start < len(sent):
            part = first_portion(sent, start, len(sent), MPUB_BYTES_MAX)
            publishes.append(asyncio.create_task(connection.publish(TOPIC, part)))
            start += len(part)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await asyncio.shield(publishes[0])
    finally:
        nsqd.thaw()
    await asyncio.gather(*publishes)
    await connection.leave()
    assert nsqd.published(TOPIC) == len(sent)
    assert sorted(await consume_all(nsqd, len(sent))) == sent


async def test_without_any_nsqd_a_publish_is_refused(tmp_path: Path) -> None:
    async with publishing(Nsqd(tmp_path), Nsqd(tmp_path)) as queue:
        with pytest.raises(QueueUnavailableError, match=r"nsqd 127.0.0.1:\d+.*; nsqd 127.0.0.1"):
            await queue.publish(TOPIC, [b"x"])


async def test_the_first_address_that_answers_gets_it(nsqd: Nsqd, tmp_path: Path) -> None:
    async with publishing(Nsqd(tmp_path), nsqd) as queue:
        await queue.publish(TOPIC, [b"x"])
    assert nsqd.published(TOPIC) == 1


async def test_a_publish_after_a_restart_goes_over_a_new_connection(nsqd: Nsqd) -> None:
    async with publishing(nsqd) as queue:
        await queue.publish(TOPIC, [b"before"])
        await asyncio.to_thread(nsqd.stop)
        with pytest.raises(QueueUnavailableError):
            await queue.publish(TOPIC, [b"while it is away"])
        await asyncio.to_thread(nsqd.start)
        await queue.publish(TOPIC, [b"after"])
        assert nsqd.published(TOPIC) == 1


async def test_an_nsqd_that_dies_before_it_answers_leaves_the_outcome_unknown(nsqd: Nsqd) -> None:
    async with publishing(nsqd) as queue:
        await queue.publish(TOPIC, [b"opens the connection"])
        nsqd.freeze()
        publish = asyncio.create_task(queue.publish(TOPIC, [b"perhaps"]))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asyncio.shield(publish)
        nsqd.kill9()
        with pytest.raises(QueueUnavailableError, match="connection lost"):
            await publish


async def test_a_message_above_the_limit_of_nsqd_is_too_large(nsqd: Nsqd) -> None:
    async with publishing(nsqd) as queue:
        with pytest.raises(TooLargeError, match="too big 1048577 > 1048576"):
            await queue.publish(TOPIC, [b"x" * (KILOBYTE * KILOBYTE + 1)])
        await queue.publish(TOPIC, [b"x" * KILOBYTE * KILOBYTE])
    assert nsqd.published(TOPIC) == 1


async def test_an_empty_message_is_malformed_and_nothing_is_published(nsqd: Nsqd) -> None:
    async with publishing(nsqd) as queue:
        with pytest.raises(MalformedError):
            await queue.publish(TOPIC, [b"full", b""])
    assert nsqd.published(TOPIC) == 0


@pytest.mark.parametrize("topic", ["", "not a topic", "psd\nFIN", "x" * 65])
async def test_a_topic_name_that_nsqd_would_misread_is_bad_configuration(
    nsqd: Nsqd, topic: str
) -> None:
    async with publishing(nsqd) as queue:
        with pytest.raises(ConfigError, match="1 to 64 of the characters"):
            await queue.publish(topic, [b"x"])
        await queue.publish(TOPIC, [b"x"])
    assert nsqd.published(TOPIC) == 1


async def test_a_disk_that_fsyncs_each_message_gets_what_it_can_answer_in_time() -> None:
    """In one MPUB these 1,500 would be answered after 6 s, past the deadline of 5 s."""
    sent = [b"%d" % number for number in range(1500)]
    progress = PublishProgress()
    async with SlowNsqd(message_s=0.004) as nsqd:
        queue = NsqQueue(QueueSettings(nsqd_addresses=(nsqd.address,)))
        await queue.publish(TOPIC, sent, progress)
        await queue.close()
    assert nsqd.messages == sent
    assert (progress.known, progress.unknown) == (1500, 0)
    assert max(nsqd.portions) * 0.004 < 1


async def test_publishes_at_the_same_time_on_a_slow_disk_all_end() -> None:
    async with SlowNsqd(message_s=0.002) as nsqd:
        queue = NsqQueue(QueueSettings(nsqd_addresses=(nsqd.address,)))
        parts = [[b"%d-%d" % (part, number) for number in range(150)] for part in range(8)]
        await asyncio.gather(*(queue.publish(TOPIC, part) for part in parts))
        await queue.close()
    assert sorted(nsqd.messages) == sorted(body for part in parts for body in part)


async def test_a_real_nsqd_that_syncs_every_message_takes_thousands(tmp_path: Path) -> None:
    sent = [b"%04d" % number for number in range(2000)]
    with Nsqd(tmp_path, KILL_SAFE) as nsqd:
        nsqd.create_channel(TOPIC, CHANNEL)
        async with publishing(nsqd) as queue:
            await queue.publish(TOPIC, sent)
        assert nsqd.published(TOPIC) == len(sent)
        assert sorted(await consume_all(nsqd, len(sent))) == sent


async def test_after_a_stall_the_progress_says_what_is_queued_and_what_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("psd.queue.nsq_stream.ANSWER_TIMEOUT_S", 2.0)
    # However slow this machine is, what is with nsqd grows.
    monkeypatch.setattr("psd.queue.nsq_pace.TARGET_S", 60.0)
    progress = PublishProgress()
    async with SlowNsqd(message_s=0.0, stall_after=100) as nsqd:
        queue = NsqQueue(QueueSettings(nsqd_addresses=(nsqd.address,)))
        with pytest.raises(QueueUnavailableError, match="no answer in time"):
            await queue.publish(TOPIC, [b"%d" % number for number in range(1000)], progress)
        await queue.close()
    assert (progress.known, progress.unknown) == (80, 256)
    assert nsqd.portions == [16, 64, 256]
