"""What producers send about swaps, as it stands on the wire. Pure.

Each command has one object or a list of them::

    {"command": "station", "station": {"name": "S1", "location": "Kimironko"}}
    {"command": "battery", "battery": {"serial": "B1", "capacity": 200, "station": "S1"}}
    {"command": "vehicle", "vehicle": {"vin": "V1"}}
    {"command": "driver", "driver": {"phone": "D1", "name1": "Ann", "started":
                                     "2020-09-01T08:00:00Z", "vehicle": "V1"}}
    {"command": "swap", "swap": {"id": "f3b1", "driver": "D1", "station": "S1",
                                 "battery_out": "B1", "battery_in_energy": 0,
                                 "battery_out_energy": 180, "odometer": 1000,
                                 "date": "2020-09-01T09:00:00Z"}}
    {"command": "correction", "correction": {"id": "9c02", "corrects": 2, "reason": "typing error",
                                             ...the whole swap as it should be}}
    {"command": "stocktake", "stocktake": {"id": "77aa", "station": "S1",
                                           "batteries": ["B2", "B3"]}}

An object is named by its number, or by its name, serial, VIN or phone as a text. Without a
``network`` it is that of the settings, without a ``date`` it is now (of a correction, when the
wrong one was). ``battery_in`` left out is what the vehicle carries; null is none.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from psd.engine.event_times import Time

Reference = int | str
"""The number of an object, or its unique name as text."""


class StationFields(msgspec.Struct, gc=False, omit_defaults=True):
    """A station; ``number`` names one that is to be changed, else ``name`` does."""

    network: str = ""
    id: str | None = None
    number: int | None = None
    name: str | UnsetType = UNSET
    location: str | UnsetType = UNSET
    date: Time | None = None
    by: str = ""


class BatteryFields(msgspec.Struct, gc=False, omit_defaults=True):
    """A battery; ``station`` is where it is before any swap, null for nowhere."""

    network: str = ""
    id: str | None = None
    number: int | None = None
    serial: str | UnsetType = UNSET
    capacity: int | UnsetType | None = UNSET
    voltage: int | UnsetType | None = UNSET
    station: Reference | UnsetType | None = UNSET
    date: Time | None = None
    by: str = ""


class BikeFields(msgspec.Struct, gc=False, omit_defaults=True):
    """A vehicle."""

    network: str = ""
    id: str | None = None
    number: int | None = None
    vin: str | UnsetType = UNSET
    odometer: int | UnsetType | None = UNSET
    date: Time | None = None
    by: str = ""


class DriverFields(msgspec.Struct, gc=False, omit_defaults=True):
    """A driver; ``phone`` is any text that is his alone."""

    network: str = ""
    id: str | None = None
    number: int | None = None
    phone: str | UnsetType = UNSET
    name1: str | UnsetType = UNSET
    name2: str | UnsetType = UNSET
    name3: str | UnsetType = UNSET
    started: Time | UnsetType = UNSET
    ended: Time | UnsetType | None = UNSET
    vehicle: Reference | UnsetType | None = UNSET
    date: Time | None = None
    by: str = ""


class SwapFields(msgspec.Struct, gc=False, omit_defaults=True):
    """A driver brings a battery, and takes another."""

    network: str = ""
    id: str | None = None
    driver: Reference | None = None
    station: Reference | None = None
    battery_in: Reference | UnsetType | None = UNSET
    battery_out: Reference | None = None
    battery_in_energy: int | None = None
    battery_out_energy: int | None = None
    odometer: int | None = None
    date: Time | None = None
    by: str = ""


class CorrectionFields(SwapFields, gc=False, omit_defaults=True):
    """The whole transaction as it should be, in the place of ``corrects``."""

    corrects: int | None = None
    reason: str = ""


class StocktakeFields(msgspec.Struct, gc=False, omit_defaults=True):
    """Batteries that somebody counted at a station."""

    network: str = ""
    id: str | None = None
    station: Reference | None = None
    batteries: list[Reference] | None = None
    note: str = ""
    date: Time | None = None
    by: str = ""
