"""Large answers packed with gzip, for clients that take it.

What is worth it is a page or a table, not a sum: answers below :data:`BYTES_MIN` stay as they are,
and so do those with a strong ETag of their own, which names the bytes that are sent::

    Accept-Encoding: gzip              -> Content-Encoding: gzip
    Accept-Encoding: gzip;q=0, *       -> as it is
    Accept-Encoding: identity, gzip;q=0.5   -> as it is: gzip is liked less

Whatever the client said, ``Vary`` tells caches that it counts.
"""

from __future__ import annotations

import asyncio
import gzip
import re

from aiohttp import web

BYTES_MIN = 4096
"""Three segments. Packing takes 20 us for each kB, and a network takes less for so little."""

LOOP_BYTES_MAX = 65_536
"""More is packed in a thread: 65,536 bytes of JSON take 1 ms."""

LEVEL = 1
"""Level 6 makes a table of sums a tenth smaller in three times the time."""

_QUALITY = re.compile(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)", re.ASCII | re.IGNORECASE)


def takes_gzip(header: str) -> bool:
    """Whether an Accept-Encoding asks for gzip: not refused, and liked no less than none."""
    liked: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        found = _QUALITY.fullmatch(parameter.strip())
        if parameter.strip() and not found:
            continue
        liked[name.strip()] = float(found[1]) if found else 1.0
    wanted = liked.get("gzip", liked.get("x-gzip", liked.get("*", 0.0)))
    return wanted > 0 and wanted >= liked.get("identity", 0.0)


def is_worth_it(response: web.StreamResponse) -> bool:
    """Whether an answer is large enough to be packed."""
    body = response.body if isinstance(response, web.Response) else None
    return isinstance(body, bytes) and len(body) >= BYTES_MIN


def vary(response: web.StreamResponse) -> None:
    """Tell caches that Accept-Encoding counts."""
    told = response.headers.get("Vary", "")
    if "Accept-Encoding" not in told:
        response.headers["Vary"] = ", ".join(filter(None, [told, "Accept-Encoding"]))


async def pack(request: web.Request, response: web.Response) -> None:
    """Pack an answer where that is worth it and its client takes it."""
    headers, body = response.headers, response.body
    if not is_worth_it(response) or "Content-Encoding" in headers:
        return
    assert isinstance(body, bytes), "it is worth it"
    if headers.get("ETag", "W/").startswith('"'):
        return
    vary(response)
    if not takes_gzip(request.headers.get("Accept-Encoding", "")):
        return
    if len(body) > LOOP_BYTES_MAX:
        response.body = await asyncio.to_thread(packed, body)
    else:
        response.body = packed(body)
    headers["Content-Encoding"] = "gzip"


def packed(body: bytes, level: int = LEVEL) -> bytes:
    """The same bytes for the same body, whenever that is."""
    return gzip.compress(body, level, mtime=0)
