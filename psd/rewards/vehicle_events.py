"""From what is sent about vehicles to what is booked and kept. Pure.

What lives here: the rules of the three kinds of message (psd/rewards/vehicle_messages.py). Activity
becomes a report of the thing ``signals``, earnings an increment of their own thing, and what is
said of a vehicle a :class:`VehicleChange` for the registry::

    activity of vehicle 7 on Smartcar (1) at 1644210000, signals odometer and vin
    -> Report(thing=6, uid=7, atid=1, aid=1, value=1, ts1=1644210000, ts2=1644210000)

The value is the number of signals that are not constant, and 1 when none are named. Without an
id an integration has one activity a second, whose repeat changes nothing; with one, the activity
is that id's, so that two events of a second count both and a repeat is known for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from psd.domain.command import Command, Messages
from psd.engine.event_checks import EVENT_ID_BYTES_MAX, check_event_id
from psd.engine.event_rules import EventRules
from psd.engine.event_times import Time, second_in
from psd.engine.events import ID_MAX, Accepted, Change, Report
from psd.errors import (
    MissingIdError,
    OutOfBoundsError,
    TooLargeError,
    UnknownThingError,
    WrongTypeError,
)
from psd.foreign_texts import shown
from psd.rewards.configuration import tables_of
from psd.rewards.settings import RewardsSettings
from psd.rewards.tables import POINTS_MAX, SIGNALS_THING, Tables
from psd.rewards.vehicle_messages import ActivityFields, EarningsFields, VehicleFields
from psd.rewards.vehicles import OWNER_BYTES_MAX, owner_text
from psd.rewards.weeks import week_of

SIGNALS_MAX = 256
SIGNAL_BYTES_MAX = 128
VIN_CHARACTERS_MAX = 32
"""A VIN has 17; older vehicles have others."""

_NAMED_ACTIVITY = 1 << 62
"""Set in the aid of an activity with an id, which then is no integration's number."""

CHANGEABLE = ("owner", "integrations", "vin", "minted_at", "minted", "opted_in")
"""What may be said of a vehicle, in the order in which the registry keeps it."""

Value = str | int | bool | tuple[int, ...]

_encode = msgspec.msgpack.Encoder().encode


class VehicleChange(Change, frozen=True):
    """What was said of a vehicle; ``fields`` holds what was sent, None to forget it.

    With no fields the vehicle is only known from now on. Integrations are sorted ids.
    """

    vehicle: int
    fields: dict[str, Value | None]

    def identity(self) -> bytes | None:
        """That of what says the same: the registry merges by second, so that no other is replaced.

        A vehicle is made known once, at whatever second. A VIN takes only so many vehicles, those
        that gave it first: none of these may come later than it did.
        """
        if not self.fields:
            return _encode(self.vehicle)
        if self.fields.get("vin"):
            return None
        return _encode((self.vehicle, self.time_s, self.fields))


T = TypeVar("T")


def messages_of(settings: RewardsSettings, things: Mapping[str, int]) -> Messages:
    """What the settings make of messages; ``things`` are the numbers of all that are configured."""
    rules = VehicleRules(tables_of(settings, things), things)
    return Messages(rules.commands(), rules.things)


class VehicleRules:
    """The rules of one set of tables and things."""

    def __init__(self, tables: Tables, things: Mapping[str, int]) -> None:
        self._tables = tables
        self._constant = frozenset(tables.constant_signals)
        self._signals = things.get(SIGNALS_THING)
        self._earnings = {name: things[name] for name in tables.earnings if name in things}

    @property
    def things(self) -> frozenset[int]:
        """Numbers of the things whose bookings are about vehicles."""
        signals = () if self._signals is None else (self._signals,)
        return frozenset((*signals, *self._earnings.values()))

    def commands(self) -> tuple[Command, ...]:
        """What producers may send."""
        return (
            Command(
                name="activity",
                many="activities",
                fields=ActivityFields,
                check=self.activity,
                path="/v3/activity",
                summary="Book that vehicles were active.",
                example='[{"vehicle":7,"integration":"Smartcar","time":"2022-02-07T05:00:00Z"}]',
            ),
            Command(
                name="earnings",
                many="earnings",
                fields=EarningsFields,
                check=self.earnings,
                needs_id=True,
                path="/v3/earnings",
                summary="Book points earned for something else.",
                example='[{"vehicle":7,"thing":"promotions","points":500,"time":1644210000,'
                '"id":"p-1"}]',
            ),
            Command(
                name="vehicle",
                many="vehicles",
                fields=VehicleFields,
                check=self.vehicle,
                path="/v3/vehicles",
                summary="Keep what is known of vehicles.",
                example='[{"vehicle":7,"integrations":["Smartcar"]}]',
            ),
        )

    def activity(self, fields: ActivityFields, now_s: int, rules: EventRules) -> Accepted:
        """The report that an activity stands for; constant signals alone only name the vehicle."""
        vehicle = _vehicle(fields.vehicle)
        integration = self._tables.integration(_present("integration", fields.integration)).id
        second = _second(fields.time, now_s, rules)
        value = self._weight(fields.signals)
        if self._signals is None:
            raise UnknownThingError(f"thing: {SIGNALS_THING!r}, which counts activity, is unknown")
        activity = integration
        if fields.id:
            check_event_id(fields.id)
            activity = _activity_of(integration, fields.id)
        if value == 0:
            return VehicleChange(second, vehicle, {})
        return Report(self._signals, vehicle, integration, activity, value, second, second)

    def earnings(self, fields: EarningsFields, now_s: int, rules: EventRules) -> Report:
        """The increment that earnings stand for."""
        vehicle = _vehicle(fields.vehicle)
        name = _present("thing", fields.thing)
        thing = self._earnings.get(name)
        if thing is None:
            known = ", ".join(sorted(self._earnings)) or "none"
            raise UnknownThingError(f"thing: {shown(name)} is no earnings; known are {known}")
        points = _present("points", fields.points)
        if not -POINTS_MAX <= points <= POINTS_MAX:
            raise OutOfBoundsError(f"points: {shown(points)} must lie within +-(2^31 - 1)")
        second = _second(fields.time, now_s, rules)
        if not fields.id:
            raise MissingIdError("id: earnings need an id, so that they are applied once")
        check_event_id(fields.id)
        if fields.note is not None and len(fields.note.encode()) > EVENT_ID_BYTES_MAX:
            raise TooLargeError(f"note: more than {EVENT_ID_BYTES_MAX} bytes")
        return Report(thing, vehicle, 0, 0, points, second, second, fields.id)

    def vehicle(self, fields: VehicleFields, now_s: int, rules: EventRules) -> VehicleChange:
        """What changes of a vehicle; without a time of its own it does now."""
        vehicle = _vehicle(fields.vehicle)
        second = now_s if fields.time is None else _moment("time", fields.time, now_s, rules)

        def minted_at(time: Time) -> int:
            return _moment("minted_at", time, now_s, rules)

        checks: dict[str, Callable[[Any], Value]] = {
            "owner": _owner,
            "integrations": self._integrations,
            "vin": _vin,
            "minted_at": minted_at,
        }
        sent: dict[str, Value | None] = {}
        for name in CHANGEABLE:
            value = getattr(fields, name)
            if value is not UNSET:
                check = checks.get(name)
                sent[name] = value if check is None or value is None else check(value)
        return VehicleChange(second, vehicle, sent)

    def _integrations(self, names: Sequence[str]) -> tuple[int, ...]:
        return tuple(sorted({self._tables.integration(name).id for name in names}))

    def _weight(self, signals: Sequence[str] | None) -> int:
        """How many signals say that the vehicle was active."""
        if not signals:
            return 1
        if len(signals) > SIGNALS_MAX:
            raise TooLargeError(f"signals: {len(signals)}, at most {SIGNALS_MAX} are allowed")
        for signal in signals:
            if not 1 <= len(signal.encode()) <= SIGNAL_BYTES_MAX:
                raise OutOfBoundsError(
                    f"signals: {shown(signal)} must have 1 to {SIGNAL_BYTES_MAX} bytes"
                )
        return len(set(signals) - self._constant)


def _present(name: str, value: T | None) -> T:
    if value is None:
        raise WrongTypeError(f"{name}: missing")
    return value


def _vehicle(number: int | None) -> int:
    vehicle = _present("vehicle", number)
    if not 0 <= vehicle <= ID_MAX:
        raise OutOfBoundsError(f"vehicle: {shown(vehicle)} must lie between 0 and 2^63 - 1")
    return vehicle


def _second(time: Time | None, now_s: int, rules: EventRules) -> int:
    if time is None:
        raise WrongTypeError("time: missing")
    second = _moment("time", time, now_s, rules)
    rules.check_age("time", second, now_s)
    week_of(second)
    return second


def _moment(name: str, time: Time, now_s: int, rules: EventRules) -> int:
    second = second_in(name, time)
    rules.check_time(name, second, now_s)
    return second


def _activity_of(integration: int, event_id: str) -> int:
    """The aid of an activity with an id: the same id of another integration is another event."""
    digest = blake2b(f"{integration}:{event_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 2 | _NAMED_ACTIVITY


def _owner(owner: int | str) -> str:
    """An owner as text: the decimal of a user id, an address in lower case."""
    text = str(owner)
    if not 1 <= len(text.encode()) <= OWNER_BYTES_MAX or not text.isprintable():
        raise OutOfBoundsError(
            f"owner: {shown(text)} must have 1 to {OWNER_BYTES_MAX} bytes of printable characters"
        )
    return owner_text(text)


def _vin(vin: str) -> str:
    if not (1 <= len(vin) <= VIN_CHARACTERS_MAX and vin.isascii() and vin.isprintable()):
        raise OutOfBoundsError(
            f"vin: {shown(vin)} must have 1 to {VIN_CHARACTERS_MAX} printable ASCII characters"
        )
    return vin.upper()
