"""Who a request is in the logs: its trace, its span, and the id that its sender gave it.

``traceparent`` is read and written as W3C's Trace Context has it: a valid one is continued under
a new span, anything else begins a trace. ``X-Request-Id`` is the sender's where it may stand in a
log line as it is, and otherwise the span::

    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    -> traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01
       X-Request-Id: b7ad6b7169203331

Every log line of the request carries all three (psd/observe/logs.py). Where psd records spans
(server/request_spans.py), trace and span are those of the collector, and ``tracestate`` goes on
with them to other spans and messages; where it does not, whether others do is the sender's flag,
which goes back as it came.
"""

from __future__ import annotations

import random
import re
from contextvars import Token

import msgspec
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy, istr

from psd.observe import traceparents
from psd.observe.logs import CURRENT_REQUEST, RequestNames
from psd.observe.spans import TraceSpan
from psd.observe.traceparents import Traceparent, read_traceparent, read_tracestate
from server import answers

SPAN = web.RequestKey("span", TraceSpan)
"""The span of a request that is recorded."""

TRACEPARENT = istr(traceparents.TRACEPARENT)
TRACESTATE = istr(traceparents.TRACESTATE)
REQUEST_ID = istr("X-Request-Id")
SERVER = istr("Server")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}", re.ASCII)

_random_bits = random.getrandbits
"""Ids are no secrets, and the system's own random numbers took as long as all the rest. Each
process has a seed of its own, also one that was forked."""


class Trace(RequestNames, frozen=True, gc=False):
    """A request's names, and the header that tells its sender."""

    traceparent: str


def trace_of(headers: CIMultiDictProxy[str]) -> Trace:
    """The names of a request by its headers."""
    told = told_by(headers)
    # Zero would be none; of 2^64 requests one has it.
    drawn = f"{_random_bits(192):048x}"
    if told is None:
        return _named(headers, Traceparent(drawn[:32], drawn[32:], is_sampled=False))
    return _named(headers, Traceparent(told.trace_id, drawn[32:], told.is_sampled))


def trace_of_request(request: web.Request) -> Trace:
    """The same where traces are recorded: those of its span, if it has one."""
    span = request.get(SPAN)
    return trace_of(request.headers) if span is None else _named(request.headers, span.named)


def told_by(headers: CIMultiDictProxy[str]) -> Traceparent | None:
    """The span of the sender; None where the header is not valid, or not there once."""
    told = headers.get(TRACEPARENT)
    if told is None or len(headers.getall(TRACEPARENT)) > 1:
        return None
    return read_traceparent(told)


def with_state(told: Traceparent, headers: CIMultiDictProxy[str]) -> Traceparent:
    """The same with what others say of its trace, which may stand in several headers."""
    given = headers.getall(TRACESTATE, ())
    return msgspec.structs.replace(told, state=read_tracestate(",".join(given))) if given else told


def enter(trace: Trace) -> Token[RequestNames | None]:
    """Name the request in what is logged from here on, until :func:`leave`."""
    return CURRENT_REQUEST.set(trace)


def leave(token: Token[RequestNames | None]) -> None:
    """What is logged now belongs to no request: a connection outlives its requests."""
    CURRENT_REQUEST.reset(token)


def sign(headers: CIMultiDict[str], trace: Trace) -> None:
    """Tell a request's names in its answer, and who answers."""
    # aiohttp's own would tell its version, and that of Python.
    headers[SERVER] = answers.SERVER
    headers[TRACEPARENT] = trace.traceparent
    headers[REQUEST_ID] = trace.request_id


def _named(headers: CIMultiDictProxy[str], span: Traceparent) -> Trace:
    request_id = headers.get(REQUEST_ID)
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = span.span_id
    return Trace(span.trace_id, span.span_id, request_id, str(span))
