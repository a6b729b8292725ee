"""Who records spans, who does not, and what that needs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState, use_span

from psd.client import tracing
from psd.client.tracing import passed_on
from psd.config import TracingSettings
from psd.config_sources import load_settings
from psd.errors import ConfigError, UnknownThingError
from psd.observe.spans import current_span, open_tracer, working_for
from psd.store.call_spans import attributes_of, name_of
from psd.store.fair_queue import Parcel
from psd.store.scripts import load_script
from psd.store.sending import Command

BOOK = load_script("engine.book").sha
SUM = load_script("engine.sum").sha
FOLLOWED = TracingSettings(endpoint="http://127.0.0.1:1", sample_ratio=1.0)

OFF = """
import sys
import psd.__main__, psd.cli.publish, psd.client, psd.embedded.stack, server.serving
import workers.service
from psd.config import TracingSettings
from psd.observe.spans import open_tracer
assert open_tracer(TracingSettings(), "psd") is None
sender = ("psd.observe.otlp", "opentelemetry.exporter", "grpc")
print([name for name in sys.modules if name.startswith(sender)])
"""
"""redis-py imports what counts its own commands wherever the SDK is installed."""

MISSING = """
import sys
sys.modules["opentelemetry.sdk"] = None
sys.argv = ["psd", "--set", "tracing.endpoint=http://127.0.0.1:1", "worker"]
from psd.__main__ import main
main()
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.slow("a process of its own")
def test_without_an_endpoint_nothing_that_sends_traces_is_imported(tmp_path: Path) -> None:
    done = run(OFF, tmp_path)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.slow("a process of its own")
def test_without_the_extra_an_endpoint_is_a_configuration_error(tmp_path: Path) -> None:
    done = run(MISSING, tmp_path)
    assert done.returncode == 78, done.stderr
    assert "tracing.endpoint = 'http://127.0.0.1:1'" in done.stderr
    assert "pip install 'pointspace[otel]'" in done.stderr


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"tracing.endpoint": "collector:4317"}, "tracing.endpoint = 'collector:4317': expected"),
        ({"tracing.endpoint": "http://c:4317/v1/traces"}, "without a path"),
        ({"tracing.sample_ratio": "1.5"}, "tracing.sample_ratio = 1.5: expected a part"),
        ({"tracing.sample_ratio": "nan"}, "tracing.sample_ratio"),
        ({"tracing.endpoint": "http://c:4317", "tracing.ca": "/ca.pem"}, "tracing.ca: "),
    ],
)
def test_settings_that_nobody_can_mean_are_refused(flags: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_settings(flags=flags)


def test_certificates_that_cannot_be_read_are_a_configuration_error() -> None:
    settings = TracingSettings(endpoint="https://localhost:1", ca="/nowhere/ca.pem")
    with pytest.raises(ConfigError, match=r"tracing\.ca = '/nowhere/ca\.pem': No such file"):
        open_tracer(settings, "psd")


def test_the_sdk_may_be_told_to_be_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert open_tracer(FOLLOWED, "psd") is None


@pytest.mark.parametrize(
    ("commands", "name", "told"),
    [
        (
            [("EVALSHA", SUM, 1, "root")],
            "EVALSHA engine.sum",
            {
                "db.operation.name": "EVALSHA",
                "db.stored_procedure.name": "engine.sum",
                "psd.scripts": ["engine.sum"],
            },
        ),
        (
            [("EVALSHA", BOOK, 1, "a"), ("EVALSHA", BOOK, 1, "b"), ("EVALSHA", SUM, 1, "a")],
            "PIPELINE EVALSHA",
            {
                "db.operation.name": "PIPELINE",
                "db.operation.batch.size": 3,
                "psd.scripts": ["engine.book", "engine.sum"],
            },
        ),
        (
            [("EVALSHA", BOOK, 1, "a"), ("WAIT", 1, 1000)],
            "PIPELINE engine.book",
            {
                "db.operation.name": "PIPELINE",
                "db.operation.batch.size": 2,
                "db.stored_procedure.name": "engine.book",
                "psd.scripts": ["engine.book"],
            },
        ),
        ([("GET", "psd:store")], "GET", {"db.operation.name": "GET", "psd.scripts": []}),
    ],
)
def test_a_call_is_told_by_its_scripts_and_names_no_key(
    commands: list[Command], name: str, told: dict[str, object]
) -> None:
    assert name_of(commands) == name
    assert attributes_of(commands) == {"db.system.name": "redis", **told}


async def test_what_outlives_its_span_adds_nothing_to_it() -> None:
    tracer = open_tracer(FOLLOWED, "psd")
    assert tracer is not None
    span = tracer.begin("GET /", "server", {})
    loop = asyncio.get_running_loop()
    with working_for(span):
        within = Parcel((("GET", "key"),), 1.0, None, loop.create_future())
        within.follow(writes=False)
        span.end()
        after = Parcel((("GET", "key"),), 1.0, None, loop.create_future())
        after.follow(writes=False)
    assert current_span() is None
    assert (within.is_followed, after.is_followed) == (True, False)
    within.future.set_result([UnknownThingError("thing: x")])


def test_a_client_passes_on_the_span_of_its_program() -> None:
    flags, state = TraceFlags(1), TraceState([("congo", "1"), ("rojo", "2")])
    context = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=flags)
    stated = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=flags, trace_state=state)
    expected = f"00-{0xABC:032x}-{0xDEF:016x}-01"
    assert dict(passed_on()) == {}
    with use_span(NonRecordingSpan(stated)):
        assert dict(passed_on()) == {"traceparent": expected, "tracestate": "congo=1,rojo=2"}
    with use_span(NonRecordingSpan(context)):
        assert dict(passed_on()) == {"traceparent": expected}
        with tracing(request_id="order-91"):
            assert passed_on()["traceparent"] == expected
            assert passed_on()["X-Request-Id"] == "order-91"
        with tracing(traceparent="00-1-2-00"):
            assert dict(passed_on()) == {"traceparent": "00-1-2-00"}


def test_the_name_of_the_section_is_that_of_its_variables() -> None:
    settings = load_settings(environ={"PSD_TRACING_TRUST_CALLERS": "false"}).settings
    assert msgspec.to_builtins(settings.tracing)["trust_callers"] is False
