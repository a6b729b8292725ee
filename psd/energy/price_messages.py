"""Prices and carbon as they stand on the wire, and what is kept of them. Pure.

::

    {"command": "prices", "prices": {"series": "agile-c", "currency": "GBP",
                                     "rows": [[1606636800, 1606638600, "0.2145"]]}}
    {"command": "prices", "prices": {"series": "ee", "currency": "EUR", "unit": "MWh",
                                     "start": 1606636800, "every_s": 900, "values": [-1.07, 58.2]}}
    {"command": "carbon", "carbon": {"region": "GB", "start": 1606636800, "every_s": 1800,
                                     "values": [186, 190]}}

Prices are units of money a kWh or MWh and may lie below 0, carbon is g a kWh. Each stands from a
second to another, whole five minutes of UTC; they may lie ahead of the clock, as those of tomorrow
do. What is said later of the same time stands (psd/tariffs/price_days.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from psd.energy.channels import checked_name
from psd.engine.event_rules import EventRules
from psd.engine.event_times import Time, second_in
from psd.engine.events import TIME_END_S, Change
from psd.errors import (
    InvalidTimeError,
    MalformedError,
    OutOfBoundsError,
    TooLargeError,
)
from psd.foreign_texts import shown
from psd.measures.money import RATE_POWER, rate_of
from psd.measures.units import Number, decimal_of, scaled
from psd.tariffs.price_days import SLOT_S
from psd.tariffs.prices import Price

ROWS_MAX = 5_000
SPAN_MAX_S = 366 * 86_400
"""Of one message, from its first second to its last."""

CURRENCY_MAX = 16

SeriesKind = Literal["p", "c"]
"""As it stands in keys: of prices, or of carbon."""

PriceUnit = Literal["kWh", "MWh"]

PriceRow = tuple[Time, Time, Decimal]


class PricesFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Prices of a series: ``rows``, or ``values`` of every so many seconds from ``start`` on."""

    series: str
    currency: str = ""
    unit: PriceUnit = "kWh"
    rows: list[PriceRow] = []
    start: Time | None = None
    every_s: int = 1_800
    values: list[Decimal | None] = []


class CarbonFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Grams of carbon dioxide a kWh in a region, the same way."""

    region: str
    rows: list[PriceRow] = []
    start: Time | None = None
    every_s: int = 1_800
    values: list[Decimal | None] = []


class PricesSaid(Change, frozen=True):
    """Prices of a series, in the order in which they came; said at ``time_s``.

    None replaces another one: what is kept of a time knows when it was said.
    """

    kind: SeriesKind
    series: str
    currency: str
    prices: tuple[Price, ...]


def prices(fields: PricesFields, now_s: int, _rules: EventRules) -> PricesSaid:
    """Prices of a series; raises an InputError."""
    power = RATE_POWER if fields.unit == "kWh" else RATE_POWER - 3
    if len(fields.currency) > CURRENCY_MAX:
        raise TooLargeError(f"currency: {shown(fields.currency)} has over {CURRENCY_MAX} letters")
    rows = _rows(fields, power)
    return PricesSaid(now_s, "p", series_name("series", fields.series), fields.currency, rows)


def carbon(fields: CarbonFields, now_s: int, _rules: EventRules) -> PricesSaid:
    """Carbon of a region; raises an InputError."""
    rows = _rows(fields, RATE_POWER)
    for place, each in enumerate(rows):
        if each.rate < 0:
            raise OutOfBoundsError(f"rows[{place}]: grams of carbon do not lie below 0")
    return PricesSaid(now_s, "c", series_name("region", fields.region), "", rows)


def series_name(field: str, text: str) -> str:
    """The name of a series or region as psd keeps it; raises an InputError."""
    return checked_name(field, text)


def _rows(fields: PricesFields | CarbonFields, power: int) -> tuple[Price, ...]:
    if bool(fields.rows) is bool(fields.values):
        raise MalformedError("rows: give either rows, or values with start and every_s")
    count = len(fields.rows) + len(fields.values)
    if count > ROWS_MAX:
        raise TooLargeError(f"rows: {count} prices, at most {ROWS_MAX} are allowed")
    found = _of_rows(fields.rows, power) if fields.rows else _of_values(fields, power)
    if not found:
        raise MalformedError("values: there is no price among them")
    first, last = min(each.start for each in found), max(each.end for each in found)
    if last - first > SPAN_MAX_S:
        raise OutOfBoundsError("rows: a message holds prices of 366 days at most")
    return tuple(found)


def _of_rows(rows: Sequence[PriceRow], power: int) -> list[Price]:
    found = []
    for place, (opens, closes, number) in enumerate(rows):
        field = f"rows[{place}]"
        start, end = second_in(f"{field}.start", opens), second_in(f"{field}.end", closes)
        found.append(_price(field, start, end, number, power))
    return found


def _of_values(fields: PricesFields | CarbonFields, power: int) -> list[Price]:
    if fields.start is None or fields.every_s < 1:
        raise MalformedError("every_s: values need start and every_s, the seconds of each")
    first = second_in("start", fields.start)
    return [
        _price(
            f"values[{place}]",
            first + place * fields.every_s,
            first + (place + 1) * fields.every_s,
            number,
            power,
        )
        for place, number in enumerate(fields.values)
        if number is not None
    ]


def _price(field: str, start: int, end: int, number: Number, power: int) -> Price:
    if not 0 < start < end <= TIME_END_S:
        raise InvalidTimeError(f"{field}: {start} to {end} is no time between 1970 and 2200")
    if start % SLOT_S or end % SLOT_S:
        raise InvalidTimeError(f"{field}: {start} to {end} are no whole five minutes of UTC")
    return Price(start, end, _rate(field, number, power))


def _rate(field: str, number: Number, power: int) -> int:
    """10^-9 units of money a kWh; exact, or refused."""
    if power == RATE_POWER:
        return rate_of(number, field)
    value = decimal_of(number, field)
    rate_of(value, field)
    rate = scaled(value, power, field)
    if value.scaleb(power) != rate:
        raise OutOfBoundsError(f"{field}: {number} has more than {power} decimals")
    return rate
