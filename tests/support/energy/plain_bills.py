"""Bills of plain Python: each half-hour looks at the clock on the wall, and at nothing of psd.

>>> by_half_hours({"rates": [{"name": "base", "rate": "0.2"}]}, ZoneInfo("UTC"), {0: 1_500_000})
{'base': 30}
"""

from __future__ import annotations

import datetime as dt
from calendar import monthrange
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

HALF_HOUR_S = 1_800
DAY_S = 86_400

Month = tuple[int, int]
Period = tuple[int, int, int]

BASE = {"name": "base", "rate": "0.2410"}
PEAK = {
    "name": "peak",
    "rate": "0.3412",
    "days": [1, 2, 3, 4, 5],
    "from": "16:00",
    "to": "19:00",
    "months": [11, 12, 1, 2, 3],
}
NIGHT = {"name": "night", "rate": "0.0750", "from": "23:30", "to": "05:30"}
TIERED = {"name": "base", "tiers": [{"up_to_kwh": 100, "rate": 0.221}, {"rate": 0.261}]}
DAILY = {
    "name": "base",
    "tiers_per": "day",
    "tiers": [{"up_to_kwh": 9, "rate": 1}, {"up_to_kwh": "20.5", "rate": 3}, {"rate": 2}],
}

PLANS: list[dict[str, Any]] = [
    {"rates": [BASE]},
    {"rates": [PEAK, NIGHT, BASE]},
    {"rates": [{**NIGHT, "days": [5, 0]}, {**PEAK, "days": [6, 7]}, BASE]},
    {"rates": [PEAK, TIERED]},
    {"rates": [PEAK, TIERED], "tiers_by": "volume"},
    {"rates": [DAILY]},
    {"rates": [PEAK, BASE], "standing": {"per": "day", "amount": "0.4512"}, "vat_percent": 5},
    {"rates": [BASE], "minimum": {"per": "month", "amount": 90}, "vat_percent": "17.5"},
    {"rates": [BASE], "standing": {"per": "month", "amount": 12}},
    {"rates": [{**PEAK, "holidays": False}, BASE], "holidays": ["2026-03-31", "2026-10-26"]},
    {"rates": [{"name": "feast", "rate": 9, "holidays": True}, BASE], "holidays": ["2026-03-30"]},
    {"rates": [BASE], "peak_multipliers": [{"day_of_week": 0, "multiplier": "1.5"}]},
    {"rates": [{**BASE, "rate": "-0.05"}], "decimals": 4},
    {
        "rates": [BASE],
        "standing": {"per": "day", "amount": "0.4512"},
        "minimum": {"per": "month", "amount": 200},
        "vat_percent": 5,
    },
    {"rates": [PEAK, BASE], "minimum": {"per": "day", "amount": "6.2"}},
    {"rates": [{**NIGHT, "holidays": True}, BASE], "holidays": ["2026-03-28", "2026-10-24"]},
    {"rates": [{**NIGHT, "months": [3, 10]}, BASE], "standing": {"per": "month", "amount": "7.5"}},
    {
        "rates": [
            {**TIERED, "from": "08:00", "to": "20:00", "tiers": [{"rate": 1}]},
            {**TIERED, "days": [6, 7], "from": "20:00", "to": "08:00"},
            TIERED,
        ]
    },
    {
        "rates": [{**DAILY, "days": [1, 3, 0]}, {**DAILY, "name": "rest"}],
        "tiers_by": "volume",
        "vat_percent": "0.5",
    },
]
ZONES = ("Europe/London", "America/St_Johns", "Australia/Lord_Howe")
"""The clocks of the last jump by half an hour, in April and October."""


def by_half_hours(document: dict[str, Any], tz: ZoneInfo, energy: dict[int, int]) -> dict[str, int]:
    """The bill of plain Python: each half-hour looks at the clock on the wall.

    ``energy`` has each half-hour of the range that is billed.
    """
    exact: dict[str, Fraction] = {}
    for version, part in parts_of(document, tz, energy):
        for name, amount in version_of(version, tz, part).items():
            exact[name] = exact.get(name, Fraction(0)) + amount
    decimals = document.get("versions", [document])[-1].get("decimals", 2)
    return {name: round(each * 10**decimals) for name, each in exact.items()}


def parts_of(
    document: dict[str, Any], tz: ZoneInfo, energy: dict[int, int]
) -> list[tuple[dict[str, Any], dict[int, int]]]:
    """The versions of a plan, and the half-hours that are of each."""
    versions = document.get("versions", [document])
    parts: list[dict[int, int]] = [{} for _ in versions]
    for second, mwh in energy.items():
        date = local(second, tz).date().isoformat()
        since = [at for at, each in enumerate(versions) if each.get("valid_from", "") <= date]
        if since:
            parts[since[-1]][second] = mwh
    return [pair for pair in zip(versions, parts, strict=True) if pair[1]]


def version_of(
    document: dict[str, Any], tz: ZoneInfo, energy: dict[int, int]
) -> dict[str, Fraction]:
    """Exact amounts by line."""
    rates = rates_of(document)
    lines: dict[str, Fraction] = {}
    months: dict[Month, Fraction] = {}
    for (place, month), kwh in by_period(rates, document, tz, energy).items():
        name, rate = rates[place]
        amount = tiers_of(rate, kwh, document.get("tiers_by"))
        lines[name] = lines.get(name, Fraction(0)) + amount
        months[month[:2]] = months.get(month[:2], Fraction(0)) + amount
    days = days_of(energy, tz)
    due = charged(document.get("standing"), days)
    net = sum(months.values(), Fraction(0)) + sum(due.values(), Fraction(0))
    if "standing" in document:
        lines["standing"] = sum(due.values(), Fraction(0))
    if "minimum" in document:
        least = charged(document["minimum"], days)
        lacking = [each - months[of] - due.get(of, 0) for of, each in least.items()]
        lines["minimum"] = sum((max(each, Fraction(0)) for each in lacking), Fraction(0))
        net += lines["minimum"]
    if "vat_percent" in document:
        lines["vat"] = net * Fraction(document["vat_percent"]) / 100
    return lines


def by_period(
    rates: Sequence[tuple[str, dict[str, Any]]],
    document: dict[str, Any],
    tz: ZoneInfo,
    energy: dict[int, int],
) -> dict[tuple[int, Period], Fraction]:
    """KWh by the place of the first of rates that are alike, and the period of its tiers."""
    found: dict[tuple[int, Period], Fraction] = {}
    for second, mwh in energy.items():
        clock = local(second, tz)
        rate = next(each for each in rates if shows(each[1], clock, document))
        place = next(at for at, each in enumerate(rates) if alike(each) == alike(rate))
        day = clock.day if rate[1].get("tiers_per") == "day" else 0
        key = (place, (clock.year, clock.month, day))
        found[key] = found.get(key, Fraction(0)) + Fraction(mwh, 10**6)
    return found


def alike(rate: tuple[str, dict[str, Any]]) -> str:
    """What rates have in common whose energy shares tiers."""
    name, fields = rate
    return repr((name, fields.get("tiers") or str(fields["rate"]), fields.get("tiers_per")))


def days_of(energy: dict[int, int], tz: ZoneInfo) -> dict[Month, Fraction]:
    """How many days of each month the half-hours are, whatever the length of a day."""
    first, last = min(energy) - 2 * DAY_S, max(energy) + 2 * DAY_S
    lengths = Counter(local(second, tz).date() for second in range(first, last, HALF_HOUR_S))
    found: dict[Month, Fraction] = {}
    for second in energy:
        date = local(second, tz).date()
        month = date.year, date.month
        found[month] = found.get(month, Fraction(0)) + Fraction(1, lengths[date])
    return found


def charged(charge: dict[str, Any] | None, days: dict[Month, Fraction]) -> dict[Month, Fraction]:
    """What a charge of days or months comes to by month."""
    if charge is None:
        return {}
    amount = Fraction(charge["amount"])
    return {
        month: amount * (share if charge["per"] == "day" else share / monthrange(*month)[1])
        for month, share in days.items()
    }


def local(second: int, tz: ZoneInfo) -> dt.datetime:
    """What the clocks show."""
    return dt.datetime.fromtimestamp(second, tz)


def rates_of(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    listed = [(each["name"], each) for each in document["rates"]]
    for each in document.get("peak_multipliers", []):
        name, rate = listed[-1]
        product = str(Fraction(rate["rate"]) * Fraction(each["multiplier"]))
        peak = {**rate, "rate": product, "days": [each["day_of_week"] or 7]}
        listed.insert(0, (f"{name} x{each['multiplier']}", peak))
    return listed


def shows(rate: dict[str, Any], moment: dt.datetime, document: dict[str, Any]) -> bool:
    date, clock = moment.date(), moment.isoformat()[11:16]
    opens, closes = rate.get("from", "00:00"), rate.get("to", "24:00")
    if opens < closes:
        inside = opens <= clock < closes
    else:
        inside = clock >= opens or clock < closes
        date -= dt.timedelta(days=clock < closes)
    return inside and is_day_of(rate, date, document.get("holidays", []))


def is_day_of(rate: dict[str, Any], date: dt.date, holidays: list[str]) -> bool:
    is_holiday = date.isoformat() in holidays
    weekday = 7 if is_holiday and rate.get("holidays") is None else date.isoweekday()
    return (
        ("months" not in rate or date.month in rate["months"])
        and ("days" not in rate or weekday in [day or 7 for day in rate["days"]])
        and rate.get("holidays") in (None, is_holiday)
    )


def tiers_of(rate: dict[str, Any], kwh: Fraction, by: str | None) -> Fraction:
    tiers = rate.get("tiers") or [{"rate": rate["rate"]}]
    if by == "volume":
        tier = next(each for each in tiers if kwh <= Fraction(each.get("up_to_kwh", kwh)))
        return kwh * Fraction(str(tier["rate"]))
    amount, below = Fraction(0), Fraction(0)
    for each in tiers:
        top = min(kwh, Fraction(each.get("up_to_kwh", kwh)))
        amount += max(top - below, Fraction(0)) * Fraction(str(each["rate"]))
        below = max(below, top)
    return amount
