"""What a request is called, by its headers; and in its log lines."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator

import msgspec
import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from psd.config import LogSettings
from psd.observe.logs import configure_logging
from server.tracing import enter, leave, trace_of

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
VALID = f"00-{TRACE}-{PARENT}-01"


def headers(*pairs: tuple[str, str]) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(CIMultiDict(pairs))


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_valid_trace_is_continued_under_a_new_span() -> None:
    trace = trace_of(headers(("Traceparent", VALID)))
    assert trace.trace_id == TRACE
    assert trace.span_id != PARENT
    assert trace.traceparent == f"00-{TRACE}-{trace.span_id}-01"


@pytest.mark.parametrize(
    ("told", "flags"),
    [
        (f"00-{TRACE}-{PARENT}-00", "00"),
        (f"00-{TRACE}-{PARENT}-03", "01"),
        (f"00-{TRACE}-{PARENT}-fe", "00"),
        (f"01-{TRACE}-{PARENT}-01-what a later version has to say", "01"),
        (f"cc-{TRACE}-{PARENT}-01", "01"),
    ],
)
def test_only_the_flag_that_is_known_goes_back(told: str, flags: str) -> None:
    trace = trace_of(headers(("traceparent", told)))
    assert trace.traceparent == f"00-{TRACE}-{trace.span_id}-{flags}"


@pytest.mark.parametrize(
    "told",
    [
        "",
        TRACE,
        f"00-{TRACE}-{PARENT}",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE.upper()}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-01-more",
        f"01-{TRACE}-{PARENT}-01more",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE}-{PARENT}-0\udcff",
        f"00-{TRACE}-{PARENT}-01\n",
        f"{VALID},{VALID}",
    ],
)
def test_a_trace_that_is_not_valid_begins_another(told: str) -> None:
    trace = trace_of(headers(("traceparent", told)))
    assert trace.trace_id != TRACE
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-00", trace.traceparent)


def test_two_traces_are_none() -> None:
    trace = trace_of(headers(("traceparent", VALID), ("traceparent", VALID)))
    assert trace.trace_id != TRACE


def test_no_two_requests_share_a_name() -> None:
    traces = [trace_of(headers()) for _ in range(1000)]
    assert len({trace.trace_id for trace in traces}) == 1000
    assert len({trace.request_id for trace in traces}) == 1000


@pytest.mark.parametrize("told", ["a", "x" * 128, "7f3a:b/c+d=e@f~g.h_i-j"])
def test_a_request_keeps_the_name_that_its_sender_gave_it(told: str) -> None:
    assert trace_of(headers(("x-request-id", told))).request_id == told


@pytest.mark.parametrize("told", ["", "x" * 129, "a b", "a\nb", 'a"b', "\udcff", "é", "a\x00"])
def test_a_name_that_no_log_line_should_hold_is_replaced(told: str) -> None:
    trace = trace_of(headers(("X-Request-Id", told)))
    assert trace.request_id == trace.span_id


def test_log_lines_of_a_request_carry_its_names() -> None:
    stream = io.StringIO()
    configure_logging(LogSettings(format="json"), stream)
    trace = trace_of(headers(("traceparent", VALID), ("X-Request-Id", "order-91")))
    token = enter(trace)
    logging.getLogger("server").error("it broke", extra={"code": "internal"})
    leave(token)
    logging.getLogger("server").info("between requests")
    inside, outside = map(msgspec.json.decode, stream.getvalue().splitlines())
    assert inside["trace_id"] == TRACE
    assert inside["span_id"] == trace.span_id
    assert inside["request_id"] == "order-91"
    assert inside["code"] == "internal"
    assert not {"trace_id", "span_id", "request_id"} & set(outside)
