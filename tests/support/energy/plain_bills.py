"""Bills of plain Python: each half-hour looks at the clock on the wall, and at nothing of psd.

>>> by_half_hours({"rates": [{"name": "base", "rate": "0.2"}]}, ZoneInfo("UTC"), {0: 1_500_000})
{'base': 30}
"""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

HALF_HOUR_S = 1_800
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

PLANS: list[dict[str, Any]] = [
    {"rates": [BASE]},
    {"rates": [PEAK, NIGHT, BASE]},
    {"rates": [{**NIGHT, "days": [5, 0]}, {**PEAK, "days": [6, 7]}, BASE]},
    {"rates": [PEAK, TIERED]},
    {"rates": [PEAK, TIERED], "tiers_by": "volume"},
    {
        "rates": [
            {**TIERED, "tiers_per": "day", "tiers": [{"up_to_kwh": 9, "rate": 1}, {"rate": 2}]}
        ]
    },
    {"rates": [PEAK, BASE], "standing": {"per": "day", "amount": "0.4512"}, "vat_percent": 5},
    {"rates": [BASE], "minimum": {"per": "month", "amount": 90}, "vat_percent": "17.5"},
    {"rates": [BASE], "standing": {"per": "month", "amount": 12}},
    {"rates": [{**PEAK, "holidays": False}, BASE], "holidays": ["2026-03-31", "2026-10-26"]},
    {"rates": [{"name": "feast", "rate": 9, "holidays": True}, BASE], "holidays": ["2026-03-30"]},
    {"rates": [BASE], "peak_multipliers": [{"day_of_week": 0, "multiplier": "1.5"}]},
    {"rates": [{**BASE, "rate": "-0.05"}], "decimals": 4},
]
ZONES = ("Europe/London", "America/St_Johns", "Australia/Lord_Howe")
"""The clocks of the last jump by half an hour, in April and October."""


def by_half_hours(document: dict[str, Any], tz: ZoneInfo, energy: dict[int, int]) -> dict[str, int]:
    """The bill of plain Python: each half-hour looks at the clock on the wall."""
    rates = rates_of(document)
    sums_of: dict[tuple[str, int, int], int] = {}
    for second, mwh in energy.items():
        local = dt.datetime.fromtimestamp(second, tz)
        clock = local.isoformat()[11:16]
        name, rate = next(each for each in rates if shows(each[1], local.date(), clock, document))
        day = local.day if rate.get("tiers_per") == "day" else 0
        key = (name, local.month, day)
        sums_of[key] = sums_of.get(key, 0) + mwh
    lines: dict[str, Fraction] = {}
    months: dict[int, Fraction] = {}
    for (name, month, _), mwh in sums_of.items():
        amount = tiers_of(dict(rates)[name], Fraction(mwh, 10**6), document.get("tiers_by"))
        lines[name] = lines.get(name, Fraction(0)) + amount
        months[month] = months.get(month, Fraction(0)) + amount
    lengths = {each: (dt.date(2026, each + 1, 1) - dt.date(2026, each, 1)).days for each in months}
    net = sum(months.values(), Fraction(0))
    if standing := document.get("standing"):
        times = sum(lengths.values()) if standing["per"] == "day" else len(months)
        lines["standing"] = times * Fraction(standing["amount"])
        net += lines["standing"]
    if minimum := document.get("minimum"):
        least = Fraction(minimum["amount"])
        lacking = [max(least - each, Fraction(0)) for each in months.values()]
        lines["minimum"] = sum(lacking, Fraction(0))
        net += lines["minimum"]
    if "vat_percent" in document:
        lines["vat"] = net * Fraction(document["vat_percent"]) / 100
    return {name: round(each * 10 ** document.get("decimals", 2)) for name, each in lines.items()}


def rates_of(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    listed = [(each["name"], each) for each in document["rates"]]
    for each in document.get("peak_multipliers", []):
        name, rate = listed[-1]
        product = str(Fraction(rate["rate"]) * Fraction(each["multiplier"]))
        peak = {**rate, "rate": product, "days": [each["day_of_week"] or 7]}
        listed.insert(0, (f"{name} x{each['multiplier']}", peak))
    return listed


def shows(rate: dict[str, Any], date: dt.date, clock: str, document: dict[str, Any]) -> bool:
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
        tier = next(each for each in tiers if kwh <= each.get("up_to_kwh", kwh))
        return kwh * Fraction(str(tier["rate"]))
    amount, below = Fraction(0), Fraction(0)
    for each in tiers:
        top = min(kwh, Fraction(each.get("up_to_kwh", kwh)))
        amount += max(top - below, Fraction(0)) * Fraction(str(each["rate"]))
        below = max(below, top)
    return amount
