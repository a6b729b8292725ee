"""``traceparent`` and ``tracestate`` of a message: read, added, and never in the way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from psd.engine.event_rules import EventRules
from psd.engine.message_traces import CARRYING_BYTES_MAX, carrying, trace_of_message
from psd.observe.traceparents import Traceparent

NAMED = Traceparent("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_sampled=True)
TEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
COUNT = {"command": "count", "count": {"thing": "visits", "value": 1, "ts": 1460419200, "id": "a"}}

STATE = "congo=t61rcWkgMzE,1a@rojo=00f067aa0ba902b7"
WITH_STATE = msgspec.structs.replace(NAMED, state=STATE)

ENCODERS = [msgspec.json.encode, msgspec.msgpack.encode]


@pytest.mark.parametrize("named", [NAMED, WITH_STATE])
@pytest.mark.parametrize("encode", ENCODERS)
def test_what_is_added_is_read_and_all_else_is_booked_as_before(
    encode: Any, named: Traceparent
) -> None:
    body = encode(COUNT)
    sent = carrying(body, named)
    assert trace_of_message(body) is None
    assert trace_of_message(sent) == named
    # What was there stands behind it, byte for byte.
    assert sent.endswith(body[1:])
    rules = EventRules({"steps": 1})
    assert rules.events(sent, 1460419300, "m1") == rules.events(body, 1460419300, "m1")


def test_space_before_a_json_message_is_kept() -> None:
    body = b' \n {"command": "count"}'
    assert (
        carrying(body, NAMED) == b' \n {"traceparent":"' + TEXT.encode() + b'","command": "count"}'
    )


@pytest.mark.parametrize("encode", ENCODERS)
def test_the_senders_own_is_kept(encode: Any) -> None:
    body = encode({**COUNT, "traceparent": TEXT.replace("4bf9", "5bf9")})
    assert carrying(body, NAMED) == body


@pytest.mark.parametrize("encode", ENCODERS)
def test_a_state_of_the_sender_stays_beside_a_traceparent_that_is_added(encode: Any) -> None:
    sent = carrying(encode({**COUNT, "tracestate": "own=1"}), WITH_STATE)
    assert trace_of_message(sent) == msgspec.structs.replace(NAMED, state="own=1")


@pytest.mark.parametrize("encode", ENCODERS)
@pytest.mark.parametrize(
    ("given", "state"),
    [("A=1,b=2", "b=2"), ("", ""), (5, ""), (None, ""), (["a=1"], ""), ("\u00e9=1", "")],
)
def test_what_is_no_state_takes_no_traceparent_with_it(
    given: object, state: str, encode: Any
) -> None:
    body = encode({**COUNT, "traceparent": TEXT, "tracestate": given})
    assert trace_of_message(body) == msgspec.structs.replace(NAMED, state=state)


def test_a_map_with_room_for_one_field_more_carries_two_or_none() -> None:
    body = msgspec.msgpack.encode({**COUNT, **{f"more{n}": n for n in range(12)}})
    assert trace_of_message(carrying(body, NAMED)) == NAMED
    assert carrying(body, WITH_STATE) == body


@pytest.mark.parametrize(
    "body",
    [
        msgspec.json.encode({**COUNT, "more": "x" * CARRYING_BYTES_MAX}),
        # The head of a longer map has another length.
        msgspec.msgpack.encode({**COUNT, **{f"more{n}": n for n in range(13)}}),
        msgspec.msgpack.encode({**COUNT, **{f"more{n}": n for n in range(30)}}),
    ],
)
def test_a_message_without_room_for_it_carries_none(body: bytes) -> None:
    assert carrying(body, NAMED) == body


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"traceparent",
        b'{"traceparent": ',
        b'{"traceparent": 5}',
        b'{"traceparent": null}',
        b'{"traceparent": "00-0-0-01"}',
        b'{"metric": {"traceparent": "' + TEXT.encode() + b'"}}',
        b"[" * 5000 + b"traceparent",
        b"\xff traceparent",
    ],
)
def test_what_is_no_traceparent_is_passed_over(body: bytes) -> None:
    assert trace_of_message(body) is None
