"""Reads metering data as Elering's Estfeed tells it, the datahub of Estonia. Pure.

Its public API gives each consumer's own data, a list of metering points::

    [{"meteringPointEic": "38ZEE-1000009--Z", "accountingIntervals": [
        {"periodStart": "2026-04-28T21:00:00Z", "consumptionKwh": 0.412, "productionKwh": 0}, ...]}]

Consumption is what the meter takes (import), production what it delivers (export), both in kWh.
How long an interval is, nobody says: it is what the closest two of them are apart, an hour up to
2024 and a quarter of one since, unless it is told. An interval that is still to come has neither.
A metering point of gas has cubic metres beside, and is refused. Several of electricity are refused
too, because a file is of one meter.

Elering's other public API, dashboard.elering.ee, has prices and no metering: its answers are told
apart, and are imported as prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from psd.energy.channels import MEASURED, EnergyInterval, Flow
from psd.energy.files.file_rows import FileRow, RefusedInterval, json_of, number_in
from psd.errors import InputError, InvalidTimeError, MalformedError, UnitError
from psd.foreign_texts import shown
from psd.measures.units import ENERGY, power_of, scaled
from psd.times import timestamp

ENERGIES: dict[str, Flow] = {"consumptionKwh": "import", "productionKwh": "export"}
CUBIC_METRES = ("consumptionM3", "productionM3")
KWH = power_of("kWh", ENERGY)


def read(body: bytes, every_s: int | None = None) -> Iterator[FileRow]:
    """Every interval of a file, in its order; raises an InputError for a file of something else."""
    point = _point(body)
    intervals = point.get("accountingIntervals")
    if not isinstance(intervals, list):
        raise MalformedError("accountingIntervals: missing; a metering point has a list of them")
    if any(isinstance(each, dict) and _has_gas(each) for each in intervals):
        raise UnitError(f"{CUBIC_METRES[0]}: cubic metres are no unit of electric energy")
    starts = [_start(each) for each in intervals]
    length_s = every_s or _apart([each for each in starts if isinstance(each, int)])
    for number, (told, start) in enumerate(zip(intervals, starts, strict=True), 1):
        if isinstance(start, InputError):
            yield RefusedInterval(number, start)
        else:
            yield from _energies(number, told, (start, start + length_s))


def _point(body: bytes) -> dict[str, Any]:
    """The metering point of a file."""
    told = json_of(body)
    if isinstance(told, dict) and isinstance(told.get("data"), dict | list):
        raise MalformedError("data: these are prices, and no metering data: import them as prices")
    points = told if isinstance(told, list) else [told]
    found = [each for each in points if isinstance(each, dict) and not each.get("error")]
    if len(found) != 1:
        raise MalformedError(f"file: {len(found)} metering points without an error; one is read")
    return found[0]


def _has_gas(interval: dict[str, Any]) -> bool:
    return any(interval.get(name) is not None for name in CUBIC_METRES)


def _start(interval: Any) -> int | InputError:
    if not isinstance(interval, dict):
        return MalformedError(f"{shown(str(interval))} is no object of an interval")
    try:
        return timestamp(str(interval.get("periodStart", "")))
    except ValueError as exc:
        return InvalidTimeError(f"periodStart: {exc}")


def _apart(starts: list[int]) -> int:
    """What the closest two intervals are apart."""
    apart = [after - before for before, after in pairwise(sorted({*starts}))]
    if not apart:
        raise MalformedError("every: one interval alone does not say how long it is")
    return min(apart)


def _energies(number: int, told: dict[str, Any], window: tuple[int, int]) -> Iterator[FileRow]:
    for name, flow in ENERGIES.items():
        if told.get(name) is None:
            yield None
            continue
        try:
            mwh = scaled(number_in(told, name), KWH, name)
        except InputError as error:
            yield RefusedInterval(number, error)
        else:
            yield number, EnergyInterval(*window, mwh, flow, MEASURED)
