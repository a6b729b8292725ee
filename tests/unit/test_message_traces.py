"""The field ``traceparent`` of a message: read, added, and never in the way."""

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

ENCODERS = [msgspec.json.encode, msgspec.msgpack.encode]


@pytest.mark.parametrize("encode", ENCODERS)
def test_what_is_added_is_read_and_all_else_is_booked_as_before(encode: Any) -> None:
    body = encode(COUNT)
    sent = carrying(body, NAMED)
    assert trace_of_message(body) is None
    assert trace_of_message(sent) == NAMED
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
