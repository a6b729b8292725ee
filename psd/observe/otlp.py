"""Spans of OpenTelemetry, sent to a collector by OTLP over gRPC.

The SDK gathers and sends; a thread of its own sends a batch every 5 s, or when 512 spans
are there. It keeps 2,048 and drops what comes beside them, so a collector that is away costs
nobody anything but spans. Its variables hold where psd has no setting of its own::

    OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES    before what psd calls itself
    OTEL_EXPORTER_OTLP_HEADERS, _TIMEOUT, _COMPRESSION, OTEL_BSP_*, OTEL_SPAN_*
    OTEL_SDK_DISABLED=true                          nothing is recorded

A trace that was begun elsewhere is recorded where its sender records it; of those that begin here,
``tracing.sample_ratio``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path

from grpc import ChannelCredentials, ssl_channel_credentials
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace import Span as OpenSpan
from opentelemetry.trace import Tracer as OpenTracer

from psd.config import TracingSettings
from psd.errors import ConfigError
from psd.observe.spans import Attributes, Kind, TraceSpan
from psd.observe.traceparents import Traceparent
from psd.version import VERSION

CLOSE_S = 2.0
"""At the end of a process what is left is sent for so long; then it is lost."""

_KINDS = {kind.name.lower(): kind for kind in SpanKind}
_NOWHERE = Context()
"""Under no span, whatever the program around has as its current one."""


class OtlpSpan:
    """See :class:`psd.observe.spans.TraceSpan`."""

    __slots__ = ("_open", "_tracer")

    def __init__(self, tracer: OpenTracer, opened: OpenSpan) -> None:
        self._tracer = tracer
        self._open = opened

    @property
    def named(self) -> Traceparent:
        """What others call it."""
        at = self._open.get_span_context()
        state = at.trace_state.to_header() if at.trace_state else ""
        return Traceparent(
            f"{at.trace_id:032x}", f"{at.span_id:016x}", at.trace_flags.sampled, state
        )

    @property
    def is_open(self) -> bool:
        """Whether it has not ended yet."""
        return self._open.is_recording()

    def child(
        self, name: str, kind: Kind, attributes: Attributes, links: Sequence[TraceSpan] = ()
    ) -> OtlpSpan:
        """A piece of this work."""
        opened = self._tracer.start_span(
            name,
            set_span_in_context(self._open, _NOWHERE),
            _KINDS[kind],
            attributes,
            [Link(_context_of(each.named)) for each in links],
        )
        return OtlpSpan(self._tracer, opened)

    def tell(self, attributes: Attributes) -> None:
        """Add what is known by now."""
        self._open.set_attributes(attributes)

    def link(self, other: TraceSpan) -> None:
        """Point to another span."""
        self._open.add_link(_context_of(other.named))

    def end(self, error: str = "") -> None:
        """The work is done."""
        if error:
            self._open.set_attribute("error.type", error)
            self._open.set_status(Status(StatusCode.ERROR))
        self._open.end()


class OtlpTracer:
    """See :class:`psd.observe.spans.Tracer`."""

    def __init__(self, provider: TracerProvider, sample_ratio: float) -> None:
        self._provider = provider
        self._ratio = sample_ratio
        self._tracer = provider.get_tracer("psd", VERSION)

    def records(self, parent: Traceparent | None) -> bool:
        """Whether a span is recorded."""
        return random.random() < self._ratio if parent is None else parent.is_sampled

    def begin(
        self,
        name: str,
        kind: Kind,
        attributes: Attributes,
        *,
        parent: Traceparent | None = None,
        link: Traceparent | None = None,
        start_ns: int = 0,
    ) -> OtlpSpan:
        """A span under ``parent``, or a trace of its own."""
        under = _NOWHERE
        if parent is not None:
            under = set_span_in_context(NonRecordingSpan(_context_of(parent)), _NOWHERE)
        links = [] if link is None else [Link(_context_of(link))]
        opened = self._tracer.start_span(
            name, under, _KINDS[kind], attributes, links, start_ns or None
        )
        return OtlpSpan(self._tracer, opened)

    async def close(self) -> None:
        """Send what is left, in a thread that ends with the process if it has to wait."""
        loop = asyncio.get_running_loop()
        closed = asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            # Who waited has gone on without it, and his loop has ended.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(closed.set)

        threading.Thread(target=shut_down, name="close traces", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await closed.wait()


def open_otlp(settings: TracingSettings, service: str) -> OtlpTracer | None:
    """The tracer of a process; None where the SDK was told to be off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    own = {
        "service.name": service,
        "service.version": VERSION,
        "service.instance.id": str(uuid.uuid4()),
    }
    told = OTELResourceDetector().detect().attributes
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        resource=Resource.create({**own, **told}),
        shutdown_on_exit=False,
    )
    credentials = _credentials(settings.ca) if settings.ca else None
    insecure = settings.endpoint.startswith("http://")
    exporter = OTLPSpanExporter(settings.endpoint, insecure=insecure, credentials=credentials)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return OtlpTracer(provider, settings.sample_ratio)


def _credentials(ca: str) -> ChannelCredentials:
    try:
        return ssl_channel_credentials(Path(ca).read_bytes())
    except OSError as exc:
        raise ConfigError(f"tracing.ca = {ca!r}: {exc.strerror}") from exc


def _context_of(named: Traceparent) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if named.is_sampled else TraceFlags.DEFAULT)
    members = [member.partition("=")[::2] for member in named.state.split(",") if member]
    return SpanContext(
        int(named.trace_id, 16),
        int(named.span_id, 16),
        is_remote=True,
        trace_flags=flags,
        trace_state=TraceState(members),
    )
