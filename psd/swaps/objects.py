"""Stations, batteries, vehicles and drivers: what is registered of them, field by field. Pure.

A field is what was said of it last, by the second since when it is so; of one second the later
event counts::

    battery 3 at second 10: serial B3, station 1      at second 20: station 2
    merged([(10, 1, {...}), (20, 2, {...})])          -> serial B3, station 2
    fields since 15 of one who knows those of 20      -> nothing changes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from psd.errors import ShapeError

Fields = Mapping[str, int | str | None]
"""Values by field; None is what was said to be none."""


class KnownStation(msgspec.Struct, frozen=True, kw_only=True):
    """A charging station."""

    id: int
    name: str = ""
    location: str = ""
    version: int = 0

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name


class KnownBattery(msgspec.Struct, frozen=True, kw_only=True):
    """A battery; ``station`` is where it was registered."""

    id: int
    serial: str = ""
    capacity: int | None = None
    voltage: int | None = None
    station: int | None = None
    version: int = 0

    @property
    def label(self) -> str:
        """What people call it."""
        return self.serial


class KnownVehicle(msgspec.Struct, frozen=True, kw_only=True):
    """A vehicle; ``odometer`` is what it showed when it was registered."""

    id: int
    vin: str = ""
    odometer: int | None = None
    version: int = 0

    @property
    def label(self) -> str:
        """What people call it."""
        return self.vin


class KnownDriver(msgspec.Struct, frozen=True, kw_only=True):
    """A driver; ``started`` and ``ended`` are seconds, and so is since when ``vehicle`` is so."""

    id: int
    phone: str = ""
    name1: str = ""
    name2: str = ""
    name3: str = ""
    started: int = 0
    ended: int | None = None
    vehicle: int | None = None
    vehicle_since: int = 0
    version: int = 0

    @property
    def label(self) -> str:
        """What people call him: his names, or his phone where there are none."""
        return " ".join(filter(None, (self.name1, self.name2, self.name3))) or self.phone


Known = KnownStation | KnownBattery | KnownVehicle | KnownDriver

TYPES: dict[str, type[Known]] = {
    "station": KnownStation,
    "battery": KnownBattery,
    "vehicle": KnownVehicle,
    "driver": KnownDriver,
}

KEY_FIELDS = {"station": "name", "battery": "serial", "vehicle": "vin", "driver": "phone"}
"""What is unique of each kind."""

SINCE = "@"
"""Behind the name of a field: since which second it is so."""

K = TypeVar("K", bound=Known)


def known_of(kind: str, number: int, held: Mapping[str, str]) -> Known:
    """An object from what the store keeps of it; raises ShapeError."""
    texts = {field: text for field, text in held.items() if not field.endswith(SINCE) and text}
    if since := held.get(f"vehicle{SINCE}"):
        texts["vehicle_since"] = since
    return _made(kind, number, texts, is_strict=False)


def known_then(kind: str, number: int, said: Iterable[tuple[int, int, Fields]]) -> Known:
    """An object from what was said of it: second, number of the event, fields."""
    fields: dict[str, int | str | None] = {}
    for _, _, each in sorted(said, key=lambda one: one[:2]):
        fields.update(each)
    told = {field: value for field, value in fields.items() if value is not None}
    return _made(kind, number, told, is_strict=True)


def changed(held: Mapping[str, str], fields: Fields, second: int) -> dict[str, int | str]:
    """What of these fields is news, as the store keeps it: values, and since when."""
    news: dict[str, int | str] = {}
    for field, value in fields.items():
        text = "" if value is None else str(value)
        since = int(held.get(field + SINCE, -1))
        if second >= since and (field not in held or held[field] != text):
            news |= {field: text, field + SINCE: second}
    return news


def is_of_the_past(held: Mapping[str, str], fields: Fields, second: int) -> bool:
    """Whether something else was said of one of these fields since a later second."""
    return any(second < int(held.get(field + SINCE, -1)) for field in fields)


def _made(kind: str, number: int, fields: Mapping[str, int | str], *, is_strict: bool) -> Known:
    try:
        return msgspec.convert({**fields, "id": number}, TYPES[kind], strict=is_strict)
    except msgspec.ValidationError as exc:
        raise ShapeError(f"swaps: {kind} {number}: its record is none ({exc})") from exc
