"""A worker on real servers: one Redis, and nsqd or a Redis Stream as the queue.

>>> async with worker_running(stack) as worker:
...     await stack.publish([steps(uid=7, aid=1, value=400)])
...     await wait_until("booked", lambda: stack.sum_is(7, 400))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec

from psd.config import QueueSettings, RedisSettings, Settings, WorkerSettings
from psd.engine.plan import Range
from psd.errors import StoreUnavailableError
from psd.queue.deadletter import INSPECT_CHANNEL, DeadLetterBox, Letter
from psd.runtime import Runtime, open_runtime
from psd.store.keys import stream_key
from tests.support.engine import PATIENCE_S
from tests.support.servers.nsqd import Nsqd
from tests.support.servers.redis_cluster import RedisCluster
from tests.support.servers.redis_server import RedisServer
from workers.crew import build_workers
from workers.runner import Worker

Kind = Literal["nsq", "stream"]

NOON_S = 1_460_462_400
"""2016-04-12 12:00:00 UTC, when the events of these tests happen."""

EVER = Range(0, 4_000_000_000)


def steps(uid: int | str, aid: int, value: Any, **fields: Any) -> bytes:
    """One metric message."""
    metric = {"thing": "steps", "uid": uid, "aid": aid, "value": value, "ts2": NOON_S, **fields}
    return msgspec.json.encode({"command": "metric", "metric": metric})


def count(name: str, value: int) -> bytes:
    """One count message without an id of its own."""
    fields = {"thing": name, "value": value, "ts": NOON_S}
    return msgspec.json.encode({"command": "count", "count": fields})


class WorkerStack:
    """The servers, and what a test asks of them; ``runtime`` is the test's own."""

    def __init__(
        self,
        kind: Kind,
        redis: RedisServer | RedisCluster,
        nsqd: Nsqd | None,
        timeout_s: float = PATIENCE_S,
    ) -> None:
        self.kind = kind
        self.redis = redis
        self.nsqd = nsqd
        self.settings = Settings(
            redis=RedisSettings(url=redis.url, timeout_s=timeout_s),
            queue=QueueSettings(
                kind=kind,
                nsqd_addresses=(nsqd.address if nsqd else "127.0.0.1:4150",),
                msg_timeout_s=5,
            ),
            worker=WorkerSettings(shutdown_timeout_s=3.0),
        )
        self.runtime: Runtime

    async def publish(self, bodies: Sequence[bytes]) -> None:
        """Put messages on the topic that the worker reads."""
        queue = self.runtime.new_queue()
        try:
            await queue.publish(self.settings.queue.topic, bodies)
        finally:
            await queue.close()

    async def sum_of(self, uid: int) -> int:
        """All steps of a user."""
        (found,) = await self.runtime.engine.sums([uid], [1], [EVER])
        return found.sums[1]

    async def sum_is(self, uid: int, value: int) -> bool:
        """Whether all steps of a user are that many; no while Redis is away."""
        try:
            return await self.sum_of(uid) == value
        except StoreUnavailableError:
            return False

    async def drained(self) -> bool:
        """Whether every message of the topic is finished."""
        topic, channel = self.settings.queue.topic, self.settings.queue.channel
        if self.nsqd is None:
            client = await self.runtime.store.cluster.client_of(stream_key(topic))
            return bool(await client.xlen(stream_key(topic)) == 0)
        # nsqd moves messages from the topic to the channel in its own time.
        arrived = self.nsqd.channel(topic, channel)["message_count"]
        return arrived >= self.nsqd.published(topic) and not self.nsqd.depth(topic, channel)

    async def letters(self) -> list[Letter]:
        """The dead letters; they stay."""
        async with self.dead_letter_box() as box:
            return [held.letter for held in await box.take(1000)]

    def dead_letter_box(self) -> DeadLetterBox:
        """Where dead letters are looked at."""
        topic = self.settings.queue.deadletter_topic
        queue = self.runtime.new_queue(topic, INSPECT_CHANNEL)
        return DeadLetterBox(queue, first_wait_s=1.0, quiet_s=0.3)


@asynccontextmanager
async def worker_running(stack: WorkerStack) -> AsyncIterator[Worker]:
    """A worker with a runtime of its own; stopped, and its errors raised, at the end."""
    runtime = await open_runtime(stack.settings)
    worker = build_workers(runtime)[0].worker
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        async with asyncio.timeout(60):
            await task
        await runtime.close()
