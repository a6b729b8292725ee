"""Consumers of the tests' nsqd: :class:`psd.queue.nsq_queue.NsqQueue` with few words.

>>> async with consuming(nsqd, max_in_flight=10) as queue:
...     messages = await receive_all(queue, 2)
...     assert bodies(messages) == [b"1", b"2"]
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from psd.config import QueueSettings
from psd.queue.interface import Message
from psd.queue.nsq_queue import NsqQueue
from tests.support.servers.nsqd import Nsqd

TOPIC = "psd"
CHANNEL = "psd"


def queue_settings(*nsqds: Nsqd, **changes: Any) -> QueueSettings:
    """Settings of a consumer of these nsqd; ``changes`` are fields of QueueSettings."""
    addresses = tuple(each.address for each in nsqds)
    return QueueSettings(**{"nsqd_addresses": addresses, **changes})


@asynccontextmanager
async def consuming(
    *nsqds: Nsqd, heartbeat_interval_s: float = 10.0, **changes: Any
) -> AsyncIterator[NsqQueue]:
    """A started NsqQueue on these nsqd, closed at the end."""
    queue = NsqQueue(queue_settings(*nsqds, **changes), heartbeat_interval_s=heartbeat_interval_s)
    await queue.start()
    try:
        yield queue
    finally:
        await queue.close()


async def receive_all(queue: NsqQueue, count: int, timeout_s: float = 60.0) -> list[Message]:
    """Receive until there are ``count`` messages, without finishing them."""
    messages: list[Message] = []
    async with asyncio.timeout(timeout_s):
        while len(messages) < count:
            messages += await queue.receive(count - len(messages), wait_s=0.01)
    return messages


def bodies(messages: Sequence[Message]) -> list[bytes]:
    """The bodies, sorted: nsqd promises no order."""
    return sorted(message.body for message in messages)
