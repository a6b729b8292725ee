"""What producers send about vehicles, as it stands on the wire. Pure.

Three commands beside those of psd/engine/event_fields.py, each with one object or a list of them::

    {"command": "activity", "activity": {"vehicle": 7, "integration": "Smartcar",
                                         "time": "2022-02-07T05:00:00Z", "id": "e-91",
                                         "signals": ["odometer", "vin"]}}
    {"command": "activities", "activities": [{...}, {...}]}
    {"command": "earnings", "earnings": {"vehicle": 7, "thing": "promotions", "points": 500,
                                         "time": 1644210000, "id": "p-1", "note": "referral"}}
    {"command": "vehicle", "vehicle": {"vehicle": 7, "owner": "0xAb..", "integrations": ["Tesla"],
                                       "vin": "5YJ3E1EA7KF317000", "minted_at": 1640000000}}
    {"command": "vehicles", "vehicles": [{...}, {...}]}

A time is RFC 3339 with its zone, or epoch seconds. Fields that no rule knows are ignored. Of a
vehicle only what was sent is changed, and null forgets what was known.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from psd.engine.event_times import Time


class ActivityFields(msgspec.Struct, gc=False, omit_defaults=True):
    """A vehicle was active; the first three are needed, ``id`` tells events of one second apart."""

    vehicle: int | None = None
    integration: str | None = None
    time: Time | None = None
    id: str | None = None
    signals: list[str] | None = None


class EarningsFields(msgspec.Struct, gc=False, omit_defaults=True):
    """Points for something else; all but the note are needed. Points may be below 0."""

    vehicle: int | None = None
    thing: str | None = None
    points: int | None = None
    time: Time | None = None
    id: str | None = None
    note: str | None = None


class VehicleFields(msgspec.Struct, gc=False, omit_defaults=True):
    """What is known of a vehicle since ``time``; only the number is needed."""

    vehicle: int | None = None
    owner: int | str | UnsetType | None = UNSET
    integrations: list[str] | UnsetType | None = UNSET
    vin: str | UnsetType | None = UNSET
    minted_at: Time | UnsetType | None = UNSET
    minted: bool | UnsetType | None = UNSET
    opted_in: bool | UnsetType | None = UNSET
    time: Time | None = None
