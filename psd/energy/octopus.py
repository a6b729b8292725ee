"""Reads consumption as Octopus Energy's API tells it. Pure.

``GET /v1/electricity-meter-points/{mpan}/meters/{serial}/consumption/`` answers pages, newest
first, and people keep one as a file, or the list of its results::

    {"count": 48, "next": null, "previous": null, "results": [
        {"consumption": 0.146, "interval_start": "2020-05-07T23:30:00+01:00",
         "interval_end": "2020-05-08T00:00:00+01:00"}, ...]}

Times have their offset, with a colon or, as in its documentation, without. An answer names no unit:
electricity is kWh, while the same path of a gas meter gives kWh of one kind of meter and cubic
metres of the other; whoever has the latter must say so, and is refused. Whether it is import or
export, the number of the meter point says, not the answer: it is the flow that is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from psd.energy.channels import MEASURED, EnergyInterval, Flow
from psd.energy.files.file_rows import FileRow, RefusedInterval, json_of, number_in, with_colon
from psd.errors import InputError, InvalidTimeError, MalformedError
from psd.foreign_texts import shown
from psd.measures.units import ENERGY, power_of, scaled
from psd.times import timestamp

RESULTS = "results"


def read(body: bytes, unit: str = "kWh", flow: Flow = "import") -> Iterator[FileRow]:
    """Every result, in its order; raises an InputError for what is no such answer."""
    exponent = power_of(unit, ENERGY)
    for number, row in enumerate(_results(body), 1):
        try:
            yield number, _interval(row, exponent, flow)
        except InputError as error:
            yield RefusedInterval(number, error)


def _results(body: bytes) -> list[Any]:
    told = json_of(body)
    found = told.get(RESULTS) if isinstance(told, dict) else told
    if not isinstance(found, list):
        raise MalformedError(f"{RESULTS}: missing; an answer about consumption has a list of them")
    return found


def _interval(row: Any, exponent: int, flow: Flow) -> EnergyInterval:
    if not isinstance(row, dict):
        raise MalformedError(f"{shown(str(row))} is no object of a consumption")
    start, end = (_second(row, name) for name in ("interval_start", "interval_end"))
    mwh = scaled(number_in(row, "consumption"), exponent, "consumption")
    return EnergyInterval(start, end, mwh, flow, MEASURED)


def _second(row: dict[str, Any], name: str) -> int:
    try:
        return timestamp(with_colon(str(row.get(name, ""))))
    except ValueError as exc:
        raise InvalidTimeError(f"{name}: {exc}") from exc
