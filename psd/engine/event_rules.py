"""The rules that an event must keep before it may be booked.

They are pointspaced's, whose answers tests/golden/pointspaced.json records. A uid is a number or
the name of a user (psd/users.py), which becomes one here; the name goes along, so that whoever
books knows it. A metric with ``"mode": "increment"`` and an ``"id"`` adds ``value`` once at
``ts2``; without them it is a report: the activity's total between ``ts1`` and ``ts2`` (both
inclusive). Other domains add commands of their own (:attr:`EventRules.kinds`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from psd.clock import utc_text
from psd.config import Settings
from psd.engine.booking import kept_seconds
from psd.engine.event_checks import check_event_id, check_int64, check_value
from psd.engine.event_fields import CountFields, MetricFields, decode_envelope
from psd.engine.events import (
    ID_MAX,
    ID_MIN,
    TIME_END_S,
    VALUE_MAX,
    Accepted,
    Count,
    Report,
)
from psd.engine.nesting import DEPTH_MAX
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
from psd.foreign_texts import shown
from psd.times import unit_hint
from psd.users import name_of, user_of

COUNT_NAME_BYTES = range(2, 65)

Kind = Callable[[bytes, int, str, "EventRules"], list[Any]]
"""Reads a message of one added command: its body, the current second, the message's id and the
rules. The body was read as an :class:`Envelope` before, so its nesting is within the limit."""


class EventRules(msgspec.Struct, frozen=True):
    """Limits that a deployment sets; ``things`` maps a thing's name to its number.

    ``age_max_s`` 0 means that events of any age are booked. ``batch_max`` bounds the list of
    one ``metrics`` message, ``depth_max`` the nesting of any. ``kinds`` are the commands that other
    domains add. Of the things in ``numbered`` a uid is the number of something that has no name.
    ``kept_s`` tells of things whose reports are not kept for ever how long they are.
    """

    things: Mapping[str, int]
    lead_max_s: int = 300
    age_max_s: int = 0
    batch_max: int = 1000
    depth_max: int = DEPTH_MAX
    kinds: Mapping[str, Kind] = {}
    numbered: Collection[int] = frozenset()
    kept_s: Mapping[int, int] = {}

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
        """The report that a metric stands for, checked against every rule.

        What most metrics are is looked at in one step, which costs half of all rules by themselves.
        """
        thing = self.things.get(fields.thing)
        uid, atid, aid, value = fields.uid, fields.atid, fields.aid, fields.value
        ts1, ts2 = fields.ts1, fields.ts2
        if (
            thing is not None
            and type(uid) is int
            and fields.mode == "total"
            and 0 <= ts1 <= ts2 <= now_s + self.lead_max_s
            and 0 < ts2 < TIME_END_S
            and not self.age_max_s
            and -VALUE_MAX <= value <= VALUE_MAX
            and ID_MIN <= uid <= ID_MAX
            and ID_MIN <= atid <= ID_MAX
            and ID_MIN <= aid <= ID_MAX
        ):
            return Report(thing, uid, atid, aid, value, ts1, ts2)
        return self._checked(fields, now_s)

    def _checked(self, fields: MetricFields, now_s: int) -> Report:
        """The same, rule by rule, so that an error names the first that is broken."""
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

    def check_kept(self, name: str, second: int, now_s: int, thing: int | None) -> None:
        """Refuse a second that is before what is kept of a thing's reports."""
        kept_s = self.kept_s.get(thing, 0) if thing is not None else 0
        if kept_s and second < now_s - kept_s:
            raise TooLateError(
                f"{name}: {second} is {now_s - second} s old; reports are kept for {kept_s} s",
                excess_s=now_s - second - kept_s,
            )


def rules_of(settings: Settings) -> EventRules:
    """The rules of one configuration."""
    booking = settings.booking
    return EventRules(
        things=settings.numbers,
        lead_max_s=booking.max_event_lead_s,
        age_max_s=booking.max_event_age_s,
        batch_max=booking.batch_reports_max,
        kept_s=kept_seconds(settings),
    )
