"""Traces: what a collector is sent of messages and of requests, by OTLP over gRPC."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import msgspec
import pytest

from psd.config import TracingSettings
from psd.observe import otlp
from psd.runtime import Runtime, open_runtime
from psd.version import VERSION
from tests.support.clients.http import HttpClient, serving
from tests.support.processes.worker_stack import WorkerStack, steps
from tests.support.servers.certificates import Authority
from tests.support.servers.ports import free_ports
from tests.support.servers.trace_collector import SentSpan, TraceCollector
from tests.support.waiting import wait_until
from workers.crew import build_workers

TRACE, SENDER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{SENDER}-01"
STATE = "congo=t61rcWkgMzE,1a@rojo=00f067aa0ba902b7"
SUM = "/v3/sum?thing=steps&uid=7&start=2016-04-12&end=2016-04-13"


@pytest.fixture(autouse=True)
def _spans_are_sent_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")


@pytest.fixture
def collector() -> Iterator[TraceCollector]:
    with TraceCollector() as listening:
        yield listening


@asynccontextmanager
async def traced(stack: WorkerStack, endpoint: str, **more: object) -> AsyncIterator[Runtime]:
    given = {"endpoint": endpoint, "sample_ratio": 1.0, **more}
    tracing = msgspec.convert(given, TracingSettings)
    settings = msgspec.structs.replace(stack.settings, tracing=tracing)
    runtime = await open_runtime(settings, traces="psd-here")
    try:
        yield runtime
    finally:
        await runtime.close()


@asynccontextmanager
async def working(runtime: Runtime) -> AsyncIterator[None]:
    worker = build_workers(runtime)[0].worker
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        async with asyncio.timeout(60):
            await task


async def asked(client: HttpClient, path: str, traceparent: str = "") -> str:
    """The answer's own traceparent."""
    answer = await client.request(
        "GET", path, headers={"traceparent": traceparent} if traceparent else {}
    )
    assert answer.status == 200, answer.text
    return answer.headers["traceparent"]


def scripts_of(span: SentSpan) -> list[str]:
    found: list[str] = span.attributes["psd.scripts"]
    return found


async def test_one_trace_leads_from_a_published_message_to_its_booking(
    stack: WorkerStack, collector: TraceCollector
) -> None:
    async with traced(stack, collector.endpoint) as runtime, serving(runtime) as client:
        body, sent = (
            steps(7, 1, 90),
            {"traceparent": SAMPLED, "tracestate": f"{STATE} ,Not=a member"},
        )
        before_ns = time.time_ns()
        answer = await client.request("POST", "/v1/enqueue", body, "application/json", sent)
        assert answer.status == 202, answer.text
        async with working(runtime):
            await wait_until("it is booked", lambda: stack.sum_is(7, 90))
            await wait_until("its trace is there", lambda: collector.one("process psd"))
    request, publish = collector.one("POST /v1/enqueue"), collector.one("publish psd")
    message, batch = collector.one("process psd"), collector.one("process psd batch")
    assert request.parent_id == SENDER
    assert [each.parent_id for each in (publish, message, batch)] == [
        request.span_id,
        publish.span_id,
        message.span_id,
    ]
    assert [each.kind for each in (request, publish, message, batch)] == [
        "server",
        "producer",
        "consumer",
        "internal",
    ]
    booked = [each for each in collector.under(batch) if "engine.book" in scripts_of(each)]
    assert [(each.kind, each.attributes["db.system.name"]) for each in booked] == [
        ("client", "redis")
    ]
    assert booked[0].attributes["psd.lane.wait_ms"] >= 0
    whole = (request, publish, message, batch, *booked)
    assert {(each.trace_id, each.state) for each in whole} == {(TRACE, STATE)}
    # From publication on, and by nsqd's clock, which is that of this machine.
    assert (
        before_ns // 1_000_000 <= message.start_ns // 1_000_000 <= booked[0].start_ns // 1_000_000
    )
    assert message.end_ns >= booked[0].end_ns
    assert message.attributes["psd.outcome"] == "finished"
    assert message.attributes["messaging.system"] == {"nsq": "nsq", "stream": "redis"}[stack.kind]
    assert message.attributes["messaging.destination.name"] == "psd"
    [resource, *_] = collector.resources
    assert resource["service.name"] == "psd-here"
    assert resource["service.version"] == VERSION


async def test_messages_of_a_batch_are_linked_with_what_is_done_for_all(
    stack: WorkerStack, collector: TraceCollector
) -> None:
    others = [f"00-{'b' * 31}{number}-{'c' * 15}{number}-01" for number in (1, 2)]
    given = [SAMPLED, *others, f"00-{'d' * 32}-{'e' * 16}-00"]
    bodies = [
        msgspec.json.encode({**msgspec.json.decode(steps(7, number, 10)), "traceparent": each})
        for number, each in enumerate(given)
    ]
    # One that nobody can read, and one that is no traceparent: each begins a trace.
    bodies += [steps(8, 1, "many"), bodies[0].replace(SAMPLED.encode(), b"what?")]
    async with traced(stack, collector.endpoint) as runtime:
        await stack.publish(bodies)
        async with working(runtime):
            await wait_until("they are told of", lambda: len(collector.spans["process psd"]) == 5)
    messages = collector.spans["process psd"]
    assert {each.parent_id for each in messages} == {
        SENDER,
        "c" * 15 + "1",
        "c" * 15 + "2",
        "",
    }
    outcomes = sorted(each.attributes["psd.outcome"] for each in messages)
    assert outcomes == ["dead_lettered", *["finished"] * 4]
    [refused] = [each for each in messages if each.is_error]
    assert refused.attributes["error.type"] == "wrong_type"
    batches = collector.spans["process psd batch"]
    reached = {each.parent_id for each in batches}.union(*(each.links for each in batches))
    assert reached == {each.span_id for each in messages}
    told = {each.span_id for each in batches}
    assert all(set(each.links) <= told for each in messages)


async def test_a_request_leads_to_its_scripts_and_is_named_in_its_answer(
    stack: WorkerStack, collector: TraceCollector
) -> None:
    async with traced(stack, collector.endpoint) as runtime, serving(runtime) as client:
        named = await asked(client, SUM, SAMPLED)
        await wait_until("it is told of", lambda: collector.one("GET /v3/sum"))
    request = collector.one("GET /v3/sum")
    assert named == f"00-{TRACE}-{request.span_id}-01"
    assert (request.kind, request.parent_id, request.links) == ("server", SENDER, ())
    assert request.attributes["http.route"] == "/v3/sum"
    assert request.attributes["http.request.method"] == "GET"
    assert request.attributes["http.response.status_code"] == 200
    asked_scripts = {name for each in collector.under(request) for name in scripts_of(each)}
    assert "engine.sum" in asked_scripts


async def test_who_is_not_trusted_is_linked_and_not_continued(
    stack: WorkerStack, collector: TraceCollector
) -> None:
    async with (
        traced(stack, collector.endpoint, trust_callers=False) as runtime,
        serving(runtime) as client,
    ):
        named = await asked(client, SUM, SAMPLED)
        await wait_until("it is told of", lambda: collector.one("GET /v3/sum"))
    request = collector.one("GET /v3/sum")
    assert (request.parent_id, request.links) == ("", (SENDER,))
    assert request.trace_id != TRACE
    assert named == f"00-{request.trace_id}-{request.span_id}-01"


async def test_of_nothing_sampled_nothing_is_sent(
    stack: WorkerStack, collector: TraceCollector
) -> None:
    async with (
        traced(stack, collector.endpoint, sample_ratio=0) as runtime,
        serving(runtime) as client,
        working(runtime),
    ):
        await stack.publish([steps(7, 1, 90)])
        await wait_until("it is booked", lambda: stack.sum_is(7, 90))
        named = await asked(client, SUM)
        assert named.endswith("-00")
        # A trace that its sender records comes after all that went before it.
        await asked(client, SUM, SAMPLED)
        await wait_until("the sender's is told of", lambda: collector.one("GET /v3/sum"))
    assert {each.trace_id for spans in collector.spans.values() for each in spans} == {TRACE}


async def test_without_a_collector_all_goes_on(
    stack: WorkerStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "CLOSE_S", 0.05)
    endpoint = f"http://127.0.0.1:{free_ports(1)[0]}"
    async with (
        traced(stack, endpoint) as runtime,
        serving(runtime) as client,
        working(runtime),
    ):
        await stack.publish([steps(7, number, 10) for number in range(20)])
        await wait_until("all is booked", lambda: stack.sum_is(7, 200))
        assert (await asked(client, SUM, SAMPLED)).startswith(f"00-{TRACE}-")


async def test_a_collector_by_tls_is_known_by_its_certificate_and_gets_headers(
    stack: WorkerStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-scope=psd")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "points")
    authority = Authority(tmp_path / "authority")
    signed = authority.sign("localhost")
    pair = (signed.key.read_bytes(), signed.certificate.read_bytes())
    credentials = grpc.ssl_server_credentials([pair])
    with TraceCollector(credentials) as collector:
        ca = str(authority.certificate)
        async with traced(stack, collector.endpoint, ca=ca) as runtime, serving(runtime) as client:
            await asked(client, SUM)
            await wait_until("it is told of", lambda: collector.one("GET /v3/sum"))
    assert collector.metadata[0]["x-scope"] == "psd"
    assert collector.resources[0]["service.name"] == "points"
