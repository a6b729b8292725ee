"""How many messages wait to be booked, where the queue can be asked.

The embedded queue is a stream that keeps a message until it is finished, so its length is the
answer. An nsqd tells depths on its HTTP port, which nsqlookupd or the settings name; where neither
does, nobody can say.
"""

from __future__ import annotations

from psd.config import QueueSettings
from psd.queries.freshness import QueueDepth, unknown_depth
from psd.queue.nsq_depth import NsqDepth
from psd.store.keys import stream_key
from psd.store.redis import Store


def depth_of(queue: QueueSettings, store: Store) -> QueueDepth:
    """What tells the depth of the configured queue; travels with the question's other calls."""
    if queue.kind == "nsq":
        is_known = queue.nsqd_http_addresses or queue.lookupd_addresses
        return NsqDepth(queue) if is_known else unknown_depth
    command = ("XLEN", stream_key(queue.topic))

    async def depth() -> int | None:
        return int(await store.reads.call(command))

    return depth
