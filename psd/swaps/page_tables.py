"""What the tables of the pages show, as texts, in the columns of the original. Pure.

::

    Transaction(n=8, second=1598972400, driver=1, ...)
    -> TransactionLine(cells=("2020-09-01 15:00:00", "Ann  K", "S1", "B1", "B2", "120", "190",
                              "1040", "40", "60", "0.67", ""), ...)

Times are of the zone of the settings, what there is not is an empty cell, and 0 is a number.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import msgspec

from psd.swaps.answers import DriverDay, Transaction
from psd.swaps.append import Named
from psd.swaps.battery_history import history_row
from psd.swaps.objects import KnownDriver
from psd.swaps.settings import SwapsSettings

Labels = Mapping[Named, str]

DATE_FORMAT = "%Y-%m-%d %H:%M:%S"


class TransactionLine(msgspec.Struct, frozen=True, kw_only=True):
    """A row of transactions; ``why`` is told of those that were corrected."""

    n: int
    date: str
    driver: int
    driver_name: str
    station: int
    station_name: str
    battery_in: int | None
    battery_in_serial: str
    battery_out: int | None
    battery_out_serial: str
    numbers: tuple[str, ...]
    """Energy in, energy out, odometer, distance, energy used, efficiency, charge amount."""
    rejected_by: int | None
    why: str
    by: str

    @property
    def cells(self) -> list[object]:
        """The row of a file."""
        names = (self.driver_name, self.station_name, self.battery_in_serial)
        numbers = (*self.numbers, self.rejected_by or "", self.why, self.by)
        return [self.n, self.date, *names, self.battery_out_serial, *numbers]


class HistoryLine(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a battery's history; ``path`` is the page of the owner, ``why`` as above."""

    date: str
    path: str
    owner: str
    energy: str
    distance: str
    efficiency: str
    charge_amount: str
    rejected_by: int | None
    why: str
    by: str

    @property
    def cells(self) -> list[object]:
        """The row of a file."""
        numbers = (self.energy, self.distance, self.efficiency, self.charge_amount)
        return [self.date, self.owner, *numbers]

    @property
    def told_cells(self) -> list[object]:
        """The same with what became of it."""
        return [*self.cells, self.rejected_by or "", self.why, self.by]


class DayLine(msgspec.Struct, frozen=True):
    """A row of a driver's days."""

    date: str
    numbers: tuple[str, ...]

    @property
    def cells(self) -> list[object]:
        """The row of a file."""
        return [self.date, *self.numbers]


def transaction_columns(settings: SwapsSettings) -> tuple[str, ...]:
    """The heads of a table of transactions, but for the link to correct one."""
    energy, distance = settings.energy_unit, settings.distance_unit
    return (
        "ID",
        "Date",
        "Driver",
        "Charging Station",
        "Battery In",
        "Battery Out",
        f"Battery In Energy ({energy})",
        f"Battery Out Energy ({energy})",
        "Odometer Reading",
        f"Distance ({distance})",
        f"Energy Used ({energy})",
        f"Efficiency ({distance}/{energy})",
        f"Charge Amount ({energy})",
    )


def day_columns(settings: SwapsSettings) -> tuple[str, ...]:
    """The heads of a table of days."""
    energy, distance = settings.energy_unit, settings.distance_unit
    return (
        "Date",
        f"Ride Distance ({distance})",
        f"Energy Used ({energy})",
        f"Cumulative Ride Distance ({distance})",
        f"Cumulative Energy Used ({energy})",
    )


def history_columns(settings: SwapsSettings) -> tuple[str, ...]:
    """The heads of a battery's history."""
    energy, distance = settings.energy_unit, settings.distance_unit
    return (
        "Date",
        "Owner",
        f"Energy ({energy})",
        f"Distance ({distance})",
        f"Efficiency ({distance}/{energy})",
        f"Charge Amount ({energy})",
    )


def transaction_line(
    each: Transaction, labels: Labels, corrections: Mapping[int, Transaction], tz: ZoneInfo
) -> TransactionLine:
    """A transaction; ``corrections`` are those that stand for the ones that were wrong."""
    derived = each.derived
    why, by = _told(each, corrections)
    return TransactionLine(
        n=each.n,
        date=date_text(each.second, tz),
        driver=each.driver,
        driver_name=labels.get(("driver", each.driver), ""),
        station=each.station,
        station_name=labels.get(("station", each.station), ""),
        battery_in=each.battery_in,
        battery_in_serial=labels.get(("battery", each.battery_in or 0), ""),
        battery_out=each.battery_out,
        battery_out_serial=labels.get(("battery", each.battery_out or 0), ""),
        numbers=(
            str(each.battery_in_energy),
            str(each.battery_out_energy),
            str(each.odometer),
            _text(derived.ride_distance if derived else None),
            _text(derived.energy_used if derived else None),
            _text(derived.efficiency if derived else None),
            _text(derived.charge_amount if derived else None),
        ),
        rejected_by=each.rejected_by,
        why=why,
        by=by,
    )


def _told(each: Transaction, corrections: Mapping[int, Transaction]) -> tuple[str, str]:
    """Why and by whom it was corrected; else what was warned of, and by whom it is."""
    correction = corrections.get(each.rejected_by or 0)
    if correction is not None:
        return correction.reason, correction.by
    return "; ".join(each.warnings), each.by


def history_line(
    battery: int,
    each: Transaction,
    labels: Labels,
    corrections: Mapping[int, Transaction],
    tz: ZoneInfo,
) -> HistoryLine:
    """What a transaction did with a battery: it came in at a station, or went out with a driver."""
    row = history_row(battery, each, labels)
    at_station, with_driver = f"/charging_station/{row.station}/", f"/driver/{row.driver}/"
    why, by = _told(each, corrections)
    return HistoryLine(
        date=date_text(each.second, tz),
        path=with_driver if row.station is None else at_station,
        owner=row.owner,
        energy=str(row.energy),
        distance=_text(row.distance),
        efficiency=_text(row.efficiency),
        charge_amount=_text(row.charge_amount),
        rejected_by=each.rejected_by,
        why=why,
        by=by,
    )


def day_line(day: DriverDay, tz: ZoneInfo) -> DayLine:
    """A day of a driver."""
    return DayLine(
        date_text(day.start, tz),
        (
            str(day.distance),
            str(day.energy),
            str(day.cumulative_distance),
            str(day.cumulative_energy),
        ),
    )


def named_in(some: Sequence[Transaction]) -> set[Named]:
    """Every object that transactions name."""
    found: set[Named] = set()
    for each in some:
        found |= {("driver", each.driver), ("station", each.station)}
        found |= {("battery", b) for b in (each.battery_in, each.battery_out) if b is not None}
    return found


def name_of_driver(driver: KnownDriver) -> str:
    """All his names with a blank between each, as the original tells them, or his phone."""
    return f"{driver.name1} {driver.name2} {driver.name3}".strip() or driver.phone


def date_text(second: int, tz: ZoneInfo) -> str:
    """A time by the clock of a zone, as the original's pages have it."""
    return dt.datetime.fromtimestamp(second, tz).strftime(DATE_FORMAT)


def _text(number: float | None) -> str:
    return "" if number is None else str(number)
