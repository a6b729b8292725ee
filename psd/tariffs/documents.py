"""Reads plans from JSON, as psd and the JOI system write them. Pure.

::

    {"plan": "eco-tou", "currency": "GBP", "tz": "Europe/London",
     "standing": {"per": "day", "amount": "0.4512"}, "vat_percent": "5",
     "rates": [{"name": "peak", "rate": "0.3412", "from": "16:00", "to": "19:00",
                "days": [1, 2, 3, 4, 5], "months": [11, 12, 1, 2]},
               {"name": "base", "tiers": [{"up_to_kwh": "100", "rate": "0.221"},
                                          {"rate": "0.261"}]}]}

Whatever breaks a rule is an InputError that names the field: ``rates[1].tiers[0].rate``. A field
that is not known is refused, so that no slip of the pen makes another price.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from psd.errors import InputError, OutOfBoundsError, WrongTypeError
from psd.foreign_texts import shown
from psd.measures.money import rate_of
from psd.measures.units import ENERGY, milli
from psd.tariffs.periods import Period
from psd.tariffs.plans import (
    ALWAYS,
    EVERY_DAY,
    EVERY_MONTH,
    SUNDAY,
    Charge,
    PricePlan,
    Rate,
    Tier,
    TiersBy,
)
from psd.zones import DATE_S

Amount = Decimal
RATES_MAX = 500
ID_BYTES_MAX = 128

_NAMED = re.compile(r"Object (contains unknown|missing required) field `([^`]*)`")
_CLOCK = re.compile(r"([01]\d|2[0-4]):([0-5]\d)", re.ASCII)


class TierFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A tier as it is written."""

    rate: Amount
    up_to_kwh: Amount | None = None


class RateFields(
    msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}
):
    """A rate as it is written."""

    name: str
    rate: Amount | None = None
    tiers: list[TierFields] = []
    tiers_per: Period = "month"
    days: list[int] | None = None
    months: list[int] | None = None
    from_: str = "00:00"
    to: str = "24:00"
    holidays: bool | None = None


class ChargeFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A charge as it is written."""

    amount: Amount
    per: Period


class ExportFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """What is paid, as it is written."""

    rates: list[RateFields]


class MultiplierFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A multiplier of the JOI system; day 0 is Sunday as 7 is."""

    day_of_week: int
    multiplier: Amount


class PlanFields(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A version of a plan as it is written."""

    plan: str = ""
    supplier: str = ""
    currency: str = ""
    decimals: Literal[0, 1, 2, 3, 4, 5, 6] = 2
    tz: str = "UTC"
    valid_from: dt.date | None = None
    standing: ChargeFields | None = None
    minimum: ChargeFields | None = None
    vat_percent: Amount = Decimal(0)
    rates: list[RateFields] = []
    tiers_by: TiersBy = "graduated"
    export: ExportFields | None = None
    series: str = ""
    holidays: list[dt.date] = []
    peak_multipliers: list[MultiplierFields] = []


def load_plan(document: Mapping[str, Any]) -> PricePlan:
    """A plan from its document; raises an InputError that names the field which is wrong."""
    return plan_of(plan_fields(document))


def plan_fields(document: Mapping[str, Any], within: str = "") -> PlanFields:
    """The fields of a document; raises WrongTypeError. ``within`` is where it stands itself."""
    try:
        return msgspec.convert(document, PlanFields, strict=False)
    except msgspec.ValidationError as exc:
        raise WrongTypeError(_complaint(str(exc), within)) from exc


def _complaint(message: str, within: str) -> str:
    """What msgspec says, with the field in front: ``rates[1].rate: expected `decimal` ...``.

    >>> _complaint("Object contains unknown field `colour` - at `$.rates[0]`", "")
    'rates[0].colour: unknown'
    """
    rule, _, where = message.partition(" - at `$")
    parts = [within, where.rstrip("`").lstrip(".")]
    named = _NAMED.match(rule)
    if named:
        parts.append(named[2])
        rule = "unknown" if named[1].startswith("contains") else "missing; it is needed"
    field = ".".join(filter(None, parts)) or "plan"
    return f"{field}: {rule[0].lower()}{rule[1:]}"


def plan_of(fields: PlanFields) -> PricePlan:
    """A plan from its fields; raises an InputError."""
    if not 1 <= len(fields.plan.encode()) <= ID_BYTES_MAX:
        raise OutOfBoundsError(f"plan: an id has 1 to {ID_BYTES_MAX} bytes")
    if bool(fields.rates) is bool(fields.series):
        raise WrongTypeError("rates: a plan has either rates or a series of prices")
    try:
        ZoneInfo(fields.tz)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise WrongTypeError(f"tz: {shown(fields.tz)} is no zone of the IANA database") from exc
    rates = _rates("rates", fields.rates) if fields.rates else ()
    if not 0 <= fields.vat_percent <= 1000:
        raise OutOfBoundsError(f"vat_percent: {fields.vat_percent} must lie between 0 and 1000")
    return PricePlan(
        fields.plan,
        _multiplied(rates, fields.peak_multipliers),
        fields.supplier,
        fields.currency,
        fields.decimals,
        fields.tz,
        fields.valid_from,
        _charge("standing", fields.standing),
        _charge("minimum", fields.minimum),
        rate_of(fields.vat_percent, "vat_percent"),
        fields.tiers_by,
        _rates("export.rates", fields.export.rates) if fields.export else (),
        fields.series,
        frozenset(fields.holidays),
    )


def window_of(opens: str, closes: str, field: str = "from") -> range:
    """Seconds of a day; past midnight where it closes before it opens.

    >>> window_of("23:30", "05:30")
    range(84600, 106200)
    """
    first, last = _second("from", opens, field), _second("to", closes, field)
    if first == last:
        raise OutOfBoundsError(f"{field}: from {opens} to {closes} is no time at all")
    return range(first, last if last > first else last + DATE_S)


def _second(name: str, text: str, field: str) -> int:
    found = _CLOCK.fullmatch(text)
    second = int(found[1]) * 3600 + int(found[2]) * 60 if found else DATE_S + 1
    if second > DATE_S:
        raise WrongTypeError(f"{field}.{name}: {shown(text)} is no time of day (00:00 to 24:00)")
    return second


def _rates(field: str, listed: Sequence[RateFields]) -> tuple[Rate, ...]:
    if not 1 <= len(listed) <= RATES_MAX:
        raise OutOfBoundsError(f"{field}: 1 to {RATES_MAX} rates are allowed")
    rates = tuple(_rate(f"{field}[{place}]", each) for place, each in enumerate(listed))
    if not rates[-1].is_unconditional:
        raise WrongTypeError(f"{field}[{len(rates) - 1}]: the last rate must match always")
    return rates


def _rate(field: str, fields: RateFields) -> Rate:
    if not fields.name:
        raise WrongTypeError(f"{field}.name: a rate has a name")
    window = ALWAYS
    if (fields.from_, fields.to) != ("00:00", "24:00"):
        window = window_of(fields.from_, fields.to, field)
    return Rate(
        fields.name,
        _tiers(field, fields),
        EVERY_DAY if fields.days is None else _days(f"{field}.days", fields.days),
        EVERY_MONTH if fields.months is None else _months(f"{field}.months", fields.months),
        window,
        fields.holidays,
        fields.tiers_per,
    )


def _tiers(field: str, fields: RateFields) -> tuple[Tier, ...]:
    """The tiers of a rate; one that has none is a tier without an end.

    Beside tiers ``rate`` says nothing, and is allowed as it is told for people.
    """
    if not fields.tiers:
        if fields.rate is None:
            raise WrongTypeError(f"{field}.rate: missing; a rate has one, or tiers")
        return (Tier(rate_of(fields.rate, f"{field}.rate")),)
    tiers = []
    for place, each in enumerate(fields.tiers):
        told = f"{field}.tiers[{place}]"
        up_to = (
            None
            if each.up_to_kwh is None
            else milli(each.up_to_kwh, "kWh", ENERGY, f"{told}.up_to_kwh")
        )
        tiers.append(Tier(rate_of(each.rate, f"{told}.rate"), up_to))
    tops = [each.up_to_mwh for each in tiers]
    ends = [top for top in tops if top is not None]
    if tops[-1] is not None or len(ends) != len(tops) - 1 or ends != sorted({*ends} - {0}):
        raise OutOfBoundsError(f"{field}.tiers: up_to_kwh rises, and the last tier has none")
    return tuple(tiers)


def _days(field: str, days: Sequence[int]) -> frozenset[int]:
    if not days or not all(0 <= day <= SUNDAY for day in days):
        raise OutOfBoundsError(f"{field}: days are 1 (Monday) to 7 (Sunday)")
    return frozenset(day or SUNDAY for day in days)


def _months(field: str, months: Sequence[int]) -> frozenset[int]:
    if not months or not EVERY_MONTH.issuperset(months):
        raise OutOfBoundsError(f"{field}: months are 1 to 12")
    return frozenset(months)


def _charge(field: str, fields: ChargeFields | None) -> Charge | None:
    if fields is None:
        return None
    return Charge(rate_of(fields.amount, f"{field}.amount"), fields.per)


def _multiplied(
    rates: tuple[Rate, ...], multipliers: Sequence[MultiplierFields]
) -> tuple[Rate, ...]:
    """Rates with their multiples before them; of a day the first multiplier is the one."""
    by_day: dict[int, Decimal] = {}
    for place, each in enumerate(multipliers):
        [day] = _days(f"peak_multipliers[{place}].day_of_week", [each.day_of_week])
        by_day.setdefault(day, each.multiplier)
    found = []
    for rate in rates:
        found += [
            msgspec.structs.replace(
                rate,
                name=f"{rate.name} x{multiplier}",
                tiers=tuple(_multiple(tier, multiplier) for tier in rate.tiers),
                days=frozenset({day}),
            )
            for day, multiplier in by_day.items()
            if day in rate.days
        ]
        found.append(rate)
    return tuple(found)


def _multiple(tier: Tier, multiplier: Decimal) -> Tier:
    product = Decimal(tier.rate) * multiplier
    try:
        rate = rate_of(product.scaleb(-9), "peak_multipliers")
    except InputError as exc:
        raise OutOfBoundsError(f"peak_multipliers: {multiplier} makes a price of none") from exc
    return Tier(rate, tier.up_to_mwh)
