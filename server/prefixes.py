"""Below which path a proxy has put this server, as it tells by ``X-Forwarded-Prefix``.

Links and redirects of pages begin with it. No page of another site can send this header, and what
is no plain path is ignored, so that nobody is led elsewhere::

    X-Forwarded-Prefix: /psd/            -> "/psd"
    X-Forwarded-Prefix: //evil.example   -> ""
"""

from __future__ import annotations

import re

from aiohttp import web

HEADER = "X-Forwarded-Prefix"
CHARACTERS_MAX = 200

_PREFIX = re.compile(r"(?:/[\w.~-]+)+", re.ASCII)


def prefix_of(request: web.Request) -> str:
    """The path that a proxy has cut off, without a slash at its end; empty for none."""
    told = request.headers.get(HEADER, "").removesuffix("/")
    return told if len(told) <= CHARACTERS_MAX and _PREFIX.fullmatch(told) else ""
