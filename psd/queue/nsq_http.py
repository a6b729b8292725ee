"""One GET to the HTTP port of an nsqd or nsqlookupd, on the event loop.

What lives here is the wire; what is asked is in nsq_lookup.py and nsq_stats.py. It goes through no
proxy that the environment may name::

    await get("127.0.0.1:4161", "lookup?topic=psd")   -> (200, b'{"channels":[],"producers":[...]}')
"""

from __future__ import annotations

import asyncio
import ssl
from urllib.parse import urlsplit

import msgspec

REPLY_BYTES_MAX = 4 * 1024 * 1024
"""A producer takes about 200 bytes: room for 20,000 nsqd."""

UNANSWERED = (
    OSError,
    ValueError,
    msgspec.MsgspecError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
)
"""All that can go wrong between a wrong address and a reply that is not what was asked for."""


async def get(address: str, path: str, https: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    """Status and body of a GET; HTTP/1.0, so that the end of the body is the end.

    ``https`` says whom to trust where the address is of HTTPS.
    """
    url = urlsplit(address if "://" in address else f"http://{address}")
    secure = url.scheme == "https"
    reader, writer = await asyncio.open_connection(
        url.hostname,
        url.port or (443 if secure else 80),
        ssl=(https or True) if secure else None,
        limit=REPLY_BYTES_MAX,
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
