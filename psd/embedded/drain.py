"""How much the embedded queue still holds. Finishing a message deletes it from its stream."""

from __future__ import annotations

import asyncio

from psd.store.keys import stream_key
from psd.store.redis import Store

POLL_S = 0.05


async def queue_depth(store: Store, topic: str) -> int:
    """Messages of a topic that are not finished. 1 Redis call."""
    return int(await store.reads.call(("XLEN", stream_key(topic))))


async def wait_until_drained(store: Store, topic: str) -> None:
    """Return when every message of the topic is finished (booked, or in the dead letter)."""
    while True:
        if await queue_depth(store, topic) == 0:
            return
        await asyncio.sleep(POLL_S)
