"""How many messages of a topic wait at nsqd, by its HTTP port.

Asked are the nsqd that the settings name, and those that nsqlookupd knows::

    depth = NsqDepth(settings.queue)
    await depth()    -> 17: in the channel, in the hands of workers, or deferred

An answer is kept for a second, so that a thousand questions a second ask nsqd once.
"""

from __future__ import annotations

import asyncio
import time
from urllib.parse import quote

import msgspec

from psd.addresses import Address
from psd.config import QueueSettings
from psd.errors import QueueUnavailableError
from psd.outages import outage
from psd.queue.nsq_http import UNANSWERED, get
from psd.queue.nsq_lookup import producers

DEPTH_TIMEOUT_S = 0.5
"""A question to psd does not wait longer than this to learn the depth."""

KEPT_S = 1.0


class Channel(msgspec.Struct):
    """What nsqd tells of a channel."""

    channel_name: str
    depth: int
    in_flight_count: int = 0
    deferred_count: int = 0


class Topic(msgspec.Struct):
    """What nsqd tells of a topic; ``depth`` is what no channel has taken over yet."""

    topic_name: str
    depth: int
    channels: list[Channel] | None = None


class Stats(msgspec.Struct):
    """nsqd's answer to ``GET /stats?format=json&topic=``; a list that is empty comes as null."""

    topics: list[Topic] | None = None


class NsqDepth:
    """Tells the depth of one topic and channel over all nsqd."""

    def __init__(self, settings: QueueSettings) -> None:
        self._settings = settings
        self._known: int | None = None
        self._asked_at_s = float("-inf")

    async def __call__(self) -> int | None:
        """Messages that wait; None where no nsqd is known. Raises QueueUnavailableError."""
        if time.monotonic() - self._asked_at_s >= KEPT_S:
            # Noted before the answer: whoever asks meanwhile gets the last one.
            self._asked_at_s = time.monotonic()
            try:
                self._known = await self._ask()
            except QueueUnavailableError:
                self._known = None
                raise
        return self._known

    async def _ask(self) -> int | None:
        try:
            async with asyncio.timeout(DEPTH_TIMEOUT_S):
                addresses = await self._addresses()
                depths = await asyncio.gather(*map(self._of_nsqd, addresses))
        except UNANSWERED as exc:
            reason = outage(exc)
            raise QueueUnavailableError(f"nsqd: its depth: {reason}") from exc
        return sum(depths) if addresses else None

    async def _addresses(self) -> list[str]:
        found = set(self._settings.nsqd_http_addresses)
        for lookupd in self._settings.lookupd_addresses:
            for each in await producers(lookupd, self._settings.topic):
                found.add(str(Address(each.host, each.http_port)))
        return sorted(found)

    async def _of_nsqd(self, address: str) -> int:
        path = f"stats?format=json&topic={quote(self._settings.topic)}"
        status, body = await get(address, path)
        if status != 200:
            raise ValueError(f"{address}: status {status}")
        return sum(map(self._of_topic, msgspec.json.decode(body, type=Stats).topics or ()))

    def _of_topic(self, topic: Topic) -> int:
        if topic.topic_name != self._settings.topic:
            return 0
        ours = [
            each for each in topic.channels or () if each.channel_name == self._settings.channel
        ]
        waiting = sum(each.depth + each.in_flight_count + each.deferred_count for each in ours)
        return topic.depth + waiting
