"""Whose request a client's request is: headers that a caller passes on.

A service that answers somebody else asks psd in the name of that request, so that the log lines
of both carry the same ids::

    with tracing(traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                 tracestate="congo=t61rcWkgMzE", request_id="order-91"):
        await psd.sum(thing="steps", uid="7")

A program that records spans with OpenTelemetry need not say so: its current span is passed on.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})

_PASSED_ON: ContextVar[Mapping[str, str]] = ContextVar("passed_on", default=_NOTHING)


@contextmanager
def tracing(*, traceparent: str = "", tracestate: str = "", request_id: str = "") -> Iterator[None]:
    """Send these headers with every request from here on, in this task or thread."""
    given = {"traceparent": traceparent, "tracestate": tracestate, "X-Request-Id": request_id}
    token = _PASSED_ON.set({name: value for name, value in given.items() if value})
    try:
        yield
    finally:
        _PASSED_ON.reset(token)


def passed_on() -> Mapping[str, str]:
    """The headers that were given, and the program's own span where no other was."""
    given = _PASSED_ON.get()
    # Whoever has spans has imported it; psd's client needs it for nothing else.
    opened = sys.modules.get("opentelemetry.trace")
    if opened is None or "traceparent" in given:
        return given
    at = opened.get_current_span().get_span_context()
    if not at.is_valid:
        return given
    flags = int(at.trace_flags) & 1
    named = {"traceparent": f"00-{at.trace_id:032x}-{at.span_id:016x}-{flags:02x}"}
    if at.trace_state:
        named["tracestate"] = at.trace_state.to_header()
    return {**given, **named}
