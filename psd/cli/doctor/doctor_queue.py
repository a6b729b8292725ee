"""What ``psd doctor`` finds of the queue: who is there, who takes messages, and dead letters.

::

    nsqd          ok    127.0.0.1:4150
    workers       BAD   nobody takes the 17 messages of psd
    dead letters  NOTE  2 messages in psd.dlq
"""

from __future__ import annotations

import asyncio
import contextlib
from urllib.parse import urlsplit

from psd.cli.doctor.doctor_opens import Finding
from psd.config import QueueSettings
from psd.errors import PsdError
from psd.outages import outage
from psd.queue.deadletter import INSPECT_CHANNEL
from psd.queue.nsq_stats import NsqStats, Topic
from psd.store.keys import stream_key
from psd.store.redis import Store

CONNECT_TIMEOUT_S = 2.0

IDLE_MAX_MS = 10_000
"""A consumer of a stream asks four times a second; one that was silent for so long is none."""


async def examine_stream(store: Store, settings: QueueSettings) -> list[Finding]:
    """The embedded queue. 2 trips."""
    key, letters_key = stream_key(settings.topic), stream_key(settings.deadletter_topic)
    depth, letters = await store.reads.call_all([("XLEN", key), ("XLEN", letters_key)])
    # Of this command alone the key does not stand first: the lane is asked for by hand.
    lane = await store.reads.lane_of(key)
    [consumers] = await lane.call_each([("XINFO", "CONSUMERS", key, settings.channel)])
    # Before the first worker came there is no group, which is an error.
    known = [] if isinstance(consumers, PsdError) else consumers
    idle_ms = [int(dict(zip(each[::2], each[1::2], strict=True))[b"idle"]) for each in known]
    working = sum(each < IDLE_MAX_MS for each in idle_ms)
    return [
        Finding("queue", True, f"Redis stream, {depth} messages not finished"),
        workers_finding(settings, working, depth),
        letters_finding(settings, letters),
    ]


async def examine_nsq(settings: QueueSettings) -> list[Finding]:
    """Whether each nsqd and nsqlookupd takes connections, and what they tell of workers."""
    addresses = [("nsqd", address) for address in settings.nsqd_addresses]
    addresses += [("nsqlookupd", address) for address in settings.lookupd_addresses]
    if not addresses:
        return [Finding("queue", False, "neither nsqd nor nsqlookupd is configured")]
    told = [] if not _tells(settings) else await _told_by_nsqd(settings)
    return [*told, *[Finding(kind, *await knock(address)) for kind, address in addresses]]


def _tells(settings: QueueSettings) -> bool:
    return bool(settings.nsqd_http_addresses or settings.lookupd_addresses)


async def _told_by_nsqd(settings: QueueSettings) -> list[Finding]:
    stats = NsqStats(settings)
    try:
        topics, letters = await asyncio.gather(
            stats.ask(settings.topic), stats.ask(settings.deadletter_topic)
        )
    except PsdError as error:
        return [Finding("queue", False, str(error))]
    ours = [(topic, topic.channel(settings.channel)) for topic in topics.values()]
    working = sum(channel.client_count for _, channel in ours)
    depth = sum(_unfinished(topic, settings.channel) for topic, _ in ours)
    left = sum(_unfinished(topic, INSPECT_CHANNEL) for topic in letters.values())
    return [workers_finding(settings, working, depth), letters_finding(settings, left)]


def _unfinished(topic: Topic, channel: str) -> int:
    ours = topic.channel(channel)
    return topic.depth + ours.depth + ours.in_flight_count + ours.deferred_count


def workers_finding(settings: QueueSettings, working: int, depth: int) -> Finding:
    """Whether somebody takes what waits; where nothing waits, nobody need be there yet."""
    if working:
        return Finding("workers", True, f"{working} take messages of {settings.topic}")
    if not depth:
        return Finding("workers", True, f"nobody takes messages of {settings.topic}", True)
    return Finding("workers", False, f"nobody takes the {depth} messages of {settings.topic}")


def letters_finding(settings: QueueSettings, letters: int) -> Finding:
    """What can never be booked as it is: somebody should look."""
    found = f"{letters} messages in {settings.deadletter_topic}"
    return Finding("dead letters", True, found, bool(letters))


async def knock(address: str) -> tuple[bool, str]:
    """Whether a host:port takes a connection, and what happened."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    default = {"https": 443}.get(parts.scheme, 80)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or default)
    except TimeoutError:
        return False, f"{address}: no answer within {CONNECT_TIMEOUT_S:g} s"
    except (OSError, ValueError) as exc:
        return False, f"{address}: {outage(exc)}"
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True, address
