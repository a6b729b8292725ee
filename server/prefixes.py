"""Where a browser has this server: its name, and the path below which a proxy has put it.

The path is told by ``X-Forwarded-Prefix``. Links and redirects of pages begin with it. No page of
another site can send this header, and what is no plain path is ignored, so that nobody is led
elsewhere::

    X-Forwarded-Prefix: /psd/            -> "/psd"
    X-Forwarded-Prefix: //evil.example   -> ""

What is printed needs the name too, which is the ``Host`` that a proxy forwards. It is told to
nobody but the one who sent it::

    Host: psd.example:8443   -> "https://psd.example:8443" where pages.secure says so
"""

from __future__ import annotations

import re

from aiohttp import web

HEADER = "X-Forwarded-Prefix"
CHARACTERS_MAX = 200

_PREFIX = re.compile(r"(?:/[\w.~-]+)+", re.ASCII)
_HOST = re.compile(r"(?:[\w.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?", re.ASCII)


def prefix_of(request: web.Request) -> str:
    """The path that a proxy has cut off, without a slash at its end; empty for none."""
    told = request.headers.get(HEADER, "").removesuffix("/")
    return told if len(told) <= CHARACTERS_MAX and _PREFIX.fullmatch(told) else ""


def origin_of(request: web.Request, *, secure: bool) -> str:
    """Scheme and name by which a browser came; empty for a ``Host`` that is none.

    ``secure`` says that there is TLS in front, whatever comes here.
    """
    told = request.headers.get("Host", "")
    scheme = "https" if secure else request.scheme
    return f"{scheme}://{told}" if _HOST.fullmatch(told) else ""
