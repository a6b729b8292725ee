"""Asking nsqlookupd where a topic is.

nsq-py's own client blocks, waits without limit and goes through a proxy that the
environment names; here it is one request on the event loop, within two seconds:

>>> await look_up("127.0.0.1:4161", "psd")
['10.0.0.1:4150', '10.0.0.2:4150']
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import quote

import msgspec

from psd.addresses import Address
from psd.errors import QueueUnavailableError
from psd.outages import outage
from psd.queue.nsq_http import UNANSWERED, get

LOOKUP_TIMEOUT_S = 2.0


class Producer(msgspec.Struct):
    """One nsqd, as nsqlookupd describes it."""

    broadcast_address: str
    tcp_port: int
    http_port: int

    @property
    def host(self) -> str:
        """The address without brackets, with which an nsqd may have been told its own."""
        return self.broadcast_address.removeprefix("[").removesuffix("]")


class LookupReply(msgspec.Struct):
    """nsqlookupd's answer to ``GET /lookup?topic=``; ``message`` where it has none."""

    producers: list[Producer] = []
    message: str = ""


async def look_up(lookupd: str, topic: str, https: ssl.SSLContext | None = None) -> list[str]:
    """Addresses of the nsqd that have the topic; raises QueueUnavailableError.

    ``lookupd`` is ``host:port``, or a URL. A topic that no nsqd has yet is nowhere: [].
    """
    found = await producers(lookupd, topic, https)
    return [str(Address(each.host, each.tcp_port)) for each in found]


async def producers(
    lookupd: str, topic: str, https: ssl.SSLContext | None = None
) -> list[Producer]:
    """The nsqd that have the topic, as nsqlookupd describes them; raises as :func:`look_up`."""
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT_S):
            status, body = await get(lookupd, f"lookup?topic={quote(topic)}", https)
        reply = msgspec.json.decode(body, type=LookupReply)
    except UNANSWERED as exc:
        reason = outage(exc)
        raise QueueUnavailableError(f"nsqlookupd {lookupd}: {reason}") from exc
    if status != 200 and reply.message != "TOPIC_NOT_FOUND":
        raise QueueUnavailableError(f"nsqlookupd {lookupd}: {status} {reply.message}")
    return reply.producers
