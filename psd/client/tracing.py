"""Whose request a client's request is: headers that a caller passes on.

A service that answers somebody else asks psd in the name of that request, so that the log lines
of both carry the same ids::

    with tracing(traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                 request_id="order-91"):
        await psd.sum(thing="steps", uid="7")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_NOTHING: Mapping[str, str] = MappingProxyType({})

_PASSED_ON: ContextVar[Mapping[str, str]] = ContextVar("passed_on", default=_NOTHING)


@contextmanager
def tracing(*, traceparent: str = "", request_id: str = "") -> Iterator[None]:
    """Send these headers with every request from here on, in this task or thread."""
    given = {"traceparent": traceparent, "X-Request-Id": request_id}
    token = _PASSED_ON.set({name: value for name, value in given.items() if value})
    try:
        yield
    finally:
        _PASSED_ON.reset(token)


def passed_on() -> Mapping[str, str]:
    """The headers that were given."""
    return _PASSED_ON.get()
