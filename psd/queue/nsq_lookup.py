"""Asking nsqlookupd where a topic is.

nsq-py's own client blocks, waits without limit and goes through a proxy that the
environment names; here it is one request on the event loop, within two seconds:

>>> await look_up("127.0.0.1:4161", "psd")
['10.0.0.1:4150', '10.0.0.2:4150']
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote, urlsplit

import msgspec

from psd.errors import QueueUnavailableError

LOOKUP_TIMEOUT_S = 2.0

REPLY_BYTES_MAX = 4 * 1024 * 1024
"""A producer takes about 200 bytes: room for 20,000 nsqd."""

UNANSWERED = (
    OSError,
    ValueError,
    msgspec.MsgspecError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
)
"""All that can go wrong between a wrong address and a reply that is no list of producers."""


class Producer(msgspec.Struct):
    """One nsqd, as nsqlookupd describes it."""

    broadcast_address: str
    tcp_port: int


class Reply(msgspec.Struct):
    """nsqlookupd's answer to ``GET /lookup?topic=``; ``message`` where it has none."""

    producers: list[Producer] = []
    message: str = ""


async def look_up(lookupd: str, topic: str) -> list[str]:
    """Addresses of the nsqd that have the topic; raises QueueUnavailableError.

    ``lookupd`` is ``host:port``, or a URL. A topic that no nsqd has yet is nowhere: [].
    """
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT_S):
            status, body = await _get(lookupd, f"lookup?topic={quote(topic)}")
        reply = msgspec.json.decode(body, type=Reply)
    except UNANSWERED as exc:
        reason = str(exc) or type(exc).__name__
        raise QueueUnavailableError(f"nsqlookupd {lookupd}: {reason}") from exc
    if status != 200 and reply.message != "TOPIC_NOT_FOUND":
        raise QueueUnavailableError(f"nsqlookupd {lookupd}: {status} {reply.message}")
    return [f"{each.broadcast_address}:{each.tcp_port}" for each in reply.producers]


async def _get(address: str, path: str) -> tuple[int, bytes]:
    """Status and body of a GET; HTTP/1.0, so that the end of the body is the end."""
    url = urlsplit(address if "://" in address else f"http://{address}")
    secure = url.scheme == "https"
    reader, writer = await asyncio.open_connection(
        url.hostname, url.port or (443 if secure else 80), ssl=secure or None, limit=REPLY_BYTES_MAX
    )
    try:
        request = f"GET {url.path.rstrip('/')}/{path} HTTP/1.0\r\nHost: {url.netloc}\r\n\r\n"
        writer.write(request.encode())
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.read(REPLY_BYTES_MAX)
        while chunk := await reader.read(REPLY_BYTES_MAX - len(body)):
            body += chunk
    finally:
        writer.close()
    protocol, _, rest = head.partition(b" ")
    if not protocol.startswith(b"HTTP/"):
        raise ValueError("it does not speak HTTP")
    return int(rest[:3]), body
