"""Answers of the ledger as /v3/swaps and the commands tell them: times as texts, rows flat. Pure.

::

    transaction_row(Transaction(n=8, root=6, second=1598972400, ...))
    -> {"n":8,"date":"2020-09-01T15:00:00Z","driver":1,"station":1,...,"ride_distance":40,
        "energy_used":60,"efficiency":0.67,"charge_amount":null,"last":5,"corrects":6,...}

Objects are told by their ids, a vehicle by its VIN. Whatever has rows can be a table: their fields
are texts, numbers or nothing, and several warnings are one text with semicolons.
"""

from __future__ import annotations

from typing import Any

import msgspec

from psd.clock import utc_text
from psd.frames import Rows
from psd.swaps.answers import (
    BatteryState,
    DriverDay,
    DriverState,
    NetworkState,
    StreamedEvent,
    Transaction,
    VehicleState,
)
from psd.swaps.objects import KnownStation


class TransactionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A transaction; what follows from it is null where it was rejected."""

    n: int
    date: str
    driver: int
    station: int
    battery_in: int | None
    battery_out: int | None
    battery_in_energy: int
    battery_out_energy: int
    odometer: int
    last: int | None
    ride_distance: int | None
    energy_used: int | None
    efficiency: float | None
    charge_amount: int | None
    corrects: int | None
    rejected_by: int | None
    reason: str
    warnings: str
    by: str
    id: str
    accepted: str


class TransactionRows(Rows, frozen=True):
    """A part of the transactions of one object, newest first."""

    data: list[TransactionRow]
    next: str | None


class ShownChain(msgspec.Struct, frozen=True):
    """A transaction, all that stood for one another with it, and the one that counts."""

    transaction: TransactionRow
    chain: list[TransactionRow]
    live: int


class DriverRow(msgspec.Struct, frozen=True, kw_only=True):
    """A driver, the VIN of the vehicle, and its battery; `last` is the newest transaction."""

    id: int
    phone: str
    name1: str
    name2: str
    name3: str
    started: str
    ended: str | None
    vehicle: str | None
    battery: int | None
    serial: str | None
    last: int | None
    uid: str


class DriverRows(Rows, frozen=True):
    """A part of the drivers, by id."""

    data: list[DriverRow]
    next: str | None


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """A driver's day in the time zone that was asked for."""

    day: str
    start: str
    end: str
    ride_distance: int
    energy_used: int
    efficiency: float
    cumulative_ride_distance: int
    cumulative_energy_used: int
    transactions: int
    last_transaction: int | None


class DayRows(Rows, frozen=True):
    """A driver's days, one after the other, empty ones included."""

    tz: str
    data: list[DayRow]


class BatteryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A battery, at which station or with whom it is, and what was in it when it was seen last."""

    id: int
    serial: str
    capacity: int | None
    voltage: int | None
    station: int | None
    driver: int | None
    energy: int
    last: int | None
    uid: str


class BatteryRows(Rows, frozen=True):
    """A part of the batteries, by id."""

    data: list[BatteryRow]
    next: str | None


class StationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A station, and how many batteries are there."""

    id: int
    name: str
    location: str
    batteries: int
    uid: str


class StationRows(Rows, frozen=True):
    """A part of the stations, by id."""

    data: list[StationRow]
    next: str | None


class ShownStation(msgspec.Struct, frozen=True):
    """A station, and the batteries that are there."""

    station: StationRow
    data: list[BatteryRow]


class ShownVehicle(msgspec.Struct, frozen=True, kw_only=True):
    """A vehicle, the battery that it carries, and who swapped it last."""

    id: int
    vin: str
    odometer: int | None
    battery: int | None
    driver: int | None
    last: int | None


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the stream, which is the truth; `event` has what its kind has."""

    n: int
    kind: str
    date: str
    accepted: str
    by: str
    id: str
    event: dict[str, Any]


class EventRows(msgspec.Struct, frozen=True):
    """Events behind a number, in their order; `next` is the last of them, for `after`."""

    data: list[EventRow]
    next: int


class ShownNetwork(msgspec.Struct, frozen=True, kw_only=True):
    """A network: its newest event, how many objects it has, and the newest events, newest first."""

    network: str
    n: int
    stations: int
    batteries: int
    vehicles: int
    drivers: int
    newest: list[EventRow]


def transaction_row(each: Transaction) -> TransactionRow:
    """A transaction as it is told."""
    derived = each.derived
    return TransactionRow(
        n=each.n,
        date=utc_text(each.second),
        driver=each.driver,
        station=each.station,
        battery_in=each.battery_in,
        battery_out=each.battery_out,
        battery_in_energy=each.battery_in_energy,
        battery_out_energy=each.battery_out_energy,
        odometer=each.odometer,
        last=derived.last if derived else None,
        ride_distance=derived.ride_distance if derived else None,
        energy_used=derived.energy_used if derived else None,
        efficiency=derived.efficiency if derived else None,
        charge_amount=derived.charge_amount if derived else None,
        corrects=each.corrects,
        rejected_by=each.rejected_by,
        reason=each.reason,
        warnings="; ".join(each.warnings),
        by=each.by,
        id=each.id,
        accepted=utc_text(each.accepted_s),
    )


def driver_row(each: DriverState, uid: int) -> DriverRow:
    """A driver as he is told."""
    driver = each.driver
    return DriverRow(
        id=driver.id,
        phone=driver.phone,
        name1=driver.name1,
        name2=driver.name2,
        name3=driver.name3,
        started=utc_text(driver.started),
        ended=None if driver.ended is None else utc_text(driver.ended),
        vehicle=each.vehicle.vin if each.vehicle else None,
        battery=each.battery.id if each.battery else None,
        serial=each.battery.serial if each.battery else None,
        last=each.last,
        uid=str(uid),
    )


def battery_row(each: BatteryState, uid: int) -> BatteryRow:
    """A battery as it is told."""
    battery, where = each.battery, each.where
    return BatteryRow(
        id=battery.id,
        serial=battery.serial,
        capacity=battery.capacity,
        voltage=battery.voltage,
        station=where.station,
        driver=where.driver,
        energy=where.energy,
        last=where.n,
        uid=str(uid),
    )


def station_row(station: KnownStation, batteries: int, uid: int) -> StationRow:
    """A station as it is told, with so many batteries."""
    return StationRow(
        id=station.id,
        name=station.name,
        location=station.location,
        batteries=batteries,
        uid=str(uid),
    )


def shown_vehicle(each: VehicleState) -> ShownVehicle:
    """A vehicle as it is told."""
    return ShownVehicle(
        id=each.vehicle.id,
        vin=each.vehicle.vin,
        odometer=each.odometer,
        battery=each.battery,
        driver=each.driver,
        last=each.last,
    )


def day_row(each: DriverDay) -> DayRow:
    """A day as it is told."""
    return DayRow(
        day=each.day,
        start=utc_text(each.start),
        end=utc_text(each.end),
        ride_distance=each.distance,
        energy_used=each.energy,
        efficiency=each.efficiency,
        cumulative_ride_distance=each.cumulative_distance,
        cumulative_energy_used=each.cumulative_energy,
        transactions=each.transactions,
        last_transaction=each.last_transaction,
    )


_ELSEWHERE = ("kind", "second", "accepted_s", "by", "id", "digest")


def event_row(each: StreamedEvent) -> EventRow:
    """An event as it is told."""
    event = each.event
    held = msgspec.to_builtins(event)
    return EventRow(
        n=each.n,
        kind=event.kind,
        date=utc_text(event.second),
        accepted=utc_text(event.accepted_s),
        by=event.by,
        id=event.id,
        event={name: value for name, value in held.items() if name not in _ELSEWHERE},
    )


def shown_network(network: str, state: NetworkState) -> ShownNetwork:
    """A network as it is told."""
    counts = state.counts
    return ShownNetwork(
        network=network,
        n=state.newest[0].n if state.newest else 0,
        stations=counts.get("station", 0),
        batteries=counts.get("battery", 0),
        vehicles=counts.get("vehicle", 0),
        drivers=counts.get("driver", 0),
        newest=[event_row(each) for each in state.newest],
    )
