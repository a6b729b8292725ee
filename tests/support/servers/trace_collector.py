"""A collector of traces that speaks OTLP over gRPC, as its proto says, and keeps what it was sent.

>>> with TraceCollector() as collector:
...     settings = TracingSettings(endpoint=collector.endpoint, sample_ratio=1)
...     ...
...     collector.spans["GET /v3/sum"][0].attributes["http.route"]
"/v3/sum"
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import grpc
import msgspec
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2


class SentSpan(msgspec.Struct, frozen=True):
    """A span as it came over the wire; ids in hex, ``links`` are of spans."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    is_error: bool
    links: tuple[str, ...]
    attributes: Mapping[str, Any]
    state: str


class TraceCollector(trace_service_pb2_grpc.TraceServiceServicer):
    """Listens while the body runs; ``server_credentials`` are for TLS."""

    def __init__(self, server_credentials: grpc.ServerCredentials | None = None) -> None:
        self.resources: list[dict[str, Any]] = []
        self.metadata: list[dict[str, str]] = []
        self.endpoint = ""
        self._spans: list[SentSpan] = []
        self._credentials = server_credentials
        self._server: Any = None

    def __enter__(self) -> Self:
        self._server = grpc.server(ThreadPoolExecutor(2))
        register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
        register(self, self._server)
        if self._credentials is None:
            self.endpoint = f"http://127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        else:
            port = self._server.add_secure_port("127.0.0.1:0", self._credentials)
            self.endpoint = f"https://localhost:{port}"
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def Export(  # noqa: N802  (its name)
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: Any
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Keep what is sent."""
        self.metadata.append(dict(context.invocation_metadata()))
        for told in request.resource_spans:
            self.resources.append(_attributes(told.resource.attributes))
            for scope in told.scope_spans:
                self._spans += map(_read, scope.spans)
        return trace_service_pb2.ExportTraceServiceResponse()

    @property
    def spans(self) -> dict[str, list[SentSpan]]:
        """All that came, by name; those of a name in the order of their begin."""
        found: dict[str, list[SentSpan]] = defaultdict(list)
        for span in sorted(self._spans, key=lambda each: each.start_ns):
            found[span.name].append(span)
        return found

    def one(self, name: str) -> SentSpan:
        """The only span of a name; raises LookupError while there is none."""
        found = self.spans[name]
        if len(found) != 1:
            raise LookupError(f"{len(found)} spans {name!r} among {sorted(self.spans)}")
        return found[0]

    def under(self, parent: SentSpan) -> list[SentSpan]:
        """The spans right under another one."""
        return [each for each in list(self._spans) if each.parent_id == parent.span_id]


def _read(span: trace_pb2.Span) -> SentSpan:
    return SentSpan(
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").lower(),
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        is_error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        links=tuple(link.span_id.hex() for link in span.links),
        attributes=_attributes(span.attributes),
        state=span.trace_state,
    )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return None if kind is None else getattr(value, kind)
