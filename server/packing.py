"""Large answers packed with brotli or gzip, for clients that take it.

What is worth it is a page or a table, not a sum: answers below :data:`BYTES_MIN` stay as they are,
and so do those with a strong ETag of their own, which names the bytes that are sent::

    Accept-Encoding: gzip              -> Content-Encoding: gzip
    Accept-Encoding: gzip, br          -> Content-Encoding: br, with the extra `brotli`
    Accept-Encoding: gzip;q=0, *       -> as it is
    Accept-Encoding: identity, gzip;q=0.5   -> as it is: gzip is liked less

Whatever the client said, ``Vary`` tells caches that it counts.
"""

from __future__ import annotations

import asyncio
import functools
import gzip
import importlib
import importlib.util
import re
from collections.abc import Mapping, Sequence
from typing import Literal

from aiohttp import web

BYTES_MIN = 4096
"""Three segments. Packing takes 20 us for each kB, and a network takes less for so little."""

LOOP_BYTES_MAX = 65_536
"""More is packed in a thread: 65,536 bytes of JSON take 1 ms."""

LEVEL = 1
"""Level 6 makes a table of sums a tenth smaller in three times the time."""

BROTLI_LEVEL = 2
"""1,000 rows of a board, 90 kB: 14.2 kB in 0.3 ms, where gzip makes 18.8 kB in 0.4 ms. Level 5
takes four times as long for 3 % less."""

Coding = Literal["br", "gzip"]

_QUALITY = re.compile(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)", re.ASCII | re.IGNORECASE)


def takes_gzip(header: str) -> bool:
    """Whether an Accept-Encoding asks for gzip: not refused, and liked no less than none."""
    return coding_of(header, ("gzip",)) is not None


def coding_of(header: str, known: Sequence[Coding] = ()) -> Coding | None:
    """What of these an Accept-Encoding asks for, None for none of them; psd's own by default.

    The one that is liked best; of those that are liked alike the first.

    >>> coding_of("gzip, br", ("br", "gzip")), coding_of("gzip, br;q=0.9", ("br", "gzip"))
    ('br', 'gzip')
    """
    liked = _liked(header)
    least = liked.get("identity", 0.0)
    wanted = [(_wanted(liked, each), each) for each in known or codings()]
    best = max((quality for quality, _ in wanted), default=0.0)
    if best <= 0 or best < least:
        return None
    return next(each for quality, each in wanted if quality == best)


@functools.cache
def codings() -> tuple[Coding, ...]:
    """What this process can pack with, the best first."""
    return ("br", "gzip") if importlib.util.find_spec("brotli") else ("gzip",)


def _wanted(liked: Mapping[str, float], coding: Coding) -> float:
    names = ("gzip", "x-gzip", "*") if coding == "gzip" else ("br", "*")
    return next((liked[name] for name in names if name in liked), 0.0)


def _liked(header: str) -> dict[str, float]:
    liked: dict[str, float] = {}
    for part in header.lower().split(","):
        name, _, parameter = part.partition(";")
        found = _QUALITY.fullmatch(parameter.strip())
        if parameter.strip() and not found:
            continue
        liked[name.strip()] = float(found[1]) if found else 1.0
    return liked


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
    coding = coding_of(request.headers.get("Accept-Encoding", ""))
    if coding is None:
        return
    pack_body = with_brotli if coding == "br" else packed
    if len(body) > LOOP_BYTES_MAX:
        response.body = await asyncio.to_thread(pack_body, body)
    else:
        response.body = pack_body(body)
    headers["Content-Encoding"] = coding


def packed(body: bytes, level: int = LEVEL) -> bytes:
    """The same bytes for the same body, whenever that is."""
    return gzip.compress(body, level, mtime=0)


def with_brotli(body: bytes, level: int = BROTLI_LEVEL) -> bytes:
    """The same by brotli, whose library is imported by the first who needs it."""
    return bytes(importlib.import_module("brotli").compress(body, quality=level))
