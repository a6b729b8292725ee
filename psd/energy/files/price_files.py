"""Reads files of prices and carbon as those who publish them write them. Pure.

::

    octopus    {"results": [{"value_inc_vat": 21.42, "valid_from": "2024-05-07T21:30:00Z", ...}]}
               pence a kWh, newest first; with or without VAT
    elering    {"data": {"ee": [{"timestamp": 1606687200, "price": 34.05}, ...]}}
               euros a MWh, each up to the next one
    carbonintensity  {"data": [{"from": "2018-01-20T12:00Z", "to": ..., "intensity": {...}}]}
               grams a kWh: what was measured, or else the forecast
    csv        start,price or start,end,price

Each gives rows as a message has them (psd/energy/price_messages.py): start, end, number.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import IO, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from psd.errors import ConflictError, InvalidTimeError, MalformedError
from psd.foreign_texts import shown
from psd.measures.units import decimal_of
from psd.times import read as read_time
from psd.zones import UTC

HOUR_S = 3_600
PENCE = 2
LINE_CHARACTERS_MAX = 65_536

FileRow = tuple[int, int, Decimal]


class PriceFile(msgspec.Struct, frozen=True):
    """What a file's name does not say: ``area`` and ``payment`` choose among its rows.

    ``until_s`` ends a price that has no end, ``every_s`` one of a CSV without an end column.
    """

    area: str = ""
    payment: str = ""
    vat: Literal["inc", "exc"] = "inc"
    until_s: int | None = None
    every_s: int = 1_800
    tz: ZoneInfo = UTC
    time: str = "start"
    end: str = "end"
    value: str = "price"


def octopus(stream: IO[str], asked: PriceFile) -> Iterator[FileRow]:
    """Rates of Octopus Energy, in pounds a kWh."""
    rows = _listed(_json(stream), "results")
    found: dict[int, tuple[int, Decimal, str]] = {}
    for place, each in enumerate(rows):
        field = f"results[{place}]"
        method = str(each.get("payment_method") or "")
        if asked.payment and method not in ("", asked.payment):
            continue
        start, end = _time(field, each, "valid_from"), _end(field, each, asked)
        price = _number(f"{field}.value_{asked.vat}_vat", each.get(f"value_{asked.vat}_vat"))
        held = found.get(start)
        if held is not None and held[2] != method:
            raise ConflictError(
                f"{field}.payment_method: {shown(method)} beside {shown(held[2])}; choose one"
            )
        if end > start:
            found[start] = (end, price.scaleb(-PENCE), method)
    for start, (end, price, _) in sorted(found.items()):
        yield start, end, price


def elering(stream: IO[str], asked: PriceFile) -> Iterator[FileRow]:
    """Prices of Elering, in euros a MWh, each up to the next one but an hour at most."""
    data = _json(stream).get("data")
    if isinstance(data, dict):
        if asked.area not in data:
            known = ", ".join(map(str, data))
            raise MalformedError(f"data: area {shown(asked.area)} is not there; known are {known}")
        data = data[asked.area]
    prices: dict[int, Decimal] = {}
    for place, each in enumerate(_listed({"data": data}, "data")):
        second = each.get("timestamp")
        if not isinstance(second, int) or isinstance(second, bool):
            raise InvalidTimeError(f"data[{place}].timestamp: {shown(str(second))} is no second")
        prices[second] = _number(f"data[{place}].price", each.get("price"))
    seconds, step_s = sorted(prices), HOUR_S
    for second, following in pairwise(seconds):
        step_s = min(following - second, HOUR_S)
        yield second, second + step_s, prices[second]
    for second in seconds[-1:]:
        yield second, second + step_s, prices[second]


def carbonintensity(stream: IO[str], _asked: PriceFile) -> Iterator[FileRow]:
    """Grams a kWh of Great Britain, measured or forecast; a half-hour without either is none."""
    for place, each in enumerate(_listed(_json(stream), "data")):
        field = f"data[{place}]"
        told = each.get("intensity")
        if not isinstance(told, dict):
            raise MalformedError(f"{field}.intensity: expected actual or forecast")
        grams = told.get("actual")
        grams = told.get("forecast") if grams is None else grams
        if grams is not None:
            start, end = _time(field, each, "from"), _time(field, each, "to")
            yield start, end, _number(f"{field}.intensity", grams)


def table(stream: IO[str], asked: PriceFile) -> Iterator[FileRow]:
    """Rows of a CSV; one without a number has no price."""
    reader = csv.DictReader(_short(stream))
    names = reader.fieldnames or []
    missing = [name for name in (asked.time, asked.value) if name not in names]
    if missing:
        raise MalformedError(f"line 1: no column {shown(missing[0])}; there are {', '.join(names)}")
    for row in reader:
        field = f"line {reader.line_num}"
        number = (row[asked.value] or "").strip()
        if not number:
            continue
        start = _second(field, row[asked.time] or "", asked.tz)
        closes = row.get(asked.end) if asked.end in names else None
        end = _second(field, closes, asked.tz) if closes else start + asked.every_s
        yield start, end, _number(field, number)


READERS: Mapping[str, Callable[[IO[str], PriceFile], Iterator[FileRow]]] = {
    "octopus": octopus,
    "elering": elering,
    "csv": table,
}
"""Of prices, by format."""

CARBON_READERS: Mapping[str, Callable[[IO[str], PriceFile], Iterator[FileRow]]] = {
    "carbonintensity": carbonintensity,
    "csv": table,
}


def _json(stream: IO[str]) -> dict[str, Any]:
    try:
        found = json.load(stream, parse_float=Decimal)
    except (ValueError, RecursionError) as exc:
        raise MalformedError(f"file: not JSON ({exc})") from exc
    if not isinstance(found, dict):
        raise MalformedError("file: expected one JSON object")
    return found


def _listed(document: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise MalformedError(f"{name}: expected a list of prices")
    return found


def _end(field: str, row: Mapping[str, Any], asked: PriceFile) -> int:
    """Where a price ends; one that is valid until further notice ends where it is told."""
    if row.get("valid_to") is not None:
        return _time(field, row, "valid_to")
    if asked.until_s is None:
        raise InvalidTimeError(f"{field}.valid_to: it has no end yet; say until when it is known")
    return asked.until_s


def _time(field: str, row: Mapping[str, Any], name: str) -> int:
    return _second(f"{field}.{name}", str(row.get(name)), None)


def _second(field: str, text: str, tz: ZoneInfo | None) -> int:
    # Some leave out the seconds of a time: 2018-01-20T12:00Z.
    written = f"{text[:-1]}:00Z" if len(text) == len("2018-01-20T12:00Z") else text
    try:
        return read_time(written, tz or UTC)
    except ValueError as exc:
        raise InvalidTimeError(f"{field}: {exc}") from exc


def _number(field: str, value: Any) -> Decimal:
    if value is None:
        raise MalformedError(f"{field}: missing; a price is a number")
    return decimal_of(value, field)


def _short(stream: IO[str]) -> Iterator[str]:
    """Lines, none of which is endless."""
    while line := stream.readline(LINE_CHARACTERS_MAX + 1):
        if len(line) > LINE_CHARACTERS_MAX:
            raise MalformedError(f"line: longer than {LINE_CHARACTERS_MAX} characters")
        yield line
