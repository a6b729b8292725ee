"""Which pages of other sites may read answers: CORS, off unless ``server.cors_origins`` says whose.

::

    OPTIONS /v3/sum, Origin: https://app.example, Access-Control-Request-Method: GET
    -> 204, Access-Control-Allow-Origin: https://app.example, ...-Allow-Methods: GET, HEAD, ...
    GET /v3/sum, Origin: https://app.example
    -> 200, Access-Control-Allow-Origin: https://app.example, Vary: Origin
    the same from anywhere else
    -> as without CORS: no such header, so that a browser keeps the answer from that page

It says who may *read*; whom a request is answered is the token's business. Pages for people
(``text/html``) are never told to other sites.
"""

from __future__ import annotations

from aiohttp import web

from psd.config import ServerSettings

ANY = "*"
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
HEADERS = (
    "Authorization, Content-Encoding, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
    "Last-Event-ID, Prefer, traceparent, tracestate, X-Request-Id"
)
EXPOSED = "ETag, Location, Link, Retry-After, Allow, traceparent, X-Request-Id"
MAX_AGE_S = 600
"""For so long a browser does not ask again; Chromium takes no more than two hours."""


class Cors:
    """The rules of one server."""

    def __init__(self, settings: ServerSettings) -> None:
        self._origins = frozenset(settings.cors_origins)
        self._with_credentials = settings.cors_credentials

    @property
    def is_on(self) -> bool:
        """Whether any other site may read anything."""
        return bool(self._origins)

    def names(self, origin: str | None) -> bool:
        """Whether the settings name this origin itself, which ``*`` does not."""
        return origin is not None and origin in self._origins and origin != ANY

    def preflight(self, request: web.Request) -> web.Response | None:
        """The answer to a browser that asks before it asks; None where that is not its question."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        if self._allowed(request) is None:
            return None
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": HEADERS,
                "Access-Control-Max-Age": str(MAX_AGE_S),
            },
        )

    async def sign(self, request: web.Request, response: web.StreamResponse) -> None:
        """Tell who may read an answer, before its first byte leaves."""
        headers = response.headers
        if ANY not in self._origins:
            # Also to who sent no Origin: a cache must not give his answer to one who did.
            told = headers.get("Vary", "")
            if "origin" not in told.lower():
                headers["Vary"] = ", ".join(filter(None, [told, "Origin"]))
        allowed = self._allowed(request)
        if allowed is None or response.content_type == "text/html":
            return
        headers["Access-Control-Allow-Origin"] = allowed
        headers["Access-Control-Expose-Headers"] = EXPOSED
        if self._with_credentials:
            headers["Access-Control-Allow-Credentials"] = "true"

    def _allowed(self, request: web.Request) -> str | None:
        origin = request.headers.get("Origin")
        if origin is None:
            return None
        if ANY in self._origins:
            return ANY
        return origin if origin in self._origins else None


async def without_server(_request: web.Request, response: web.StreamResponse) -> None:
    """Take away who answers (``server.header = false``), before the first byte leaves."""
    response.headers.popall("Server", None)
