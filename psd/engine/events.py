"""What producers send, and the rules it must keep before it may be booked.

A message is one JSON object or msgpack map::

    {"command": "metric",  "metric":  {"thing": "steps", "uid": 1, "atid": 2, "aid": 3,
                                       "value": 10, "ts1": 1496539746, "ts2": 1496539747}}
    {"command": "metrics", "metrics": [{...}, {...}]}
    {"command": "count",   "count":   {"thing": "hifive_1", "value": 1, "ts": 1458147411}}

A uid is a number or the name of a user (psd/users.py), which becomes one here; the name goes along,
so that whoever books knows it. A metric with ``"mode": "increment"`` and an ``"id"`` adds ``value``
once at ``ts2``; without them it is a report: the activity's total between ``ts1`` and ``ts2`` (both
inclusive).
Other domains add commands of their own (:attr:`EventRules.kinds`).
The rules are pointspaced's, whose answers tests/golden/pointspaced.json records.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from psd.clock import utc_text
from psd.config import Settings
from psd.engine.decoding import Decoders, decode_fields, decode_message, is_json
from psd.engine.nesting import DEPTH_MAX, JSON, MSGPACK, check_nesting
from psd.errors import (
    InvalidTimeError,
    MalformedError,
    MissingIdError,
    OutOfBoundsError,
    TooEarlyError,
    TooLargeError,
    TooLateError,
    UnknownCommandError,
    UnknownThingError,
    WrongTypeError,
)
from psd.times import unit_hint
from psd.users import name_of, user_of

VALUE_MAX = 2**53 - 1
"""Largest magnitude of a value, a booking and a sum: Redis computes in doubles."""

ID_MAX = 2**63 - 1
TIME_END_S = 7_258_118_400
"""2200-01-01 00:00:00 UTC, the first second that cannot be booked."""

COUNT_NAME_BYTES = range(2, 65)
EVENT_ID_BYTES_MAX = 256
SHOWN_CHARACTERS_MAX = 100


class Report(msgspec.Struct, frozen=True, gc=False):
    """Activity ``aid`` of type ``atid`` of owner ``uid`` totals ``value`` from ``ts1`` to ``ts2``.

    ``thing`` is the configured number. With ``event_id`` it is an increment instead: ``value``
    is added at ``ts2`` once for that id, and ``ts1`` equals ``ts2``. ``name`` is the owner's, if it
    was given by one.
    """

    thing: int
    uid: int
    atid: int
    aid: int
    value: int
    ts1: int
    ts2: int
    event_id: str | None = None
    name: str | None = None

    def identity(self) -> bytes | None:
        """What a later report replaces: that of the same window; of an increment nothing."""
        if self.event_id is not None:
            return None
        return _WINDOW.pack(self.uid, self.thing, self.aid, self.ts1, self.ts2)


class Count(msgspec.Struct, frozen=True, gc=False):
    """``value`` more of the global ``name`` at second ``ts``, applied once for ``event_id``."""

    name: str
    value: int
    ts: int
    event_id: str


class Withdrawal(msgspec.Struct, frozen=True, gc=False):
    """Activity ``aid`` of owner ``uid`` never was, of each of these things (withdrawal.py).

    ``by`` says so at ``time_s``, and why in ``note``.
    """

    uid: int
    aid: int
    things: tuple[int, ...]
    note: str
    by: str
    time_s: int
    name: str | None = None


class Change(msgspec.Struct, frozen=True):
    """What another domain keeps of a message; it was so at ``time_s``. The engine books none."""

    time_s: int

    def identity(self) -> bytes | None:
        """What a later change of this kind replaces, None for one that stands beside every other.

        Of all changes with the same identity ``psd replay`` keeps the one that was accepted last,
        and leaves out the others. So it names the same thing only for changes of which the last
        one alone leaves what all of them leave, whatever is kept between them. A reading of a
        meter at a second replaces an earlier one: ``b"m-1 1606636800"``. What is merged by its own
        time, and not by when it came, replaces nothing but what says the same.
        """
        return None


_WINDOW = struct.Struct(">5q")

Event = Report | Count | Withdrawal
"""What the engine books."""

Accepted = Event | Change
"""What a message may hold."""


def second_of(event: Accepted) -> int:
    """When an event happened."""
    if isinstance(event, Report):
        return event.ts2
    return event.ts if isinstance(event, Count) else event.time_s


class MetricFields(msgspec.Struct, gc=False):
    """A metric as it stands on the wire; missing numbers are 0, unknown fields are ignored."""

    thing: str = ""
    uid: int | str = 0
    atid: int = 0
    aid: int = 0
    value: int = 0
    ts1: int = 0
    ts2: int = 0
    mode: str = "total"
    id: str | None = None


class NumberedFields(MetricFields, gc=False):
    """A metric of /v1, whose users have no names."""

    uid: int = 0


class CountFields(msgspec.Struct, gc=False):
    """A count as it stands on the wire."""

    thing: str = ""
    value: int = 0
    ts: int = 0
    id: str | None = None


class Envelope(msgspec.Struct, gc=False):
    """One message: the command and the part that belongs to it."""

    command: str = ""
    metric: MetricFields | None = None
    metrics: list[MetricFields] | None = None
    count: CountFields | None = None


_ENVELOPE = Decoders(Envelope)
_DECODE_METRIC = msgspec.json.Decoder(NumberedFields).decode

Kind = Callable[[bytes, int, str, "EventRules"], list[Any]]
"""Reads a message of one added command: its body, the current second, the message's id and the
rules. The body was read as an :class:`Envelope` before, so its nesting is within the limit."""


class EventRules(msgspec.Struct, frozen=True):
    """Limits that a deployment sets; ``things`` maps a thing's name to its number.

    ``age_max_s`` 0 means that events of any age are booked. ``batch_max`` bounds the list of
    one ``metrics`` message, ``depth_max`` the nesting of any. ``kinds`` are the commands that other
    domains add. Of the things in ``numbered`` a uid is the number of something that has no name.
    """

    things: Mapping[str, int]
    lead_max_s: int = 300
    age_max_s: int = 0
    batch_max: int = 1000
    depth_max: int = DEPTH_MAX
    kinds: Mapping[str, Kind] = {}
    numbered: Collection[int] = frozenset()

    def events(self, body: bytes, now_s: int, message_id: str) -> list[Accepted]:
        """All events of one message, checked; ``message_id`` dedupes a count that brings no id.

        Raises an :class:`InputError`; then nothing of the message may be booked.
        """
        envelope = decode_envelope(body, self.depth_max)
        match envelope.command:
            case "metric" if envelope.metric is not None:
                return [self.report(envelope.metric, now_s)]
            case "metrics" if envelope.metrics is not None:
                self.check_batch("metrics", len(envelope.metrics))
                return [self.report(fields, now_s) for fields in envelope.metrics]
            case "count" if envelope.count is not None:
                return [self.count(envelope.count, now_s, message_id)]
            case "metric" | "metrics" | "count" as command:
                raise MalformedError(f"{command}: missing; command {command!r} needs it")
        kind = self.kinds.get(envelope.command)
        if kind is not None:
            return kind(body, now_s, message_id, self)
        *others, last = ("metric", "metrics", "count", *self.kinds)
        raise UnknownCommandError(
            f"command: {shown(envelope.command)} is unknown; "
            f"known are {', '.join(others)} and {last}"
        )

    def report(self, fields: MetricFields, now_s: int) -> Report:
        """The report that a metric stands for, checked against every rule."""
        thing = self.things.get(fields.thing)
        if thing is None:
            raise UnknownThingError(
                f"thing: {shown(fields.thing)} is unknown; "
                f"known are {', '.join(sorted(self.things))}"
            )
        uid, owner = self._user(fields, thing)
        check_int64("atid", fields.atid)
        check_int64("aid", fields.aid)
        check_value("value", fields.value)
        if fields.mode == "total":
            self.check_time("ts2", fields.ts2, now_s)
            if not 0 <= fields.ts1 <= fields.ts2:
                check_int64("ts1", fields.ts1)
                raise InvalidTimeError(
                    f"ts1: {fields.ts1} must lie between 0 and ts2 = {fields.ts2}"
                )
            self.check_age("ts2", fields.ts2, now_s)
            own = (fields.atid, fields.aid, fields.value, fields.ts1, fields.ts2)
            return Report(thing, uid, *own, None, owner)
        if fields.mode != "increment":
            raise WrongTypeError(f"mode: {shown(fields.mode)} must be 'total' or 'increment'")
        self.check_time("ts2", fields.ts2, now_s)
        self.check_age("ts2", fields.ts2, now_s)
        if not fields.id:
            raise MissingIdError("id: an increment needs an id, so that it is applied once")
        check_event_id(fields.id)
        own = (fields.atid, fields.aid, fields.value, fields.ts2, fields.ts2)
        return Report(thing, uid, *own, fields.id, owner)

    def _user(self, fields: MetricFields, thing: int) -> tuple[int, str | None]:
        """The number of the user that a metric is of, and the name that it was given by, if any."""
        uid, owner = fields.uid, None
        if isinstance(uid, str):
            owner, uid = name_of(uid), user_of(uid)
            if owner is not None and thing in self.numbered:
                raise WrongTypeError(
                    f"uid: {shown(owner)} is a name; {fields.thing} are booked of numbers"
                )
        check_int64("uid", uid)
        return uid, owner

    def count(self, fields: CountFields, now_s: int, message_id: str) -> Count:
        """The count that a message stands for, checked."""
        size = len(fields.thing.encode())
        if size not in COUNT_NAME_BYTES:
            raise OutOfBoundsError(
                f"thing: {shown(fields.thing)} has {size} bytes; 2 to 64 are allowed"
            )
        check_value("value", fields.value)
        self.check_time("ts", fields.ts, now_s)
        self.check_age("ts", fields.ts, now_s)
        event_id = fields.id or message_id
        check_event_id(event_id)
        return Count(fields.thing, fields.value, fields.ts, event_id)

    def check_batch(self, name: str, reports: int) -> None:
        """Refuse a list of a message that is longer than allowed."""
        if reports > self.batch_max:
            raise TooLargeError(
                f"{name}: {reports} reports in one message, at most {self.batch_max} are allowed"
            )

    def check_time(self, name: str, second: int, now_s: int) -> None:
        """Refuse a second that lies outside the calendar, or too far ahead of the clock."""
        if second <= 0:
            check_int64(name, second)
            raise InvalidTimeError(f"{name}: {second} must be a Unix second after 0")
        if second >= TIME_END_S:
            check_int64(name, second)
            raise OutOfBoundsError(
                f"{name}: {second} must be before the year 2200 ({TIME_END_S}){unit_hint(second)}"
            )
        if second > now_s + self.lead_max_s:
            raise TooEarlyError(
                f"{name}: {second} is {second - now_s} s ahead of the clock, which shows "
                f"{utc_text(now_s)}; {self.lead_max_s} s are allowed",
                excess_s=second - now_s - self.lead_max_s,
            )

    def check_age(self, name: str, second: int, now_s: int) -> None:
        """Refuse a second that is older than what is booked."""
        if self.age_max_s and second < now_s - self.age_max_s:
            raise TooLateError(
                f"{name}: {second} is {now_s - second} s old; at most {self.age_max_s} s are "
                "booked",
                excess_s=now_s - second - self.age_max_s,
            )


def rules_of(settings: Settings) -> EventRules:
    """The rules of one configuration."""
    booking = settings.booking
    return EventRules(
        things=settings.numbers,
        lead_max_s=booking.max_event_lead_s,
        age_max_s=booking.max_event_age_s,
        batch_max=booking.batch_reports_max,
    )


def decode_envelope(body: bytes, depth_max: int = DEPTH_MAX) -> Envelope:
    """Read a message of either format; JSON starts with ``{``, everything else is msgpack."""
    envelope = decode_message(body, _ENVELOPE, depth_max)
    siblings = max(len(envelope.metrics or ()) - 1, 0)
    form = JSON if is_json(body) else MSGPACK
    check_nesting(body, form, siblings=siblings, depth_max=depth_max)
    return envelope


def decode_metric(body: bytes, depth_max: int = DEPTH_MAX) -> MetricFields:
    """Read the body of a write request, one JSON object of metric fields."""
    return decode_fields(body, _DECODE_METRIC, depth_max)


def check_int64(name: str, number: int) -> None:
    """Refuse a number that has no room in 64 bits."""
    if not -ID_MAX - 1 <= number <= ID_MAX:
        raise WrongTypeError(f"{name}: {shown_number(number)} is not a 64-bit integer")


def check_value(name: str, number: int) -> None:
    """Refuse a number that Redis, which computes in doubles, would round."""
    if not -VALUE_MAX <= number <= VALUE_MAX:
        check_int64(name, number)
        raise OutOfBoundsError(f"{name}: {number} must lie within +-(2^53 - 1)")


def shown_number(number: int) -> str:
    """A sender's number as an error shows it: decoders take up to 4,300 digits."""
    digits = str(number)
    return digits if len(digits) <= SHOWN_CHARACTERS_MAX else f"{digits[:SHOWN_CHARACTERS_MAX]}..."


def shown(text: str) -> str:
    """A sender's text as an error shows it: a megabyte of it would stand in every answer."""
    return (
        repr(text) if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]!r}..."
    )


def check_event_id(event_id: str) -> None:
    """Refuse an id past its limit."""
    if len(event_id.encode()) > EVENT_ID_BYTES_MAX:
        raise TooLargeError(f"id: more than {EVENT_ID_BYTES_MAX} bytes")


def encode_metric(report: Mapping[str, Any]) -> bytes:
    """One ``metric`` message as JSON, from wire fields (see :class:`MetricFields`)."""
    return msgspec.json.encode({"command": "metric", "metric": report})
