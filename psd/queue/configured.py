"""The queue that settings name, not started."""

from __future__ import annotations

from psd.config import QueueSettings
from psd.queue.interface import Queue
from psd.queue.nsq_queue import NsqQueue
from psd.queue.stream import StreamQueue
from psd.store.cluster import Cluster


def queue_of(queue: QueueSettings, cluster: Cluster) -> Queue:
    """NSQ, or the embedded one in the store; the caller closes it."""
    if queue.kind == "nsq":
        return NsqQueue(queue)
    return StreamQueue(
        cluster, queue.topic, queue.channel, queue.msg_timeout_s, queue.max_in_flight
    )
