"""Reads tariffs of the U.S. Utility Rate Database (OpenEI, versions 3 to 8) as plans. Pure.

::

    {"label": "539f..", "utility": "South Central", "energyratestructure": [[{"rate": 0.07}], ...],
     "energyweekdayschedule": [[0, 0, ...24], ...12], "fixedchargefirstmeter": 12, ...}
    -> plan_of_urdb(document, "America/Chicago").fields   a plan as load_plan reads it

A schedule tells the period of each hour of each month, for weekdays and for weekends. Hours of one
period become one rate with its window, days and months; the period of most hours is the last rate,
which matches always. What a plan cannot say is refused by its field, or told in ``notes``: nothing
that costs money is dropped without a word.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from psd.errors import ConflictError, MalformedError, OutOfBoundsError, UnitError, WrongTypeError
from psd.foreign_texts import shown
from psd.measures.money import RATE_POWER
from psd.measures.units import decimal_of, scaled, text_of

WEEKDAYS: tuple[int, ...] = (1, 2, 3, 4, 5)
WEEKENDS: tuple[int, ...] = (6, 7)
MONTHS, HOURS = 12, 24
HUGE = Decimal("1e37")
"""Of a tier's end: those who compute in single precision write no end so."""

TIERS_PER = {"kWh": "month", "kWh daily": "day"}
"""By the unit in which a tier ends. That of kWh/kW depends on the highest power, which no plan
here knows."""

CHARGED_PER: Mapping[str, tuple[str, int]] = {
    "$/month": ("month", 1),
    "$/day": ("day", 1),
    "$/year": ("month", 12),
}
"""What a fixed or a least charge is of, and by how many it is divided."""

DEMAND = (
    "demandratestructure",
    "flatdemandstructure",
    "coincidentratestructure",
    "demandratchetpercentage",
    "demandreactivepowercharge",
)

LEFT_OUT = ("enddate", "fixedchargeeaaddl", "fueladjustmentsmonthly", "dgrules")
"""What a plan does not say, and is told."""

Cell = tuple[tuple[int, ...], int]
"""Days of the week and a month."""


class UrdbPlan(msgspec.Struct, frozen=True):
    """The fields of a plan, and what of the tariff they do not say."""

    fields: dict[str, Any]
    notes: list[str]


def plan_of_urdb(
    document: Any,
    tz: str,
    *,
    plan: str = "",
    label: str = "",
    currency: str = "USD",
    without_demand: bool = False,
) -> UrdbPlan:
    """A tariff as a plan; raises an InputError that names the field which cannot be one.

    ``document`` is one, or a page of them, of which ``label`` chooses.
    """
    tariff = _chosen(document, label)
    notes: list[str] = []
    _check_demand(tariff, notes, allowed=without_demand)
    periods = _periods(tariff)
    names = _names(tariff, len(periods))
    rates = [_rate(name, place, tiers, notes) for place, (name, tiers) in _numbered(names, periods)]
    fields: dict[str, Any] = {
        "plan": plan or str(tariff.get("label") or tariff.get("name") or "urdb"),
        "supplier": str(tariff.get("utility", "")),
        "currency": currency,
        "tz": tz,
        "rates": [*_scheduled(tariff, rates)],
    }
    start = tariff.get("startdate")
    if isinstance(start, int):
        fields["valid_from"] = dt.datetime.fromtimestamp(start, ZoneInfo(tz)).date().isoformat()
    fields |= _charges(tariff, notes)
    fields |= _export(tariff, periods, names, notes)
    for name in LEFT_OUT:
        value = tariff.get(name)
        if value and (_costs(value) or not isinstance(value, list)):
            notes.append(f"{name}: {value} is no part of the plan")
    return UrdbPlan(fields, [*dict.fromkeys(notes)])


def _numbered(
    names: Sequence[str], periods: Sequence[Any]
) -> Iterator[tuple[int, tuple[str, Any]]]:
    return enumerate(zip(names, periods, strict=True))


def _chosen(document: Any, label: str) -> Mapping[str, Any]:
    """The tariff itself: some files have it in a page of items, or as JSON in a text."""
    if isinstance(document, str):
        try:
            document = msgspec.json.decode(document)
        except msgspec.MsgspecError as exc:
            raise MalformedError(f"urdb: a text that is no JSON ({exc})") from exc
    listed = document.get("items", [document]) if isinstance(document, dict) else document
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise MalformedError("urdb: expected a tariff, or items that are tariffs")
    found = [each for each in listed if not label or each.get("label") == label]
    if len(found) != 1:
        labels = ", ".join(str(each.get("label")) for each in listed[:10])
        raise MalformedError(f"label: {len(found)} tariffs; choose one of {labels or 'none'}")
    tariff: Mapping[str, Any] = found[0]
    return tariff


def _check_demand(tariff: Mapping[str, Any], notes: list[str], *, allowed: bool) -> None:
    """Refuse charges of the highest power, which a plan cannot say yet."""
    for name in DEMAND:
        if _costs(tariff.get(name)):
            told = f"{name}: charges of the highest power are not supported"
            if not allowed:
                raise ConflictError(f"{told}; the plan would be too cheap without them")
            notes.append(f"{told}, and no part of the plan")


def _costs(charged: Any) -> bool:
    """Whether something in lists of rates is not 0."""
    if isinstance(charged, dict):
        return any(_costs(charged.get(name)) for name in ("rate", "adj"))
    if isinstance(charged, list):
        return any(_costs(each) for each in charged)
    return isinstance(charged, int | float | Decimal) and charged != 0


def _periods(tariff: Mapping[str, Any]) -> list[list[Mapping[str, Any]]]:
    listed = tariff.get("energyratestructure")
    if not isinstance(listed, list) or not listed:
        raise MalformedError("energyratestructure: missing; a plan needs what energy costs")
    for place, tiers in enumerate(listed):
        if not isinstance(tiers, list) or not tiers or not all(isinstance(t, dict) for t in tiers):
            raise MalformedError(f"energyratestructure[{place}]: expected tiers")
    return listed


def _names(tariff: Mapping[str, Any], count: int) -> list[str]:
    """A name for each period: its label, with a number where two have one."""
    labels = tariff.get("energytoulabels")
    listed = labels if isinstance(labels, list) else []
    found: list[str] = []
    for place in range(count):
        label = listed[place] if place < len(listed) else None
        name = str(label) if label else f"period {place + 1}"
        found.append(name if name not in found else f"{name} {place + 1}")
    return found


def _rate(
    name: str, place: int, tiers: Sequence[Mapping[str, Any]], notes: list[str]
) -> dict[str, Any]:
    """A period as a rate without a window."""
    field = f"energyratestructure[{place}]"
    units = {_unit(f"{field}[{at}]", tier) for at, tier in enumerate(tiers)}
    if len(units) > 1:
        raise UnitError(f"{field}: its tiers end in {' and '.join(sorted(units))}")
    prices = [_price(f"{field}[{at}]", tier, notes) for at, tier in enumerate(tiers)]
    if len(tiers) == 1:
        return {"name": name, "rate": prices[0]}
    found: list[dict[str, str]] = []
    for at, (price, tier) in enumerate(zip(prices, tiers, strict=True)):
        end = tier.get("max")
        is_open = end is None or decimal_of(end, f"{field}[{at}].max") >= HUGE
        if at == len(tiers) - 1:
            if not is_open:
                notes.append(f"{field}[{at}].max: {end} is left out, the last tier has no end")
            found.append({"rate": price})
        elif is_open:
            raise OutOfBoundsError(f"{field}[{at}].max: missing; only the last tier has no end")
        else:
            found.append({"up_to_kwh": str(end), "rate": price})
    return {"name": name, "tiers": found, "tiers_per": TIERS_PER[units.pop()]}


def _unit(field: str, tier: Mapping[str, Any]) -> str:
    unit = tier.get("unit") or "kWh"
    if unit not in TIERS_PER:
        raise UnitError(
            f"{field}.unit: {shown(str(unit))} is not supported; known are {', '.join(TIERS_PER)}"
        )
    return str(unit)


def _price(field: str, tier: Mapping[str, Any], notes: list[str]) -> str:
    """Rate and adjustment of a tier together, with 9 decimals at most."""
    parts = [tier.get(name) or 0 for name in ("rate", "adj")]
    exact = sum((decimal_of(each, f"{field}.rate") for each in parts), Decimal(0))
    return _rounded(exact, f"{field}.rate", notes)


def _rounded(exact: Decimal, field: str, notes: list[str]) -> str:
    number = scaled(exact, RATE_POWER, field)
    if exact.scaleb(RATE_POWER) != number:
        notes.append(f"{field.partition('[')[0]}: numbers are rounded to {RATE_POWER} decimals")
    return text_of(number, RATE_POWER)


def _scheduled(
    tariff: Mapping[str, Any], rates: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Rates in their windows, that of most hours the last, which matches always."""
    schedules = {
        days: _schedule(name, tariff, len(rates))
        for days, name in (
            (WEEKDAYS, "energyweekdayschedule"),
            (WEEKENDS, "energyweekendschedule"),
        )
    }
    hours = Counter(
        period
        for days, months in schedules.items()
        for month in months
        for period in month * len(days)
    )
    [(usual, _)] = hours.most_common(1)
    windows: dict[tuple[int, int, int], list[Cell]] = {}
    for days, months in schedules.items():
        for month, periods in enumerate(months, 1):
            for window in _runs(periods):
                if window[0] != usual:
                    windows.setdefault(window, []).append((days, month))
    for (period, opens, closes), cells in sorted(windows.items()):
        for days, found in _grouped(cells):
            yield {**rates[period], **_when(days, found, opens, closes)}
    yield {**rates[usual]}


def _schedule(name: str, tariff: Mapping[str, Any], periods: int) -> list[list[int]]:
    """12 months of 24 periods; one period alone needs no schedule."""
    listed = tariff.get(name)
    if listed is None and periods == 1:
        return [[0] * HOURS for _ in range(MONTHS)]
    if not isinstance(listed, list) or len(listed) != MONTHS:
        raise MalformedError(f"{name}: expected {MONTHS} months")
    found = []
    for month, hours in enumerate(listed):
        if not isinstance(hours, list) or len(hours) != HOURS:
            raise MalformedError(f"{name}[{month}]: expected {HOURS} hours")
        for hour, period in enumerate(hours):
            if not isinstance(period, int | float | Decimal) or period not in range(periods):
                raise WrongTypeError(f"{name}[{month}][{hour}]: {period} is none of the periods")
        found.append([int(period) for period in hours])
    return found


def _runs(periods: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """(period, first hour, hour behind the last) of a day."""
    at = 0
    for period, run in groupby(periods):
        length = len(list(run))
        yield period, at, at + length
        at += length


def _grouped(cells: Sequence[Cell]) -> Iterator[tuple[tuple[int, ...], list[int]]]:
    """Days and their months: those of weekdays and weekends that are alike are all days."""
    by_days: dict[tuple[int, ...], list[int]] = {WEEKDAYS: [], WEEKENDS: []}
    for of, month in cells:
        by_days[of].append(month)
    both = [month for month in by_days[WEEKDAYS] if month in by_days[WEEKENDS]]
    if both:
        yield (*WEEKDAYS, *WEEKENDS), both
    for days, months in by_days.items():
        rest = [month for month in months if month not in both]
        if rest:
            yield days, rest


def _when(days: Sequence[int], months: Sequence[int], opens: int, closes: int) -> dict[str, Any]:
    found: dict[str, Any] = {"from": f"{opens:02}:00", "to": f"{closes:02}:00"}
    if len(days) < len(WEEKDAYS) + len(WEEKENDS):
        found["days"] = list(days)
    if len(months) < MONTHS:
        found["months"] = list(months)
    return found


def _charges(tariff: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """What is due each day or month, and the least that is."""
    found = {}
    for field, names in (
        ("standing", ("fixedchargefirstmeter", "fixedmonthlycharge")),
        ("minimum", ("mincharge", "minmonthlycharge")),
    ):
        name = next((each for each in names if tariff.get(each)), None)
        if name is None:
            continue
        unit = "$/month"
        if not name.endswith("monthlycharge"):
            units = f"{name.removesuffix('firstmeter')}units"
            unit = str(tariff.get(units) or unit)
            if unit not in CHARGED_PER or (field == "minimum" and unit == "$/year"):
                raise UnitError(f"{units}: {shown(unit)} is not supported")
        per, parts = CHARGED_PER[unit]
        amount = decimal_of(tariff[name], name) / parts
        found[field] = {"per": per, "amount": _rounded(amount, name, notes)}
    if tariff.get("annualmincharge"):
        notes.append("annualmincharge: a least charge of a year is not supported")
    return found


def _export(
    tariff: Mapping[str, Any],
    periods: Sequence[Sequence[Mapping[str, Any]]],
    names: Sequence[str],
    notes: list[str],
) -> dict[str, Any]:
    """What is paid for energy that is delivered, where the tariff says it."""
    if not any(_costs(tier.get("sell")) for tiers in periods for tier in tiers):
        return {}
    rates = []
    for place, (name, tiers) in _numbered(names, periods):
        field = f"energyratestructure[{place}]"
        sold = {decimal_of(tier.get("sell") or 0, f"{field}.sell") for tier in tiers}
        if len(sold) > 1:
            raise ConflictError(f"{field}.sell: tiers of what is paid are not supported")
        rates.append({"name": name, "rate": _rounded(sold.pop(), f"{field}.sell", notes)})
    return {"export": {"rates": [*_scheduled(tariff, rates)]}}
