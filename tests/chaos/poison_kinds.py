"""Messages that can never be booked, each kind with the code that its dead letter must carry.

A kind turns a number into a body that no other number makes, so that each letter can be told from
every other one. What is refused, and why, is in psd/engine/event_rules.py:

>>> POISON["missing_id"].body(7)
b'{"command":"metric","metric":{"thing":"steps","uid":7,...,"mode":"increment"}}'
>>> POISON["missing_id"].code
'missing_id'
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from psd.engine.event_checks import EVENT_ID_BYTES_MAX
from psd.engine.events import ID_MAX, VALUE_MAX, Report
from psd.store.owner_calls import ONE_SERVER

NOON_S = 1_460_462_400
FAR_AHEAD_S = 4_102_444_800
"""2100-01-01: before the last second that can be booked, and further ahead than is allowed."""

NESTED = 20_000
REPORTS_MAX = 1000


class Poison(msgspec.Struct, frozen=True):
    """One kind: ``body(number)`` is refused with ``code``."""

    code: str
    body: Callable[[int], bytes]


def _metric(number: int, **fields: object) -> dict[str, object]:
    return {
        "thing": "steps",
        "uid": number,
        "aid": 1,
        "value": 10,
        "ts1": NOON_S,
        "ts2": NOON_S,
        **fields,
    }


def _message(number: int, **fields: object) -> bytes:
    return msgspec.json.encode({"command": "metric", "metric": _metric(number, **fields)})


def _not_json(number: int) -> bytes:
    return b"steps of user %d: 10" % number


def _cut_short(number: int) -> bytes:
    return _message(number)[:-2]


def _no_object(number: int) -> bytes:
    return msgspec.json.encode([_metric(number)])


def _no_metric(number: int) -> bytes:
    return msgspec.json.encode({"command": "metric", "metrics": [_metric(number)]})


def _nested(number: int) -> bytes:
    return b'{"n":%d,"x":%s%s}' % (number, b"[" * NESTED, b"]" * NESTED)


def _bad_text(number: int) -> bytes:
    return _message(number).replace(b"steps", b"st\xffps")


def _unknown_command(number: int) -> bytes:
    return msgspec.json.encode({"command": "undo", "withdraw": _metric(number)})


def _too_many_reports(number: int) -> bytes:
    metrics = [_metric(number)] * (REPORTS_MAX + 1)
    return msgspec.json.encode({"command": "metrics", "metrics": metrics})


POISON: dict[str, Poison] = {
    "not_json": Poison("malformed", _not_json),
    "cut_short": Poison("malformed", _cut_short),
    "no_object": Poison("malformed", _no_object),
    "no_metric": Poison("malformed", _no_metric),
    "nested": Poison("too_large", _nested),
    "bad_text": Poison("malformed", _bad_text),
    "text_for_uid": Poison("wrong_type", lambda n: _message(n, uid=f"0{n}")),
    "fraction": Poison("wrong_type", lambda n: _message(n, value=10.5)),
    "long_aid": Poison("wrong_type", lambda n: _message(n, aid=ID_MAX + 1)),
    "unknown_mode": Poison("wrong_type", lambda n: _message(n, mode="set")),
    "unknown_command": Poison("unknown_command", _unknown_command),
    "unknown_thing": Poison("unknown_thing", lambda n: _message(n, thing=f"stairs {n}")),
    "no_time": Poison("invalid_time", lambda n: _message(n, ts1=0, ts2=0)),
    "ends_first": Poison("invalid_time", lambda n: _message(n, ts1=NOON_S + 1)),
    "ahead": Poison("too_early", lambda n: _message(n, ts2=FAR_AHEAD_S)),
    "value": Poison("out_of_bounds", lambda n: _message(n, value=VALUE_MAX + 1)),
    "missing_id": Poison("missing_id", lambda n: _message(n, mode="increment")),
    "long_id": Poison(
        "too_large", lambda n: _message(n, mode="increment", id="i" * (EVENT_ID_BYTES_MAX + 1))
    ),
    "too_many": Poison("too_large", _too_many_reports),
}
"""Refused by the rules, before Redis sees anything of them."""


class Overflow:
    """One that only the store can refuse: its second increment takes the sum past 2^53 - 1.

    The first is booked, because what a message did wrong stays with the report that did it.
    """

    code = "out_of_bounds"

    def __init__(self, number: int) -> None:
        self.root = ONE_SERVER.owner_root(number)
        self.booked = Report(
            1, number, 0, 1, VALUE_MAX, NOON_S, NOON_S, event_id=f"largest-{number}"
        )
        first = _metric(number, value=VALUE_MAX, mode="increment", id=self.booked.event_id)
        second = _metric(number, value=1, mode="increment", id=f"past-{number}")
        self.body = msgspec.json.encode({"command": "metrics", "metrics": [first, second]})
