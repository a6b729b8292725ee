"""The embedded queue keeps the promises of the seam, against real servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from psd.config import RedisSettings
from psd.errors import QueueUnavailableError
from psd.observe.metrics import Metrics
from psd.queue.interface import Message
from psd.queue.stream import StreamQueue
from psd.store.keys import stream_key
from psd.store.redis import Store
from tests.conftest import AnyStore, StoreKind
from tests.support.servers.redis_server import ENGINES, Engine
from tests.support.waiting import wait_until

TOPIC = "psd"


@asynccontextmanager
async def store_at(url: str) -> AsyncIterator[Store]:
    store = Store(RedisSettings(url=url), Metrics())
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    async with store_at(redis_url) as connected:
        yield connected


@asynccontextmanager
async def consumer(
    store: Store, msg_timeout_s: float = 60.0, max_in_flight: int = 2500
) -> AsyncIterator[StreamQueue]:
    queue = StreamQueue(store.cluster, TOPIC, "psd", msg_timeout_s, max_in_flight)
    await queue.start()
    try:
        yield queue
    finally:
        await queue.close()


async def receive(queue: StreamQueue, count: int) -> list[Message]:
    messages: list[Message] = []
    async with asyncio.timeout(60):
        while len(messages) < count:
            messages += await queue.receive(count - len(messages), 0.01)
    return messages


async def nothing_left(store: Store) -> bool:
    return await store.client.xlen(stream_key(TOPIC)) == 0


@pytest.mark.parametrize("engine", ENGINES)
async def test_every_engine_delivers_redelivers_and_forgets(engine: Engine, tmp_path: Path) -> None:
    with StoreKind(tmp_path / "redis", engine) as server:
        async with store_at(server.url) as store, consumer(store, msg_timeout_s=0.4) as queue:
            await queue.publish(TOPIC, [b"one", b"\x00\xff"])
            first = await receive(queue, 2)
            again = await receive(queue, 2)
            await queue.finish(again)
            assert [message.body for message in first] == [b"one", b"\x00\xff"]
            assert [message.id for message in again] == [message.id for message in first]
            assert [message.attempts for message in first + again] == [1, 1, 2, 2]
            assert await nothing_left(store)


async def test_a_message_tells_when_it_was_published(store: Store) -> None:
    async with consumer(store) as queue:
        seconds, _ = await store.client.time()
        await queue.publish(TOPIC, [b"one"])
        (message,) = await receive(queue, 1)
        until, _ = await store.client.time()
        assert seconds <= message.published_at_ns / 1e9 < until + 1


async def test_messages_published_before_the_first_start_are_delivered(store: Store) -> None:
    await StreamQueue(store.cluster, TOPIC, "psd").publish(TOPIC, [b"early"])
    async with consumer(store) as queue:
        assert [message.body for message in await receive(queue, 1)] == [b"early"]


async def test_receive_waits_for_more_only_as_long_as_it_is_told(store: Store) -> None:
    async with consumer(store) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(30)])
        await receive(queue, 1)
        assert len(await queue.receive(10, 60.0)) == 10
        assert len(await queue.receive(100, 0.01)) == 19


async def test_a_cancelled_receive_loses_nothing(store: Store) -> None:
    async with consumer(store) as queue:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await queue.receive(10, 1.0)
        await queue.publish(TOPIC, [b"one"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await queue.receive(10, 5.0)
        assert [message.body for message in await receive(queue, 1)] == [b"one"]


async def test_two_consumers_share_the_messages(store: Store) -> None:
    async with consumer(store, max_in_flight=50) as one, consumer(store, max_in_flight=50) as two:
        await one.publish(TOPIC, [b"%d" % number for number in range(100)])
        bodies = {message.body for message in await receive(one, 50) + await receive(two, 50)}
        assert len(bodies) == 100


async def test_no_more_is_read_than_may_be_in_flight(store: Store) -> None:
    async with consumer(store, max_in_flight=10) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(25)])
        held = await receive(queue, 10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await queue.receive(1, 0)
        await queue.finish(held)
        assert len(await receive(queue, 10)) == 10


async def test_a_requeued_message_comes_back_after_its_delay_to_any_consumer(
    store: Store,
) -> None:
    async with consumer(store) as one:
        await one.publish(TOPIC, [b"one"])
        held = await receive(one, 1)
        await one.pause()
        loop = asyncio.get_running_loop()
        async with consumer(store) as two:
            requeued_at_s = loop.time()
            await one.requeue(held, 0.5)
            (again,) = await receive(two, 1)
            assert loop.time() - requeued_at_s > 0.4
            assert (again.id, again.attempts) == (held[0].id, 2)


@pytest.mark.timed("it is touched within 0.6 s")
async def test_touch_keeps_a_message_from_timing_out(store: Store) -> None:
    async with consumer(store, msg_timeout_s=0.6) as one:
        await one.publish(TOPIC, [b"one"])
        held = await receive(one, 1)
        await one.pause()
        async with consumer(store, msg_timeout_s=0.6) as two:
            for _ in range(6):
                await one.touch(held)
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await two.receive(1, 0)
            assert [message.attempts for message in await receive(two, 1)] == [2]


async def test_what_a_killed_consumer_held_goes_to_another_one(store: Store) -> None:
    dead = StreamQueue(store.cluster, TOPIC, "psd", msg_timeout_s=0.5)
    await dead.start()
    await dead.publish(TOPIC, [b"one"])
    await receive(dead, 1)
    await dead.stop()
    async with consumer(store, msg_timeout_s=0.5) as queue:
        assert [message.attempts for message in await receive(queue, 1)] == [2]
    await dead.close()


async def test_close_gives_unfinished_messages_back_at_once(store: Store) -> None:
    async with consumer(store) as queue:
        await queue.publish(TOPIC, [b"%d" % number for number in range(20)])
        held = await receive(queue, 5)
        await queue.finish(held[:2])
    async with consumer(store) as queue:
        assert len(await receive(queue, 18)) == 18


async def test_after_stop_what_was_read_is_still_delivered_then_the_end(store: Store) -> None:
    async with consumer(store) as queue:
        await queue.publish(TOPIC, [b"one", b"two"])
        await receive(queue, 1)
        await queue.stop()
        assert [message.body for message in await queue.receive(10, 0.01)] == [b"two"]
        assert await queue.receive(10, 0.01) == []


async def test_pause_stops_reading_and_resume_goes_on(store: Store) -> None:
    async with consumer(store) as queue:
        await queue.publish(TOPIC, [b"one"])
        await queue.finish(await receive(queue, 1))
        await queue.pause()
        await wait_until("the read under way ended", lambda: not reading(queue))
        await queue.publish(TOPIC, [b"two"])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await queue.receive(1, 0)
        await queue.resume()
        assert [message.body for message in await receive(queue, 1)] == [b"two"]


def reading(queue: StreamQueue) -> bool:
    connections = queue._client.connection_pool._in_use_connections
    return bool(connections)


async def test_a_flush_of_the_store_does_not_deafen_a_consumer(store: Store) -> None:
    async with consumer(store) as queue:
        await queue.publish(TOPIC, [b"one"])
        await queue.finish(await receive(queue, 1))
        await store.client.flushall()
        await queue.publish(TOPIC, [b"two"])
        assert [message.body for message in await receive(queue, 1)] == [b"two"]


@pytest.mark.timed("it is survived within two seconds")
async def test_a_restart_of_redis_is_survived_within_two_seconds(own_redis: AnyStore) -> None:
    async with store_at(own_redis.url) as store, consumer(store) as queue:
        await queue.publish(TOPIC, [b"one"])
        held = await receive(queue, 1)
        own_redis.kill9()
        with pytest.raises(QueueUnavailableError):
            await queue.publish(TOPIC, [b"lost, and the publisher knows"])
        with pytest.raises(QueueUnavailableError):
            await queue.finish(held)
        own_redis.start()
        await queue.publish(TOPIC, [b"two"])
        async with asyncio.timeout(2):
            assert [message.body for message in await queue.receive(1, 0)] == [b"two"]
        await queue.finish(held)


async def test_replies_lost_while_redis_was_frozen_are_read_again(own_redis: AnyStore) -> None:
    expected = [b"%d" % number for number in range(50)]
    async with store_at(own_redis.url) as store, consumer(store) as queue:
        await queue.publish(TOPIC, [b"one"])
        await receive(queue, 1)
        await wait_until("a read is under way", lambda: reading(queue))
        own_redis.pause()
        with pytest.raises(QueueUnavailableError):
            await queue.publish(TOPIC, expected)
        await wait_until("the read gave up", lambda: not queue._joined)
        own_redis.resume()
        assert sorted(message.body for message in await receive(queue, 50)) == sorted(expected)


async def test_consumers_gone_for_an_hour_are_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psd.queue.stream.CONSUMER_FORGOTTEN_AFTER_MS", -1)
    for _ in range(3):
        async with consumer(store) as queue:
            await queue.publish(TOPIC, [b"one"])
            await queue.finish(await receive(queue, 1))
    assert len(await store.client.xinfo_consumers(stream_key(TOPIC), "psd")) == 1
