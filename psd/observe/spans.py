"""Spans: what a process tells a collector of traces, if it has one to tell.

Whoever does a piece of work begins a span; what is done within it, in whatever it awaits, adds
spans under it. Where nothing is recorded there is no current span, and that is all that it costs::

    span = current_span()              # None: no collector, or this one is not sampled
    if span is not None:
        asked = span.child("engine.sum", "client", {"db.system.name": "redis"})
        ...
        asked.end()

psd/observe/otlp.py has the only spans that there are; nothing else imports OpenTelemetry, which
comes with the extra ``otel``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Literal, Protocol

from psd.config import TracingSettings
from psd.errors import ConfigError
from psd.observe.traceparents import Traceparent

EXTRA = "otel"

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Attributes = Mapping[str, str | int | float | Sequence[str]]


class TraceSpan(Protocol):
    """A piece of work that somebody follows."""

    @property
    def named(self) -> Traceparent:
        """What others call it."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet: a task that it began may outlive it."""
        ...

    def child(
        self, name: str, kind: Kind, attributes: Attributes, links: Sequence[TraceSpan] = ()
    ) -> TraceSpan:
        """A piece of this work, which begins now."""
        ...

    def tell(self, attributes: Attributes) -> None:
        """Add what is known by now."""
        ...

    def link(self, other: TraceSpan) -> None:
        """Point to another span."""
        ...

    def end(self, error: str = "") -> None:
        """The work is done; ``error`` is the code of what went wrong with it."""
        ...


class Tracer(Protocol):
    """Begins spans that are under none of this process."""

    def records(self, parent: Traceparent | None) -> bool:
        """Whether a span is recorded: the sender says it of his trace, the dice of one of ours.

        Asked before anything else is done for a span: most are not.
        """
        ...

    def begin(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        parent: Traceparent | None = None,
        link: Traceparent | None = None,
        start_ns: int = 0,
    ) -> TraceSpan:
        """A span that is recorded, under ``parent`` or in a trace of its own.

        ``start_ns`` is when it began, in Unix nanoseconds; now by default.
        """
        ...

    async def close(self) -> None:
        """Send what is left; gives up after :data:`psd.observe.otlp.CLOSE_S`."""
        ...


_CURRENT: ContextVar[TraceSpan | None] = ContextVar("span", default=None)

current_span = _CURRENT.get
"""The span that the running task works for; None where nothing is recorded."""


@contextmanager
def working_for(span: TraceSpan) -> Iterator[None]:
    """What is done in here is done for a span that is recorded."""
    token = _CURRENT.set(span)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def open_tracer(settings: TracingSettings, service: str) -> Tracer | None:
    """Who begins the spans of a process; None without an endpoint.

    Raises ConfigError where the extra is missing, or the certificates cannot be read.
    """
    if not settings.endpoint:
        return None
    try:
        otlp = import_module("psd.observe.otlp")
    except ImportError as exc:
        raise ConfigError(
            f"tracing.endpoint = {settings.endpoint!r}: traces need OpenTelemetry ({exc}): "
            f"pip install 'pointspace[{EXTRA}]'"
        ) from exc
    tracer: Tracer | None = otlp.open_otlp(settings, service)
    return tracer
