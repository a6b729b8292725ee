"""Transactions and batteries as tables of the command line."""

from __future__ import annotations

from collections.abc import Sequence

from psd.cli.printing import Form, show_rows
from psd.swaps import ledger_rows as shown

COLUMNS = (
    *("n", "date", "driver", "station", "in", "out", "energy in", "energy out", "odometer"),
    *("distance", "used", "efficiency", "charge", "corrects", "rejected by"),
)
"""Of a transaction: what was said, then what follows from it."""


def show_transactions(form: Form, rows: Sequence[shown.TransactionRow]) -> None:
    """Transactions in a form."""
    cells = [
        (
            str(each.n),
            each.date,
            str(each.driver),
            str(each.station),
            text_of(each.battery_in),
            text_of(each.battery_out),
            str(each.battery_in_energy),
            str(each.battery_out_energy),
            str(each.odometer),
            text_of(each.ride_distance),
            text_of(each.energy_used),
            text_of(each.efficiency),
            text_of(each.charge_amount),
            text_of(each.corrects),
            text_of(each.rejected_by),
        )
        for each in rows
    ]
    show_rows(form, rows, COLUMNS, cells, {0, *range(2, 15)})


def show_batteries(form: Form, rows: Sequence[shown.BatteryRow]) -> None:
    """Batteries as a table."""
    cells = [
        (str(each.id), each.serial, text_of(each.capacity), str(each.energy), text_of(each.last))
        for each in rows
    ]
    show_rows(form, rows, ("id", "serial", "capacity", "energy", "last"), cells, {0, 2, 3, 4})


def text_of(value: float | None) -> str:
    """A number, and nothing for none."""
    return "" if value is None else str(value)
