"""What nsqd tells of a topic on its HTTP port, asked of every nsqd that is known.

Asked are the nsqd that the settings name, and those that nsqlookupd knows::

    await NsqStats(settings.queue).ask("psd")
    -> {"10.0.0.1:4151": Topic("psd", depth=0, message_count=1200, channels=[Channel("psd", 17)])}
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from psd.addresses import Address
from psd.config import QueueSettings
from psd.errors import QueueUnavailableError
from psd.outages import outage
from psd.queue.nsq_guard import https_of
from psd.queue.nsq_http import UNANSWERED, get
from psd.queue.nsq_lookup import producers

STATS_TIMEOUT_S = 0.5
"""Neither a question to psd nor a page of metrics waits longer than this to learn it."""


class Channel(msgspec.Struct):
    """What nsqd tells of a channel; ``message_count`` is how many ever came into it."""

    channel_name: str
    depth: int
    in_flight_count: int = 0
    deferred_count: int = 0
    message_count: int = 0
    client_count: int = 0


class Topic(msgspec.Struct):
    """What nsqd tells of a topic; ``depth`` is what no channel has taken over yet."""

    topic_name: str
    depth: int
    message_count: int = 0
    channels: list[Channel] | None = None

    def channel(self, name: str) -> Channel:
        """One of its channels; where there is none yet, all that the topic has waits in it."""
        for each in self.channels or ():
            if each.channel_name == name:
                return each
        return Channel(name, 0)


class Stats(msgspec.Struct):
    """nsqd's answer to ``GET /stats?format=json&topic=``; a list that is empty comes as null."""

    topics: list[Topic] | None = None


class NsqStats:
    """Asks every nsqd; an answer is complete or an error."""

    def __init__(self, settings: QueueSettings) -> None:
        self._settings = settings
        self._https = https_of(settings)

    async def ask(self, topic: str) -> Mapping[str, Topic]:
        """The topic by the address of each nsqd; empty where none is known.

        One that has no such topic tells an empty one. Raises QueueUnavailableError.
        """
        try:
            async with asyncio.timeout(STATS_TIMEOUT_S):
                addresses = await self._addresses(topic)
                found = await asyncio.gather(*(self._of_nsqd(each, topic) for each in addresses))
        except UNANSWERED as exc:
            raise QueueUnavailableError(f"nsqd: its depth: {outage(exc)}") from exc
        return dict(zip(addresses, found, strict=True))

    async def _addresses(self, topic: str) -> list[str]:
        found = set(self._settings.nsqd_http_addresses)
        # Their ports of HTTP are told, and no others: nothing is asked there in the clear.
        lookupds = () if self._settings.nsqd_tls else self._settings.lookupd_addresses
        for lookupd in lookupds:
            for each in await producers(lookupd, topic, self._https):
                found.add(str(Address(each.host, each.http_port)))
        return sorted(found)

    async def _of_nsqd(self, address: str, topic: str) -> Topic:
        status, body = await get(address, f"stats?format=json&topic={quote(topic)}", self._https)
        if status != 200:
            raise ValueError(f"{address}: status {status}")
        told = msgspec.json.decode(body, type=Stats).topics or ()
        return next((each for each in told if each.topic_name == topic), Topic(topic, 0))
