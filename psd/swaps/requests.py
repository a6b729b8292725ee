"""What is asked at /v3/swaps/{network}: parameters, and the bodies of what is added.

An object in a path is its id, or else its unique text::

    GET /v3/swaps/main/drivers/1?at=2020-09-02T12:00:00Z
    GET /v3/swaps/main/batteries/B3
    POST /v3/swaps/main/transactions  {"driver": "D1", "station": "S1", "battery_out": "B1", ...}

In a body a number is an id and a text is a name, serial, VIN or phone. Without an ``id`` of the
sender a request that is sent again adds another transaction.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from psd.engine.event_times import Time as EventTime
from psd.swaps.swap_messages import Reference

Limit = Annotated[int, Meta(ge=1, le=1000)]
Cursor = Annotated[str, Meta(description="the `next` of the page before")]
AskedTime = Annotated[
    str, Meta(description="RFC 3339, a date, Unix seconds, or relative to now: -7d, yesterday")
]
At = Annotated[str, Meta(description="how it was at the end of that second; now unless given")]
Number = Annotated[int, Meta(ge=1, le=10**12 - 1, description="its number", examples=[8])]
SenderId = Annotated[
    str,
    Meta(
        min_length=1, max_length=256, description="the sender's: one `id` is added once, for ever"
    ),
]


class AtQuery(msgspec.Struct):
    """Now, or at the end of a second."""

    at: At | None = None


class ObjectsQuery(msgspec.Struct):
    """A part of the objects, by id."""

    at: At | None = None
    limit: Limit = 100
    cursor: Cursor | None = None


class TransactionsQuery(msgspec.Struct):
    """A part of an object's transactions, newest first; rejected ones too with `all=1`."""

    at: At | None = None
    all: Annotated[int, Meta(ge=0, le=1)] = 0
    limit: Limit = 50
    cursor: Cursor | None = None


class DaysQuery(msgspec.Struct):
    """Which days; from the first one of the driver up to today unless given."""

    start: AskedTime | None = None
    end: AskedTime | None = None
    tz: Annotated[str, Meta(description="setting `swaps.tz` unless given")] | None = None
    at: At | None = None


class EventsQuery(msgspec.Struct):
    """Events behind a number."""

    after: Annotated[int, Meta(ge=0)] = 0
    limit: Limit = 100


class NetworkQuery(msgspec.Struct):
    """How many of the newest events."""

    limit: Limit = 10


class SwapBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A transaction; `battery_in` left out is what the vehicle carries, null is none.

    Without a `date` it is now; of a correction, when the wrong one was.
    """

    driver: Reference
    station: Reference
    odometer: int
    battery_in: Reference | UnsetType | None = UNSET
    battery_out: Reference | None = None
    battery_in_energy: int | None = None
    battery_out_energy: int | None = None
    date: EventTime | None = None
    id: SenderId | None = None


class CorrectionBody(SwapBody, forbid_unknown_fields=True, omit_defaults=True):
    """The whole transaction as it should be."""

    reason: str = ""


class StationBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A station."""

    name: str | UnsetType = UNSET
    location: str | UnsetType = UNSET
    date: EventTime | None = None
    id: SenderId | None = None


class BatteryBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A battery; `station` is where it is before any swap."""

    serial: str | UnsetType = UNSET
    capacity: int | UnsetType | None = UNSET
    voltage: int | UnsetType | None = UNSET
    station: Reference | UnsetType | None = UNSET
    date: EventTime | None = None
    id: SenderId | None = None


class BikeBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A vehicle."""

    vin: str | UnsetType = UNSET
    odometer: int | UnsetType | None = UNSET
    date: EventTime | None = None
    id: SenderId | None = None


class DriverBody(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A driver; `phone` is any text that is his alone."""

    phone: str | UnsetType = UNSET
    name1: str | UnsetType = UNSET
    name2: str | UnsetType = UNSET
    name3: str | UnsetType = UNSET
    started: EventTime | UnsetType = UNSET
    ended: EventTime | UnsetType | None = UNSET
    vehicle: Reference | UnsetType | None = UNSET
    date: EventTime | None = None
    id: SenderId | None = None
