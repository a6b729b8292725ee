"""Who a request is in the logs: its trace, its span, and the id that its sender gave it.

``traceparent`` is read and written as W3C's Trace Context has it: a valid one is continued under
a new span, anything else begins a trace. ``X-Request-Id`` is the sender's where it may stand in a
log line as it is, and otherwise the span::

    traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
    -> traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01
       X-Request-Id: b7ad6b7169203331

Every log line of the request carries all three (psd/observe/logs.py). psd records no spans of its
own: whether others do is the sender's flag, which goes back as it came.
"""

from __future__ import annotations

import random
import re
from contextvars import Token

from multidict import CIMultiDict, CIMultiDictProxy, istr

from psd.observe.logs import CURRENT_REQUEST, RequestNames
from server import answers

TRACEPARENT = istr("traceparent")
REQUEST_ID = istr("X-Request-Id")
SERVER = istr("Server")

_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?",
    re.ASCII,
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}", re.ASCII)

VERSION = "00"
SAMPLED, NOT_SAMPLED = "01", "00"
"""The one flag that is passed on: the others mean nothing in our version of the header."""

_ODD = frozenset("13579bdf")

_random_bits = random.getrandbits
"""Ids are no secrets, and the system's own random numbers took as long as all the rest. Each
process has a seed of its own, also one that was forked."""


class Trace(RequestNames, frozen=True, gc=False):
    """A request's names, and the header that tells its sender."""

    traceparent: str


def trace_of(headers: CIMultiDictProxy[str]) -> Trace:
    """The names of a request by its headers."""
    told = headers.get(TRACEPARENT)
    found = None if told is None else _continued(headers, told)
    # Zero would be none; of 2^64 requests one has it.
    drawn = f"{_random_bits(192):048x}"
    trace_id, flags = found or (drawn[:32], NOT_SAMPLED)
    span_id = drawn[32:]
    request_id = headers.get(REQUEST_ID)
    if request_id is None or not _REQUEST_ID.fullmatch(request_id):
        request_id = span_id
    return Trace(trace_id, span_id, request_id, f"{VERSION}-{trace_id}-{span_id}-{flags}")


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


def _continued(headers: CIMultiDictProxy[str], told: str) -> tuple[str, str] | None:
    """Trace id and flags of a header that is valid and there once."""
    found = _TRACEPARENT.fullmatch(told)
    if found is None or len(headers.getall(TRACEPARENT)) > 1:
        return None
    version, trace_id, flags, rest = found.groups()
    if version == VERSION and rest is not None:
        return None
    return trace_id, SAMPLED if flags[1] in _ODD else NOT_SAMPLED
