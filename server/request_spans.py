"""The span of a request, from its head to its answer; only where traces are recorded.

Its trace is its sender's where ``tracing.trust_callers`` is set, and his flag says whether it is
recorded. Otherwise it is one of psd's own, with a link to his, so that a stranger neither fills
the collector nor puts spans into somebody's trace::

    GET /v3/users/alice@example.com/streak   ->   span "GET /v3/users/{uid}/streak", kind server
      traceparent: 00-4bf9...-00f0...-01          under 00f0..., or linked with it

The path stands in none, only its route: paths name users.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from psd.config import TracingSettings
from psd.observe.spans import Attributes, Tracer, working_for
from server.tracing import SPAN, told_by, with_state

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestSpans:
    """Begins a span for each request that is recorded."""

    def __init__(self, tracer: Tracer, settings: TracingSettings) -> None:
        self._tracer = tracer
        self._trusts = settings.trust_callers

    async def answered(
        self, request: web.Request, handler: Handler, gate: Middleware, route: str | None
    ) -> web.StreamResponse:
        """What the gate answers, within the request's span; ``route`` is the template."""
        told = told_by(request.headers)
        parent = told if self._trusts else None
        if not self._tracer.records(parent):
            return await gate(request, handler)
        told = None if told is None else with_state(told, request.headers)
        parent, link = (told, None) if self._trusts else (None, told)
        verb = request.method if request.method in METHODS else "HTTP"
        name = verb if route is None else f"{verb} {route}"
        attributes = _attributes_of(request, route)
        span = self._tracer.begin(name, "server", attributes, parent=parent, link=link)
        request[SPAN] = span
        error = "_OTHER"
        try:
            with working_for(span):
                response = await gate(request, handler)
            span.tell({"http.response.status_code": response.status})
            error = str(response.status) if response.status >= 500 else ""
        finally:
            span.end(error)
        return response


def _attributes_of(request: web.Request, route: str | None) -> Attributes:
    """By the semantic conventions for HTTP."""
    version = request.version
    told = {
        "http.request.method": request.method if request.method in METHODS else "_OTHER",
        "url.scheme": request.scheme,
        "network.protocol.version": f"{version.major}.{version.minor}",
    }
    return told if route is None else {**told, "http.route": route}
