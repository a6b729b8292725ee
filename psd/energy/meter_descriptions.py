"""From what is said of a meter to what is kept of it. Pure.

::

    {"meter": "m-1", "time": 1606636800, "tz": "Europe/London", "max_kw": "14"}
    -> MeterDescription(1606636800, "m-1", (("tz", "Europe/London"), ("max_kw", "14000000")))

What is not said stays as it is, null forgets. Without a time it is so from now on.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UNSET

from psd.energy.channels import meter_channel, meter_name
from psd.energy.meter_facts import Said, exchange_field
from psd.energy.meter_messages import ExchangeFields, MeterFields
from psd.engine.event_rules import EventRules
from psd.engine.event_times import second_in
from psd.engine.events import Change
from psd.errors import BadQueryError, OutOfBoundsError, TooLargeError, WrongTypeError
from psd.foreign_texts import shown
from psd.measures.units import ENERGY, POWER, milli
from psd.zones import zone

PLAN_BYTES_MAX = 128
DIGITS_MAX = 12
MAX_KW_MW = 10**12
"""1 GW."""

GAP_MAX_S = 366 * 86_400
REGISTER_MAX_MWH = 10**18
"""10^12 kWh."""

_encode = msgspec.msgpack.Encoder().encode


class MeterDescription(Change, frozen=True):
    """What was said of a meter, by field; None for what is forgotten."""

    meter: str
    said: Said

    def identity(self) -> bytes | None:
        """That of what says the same: fields are merged by second, so that no other is replaced."""
        return b"meter" + _encode((self.meter, self.time_s, self.said))


def description(fields: MeterFields, now_s: int, rules: EventRules) -> MeterDescription:
    """What a message says of a meter; raises an InputError."""
    second = now_s if fields.time is None else second_in("time", fields.time)
    rules.check_time("time", second, now_s)
    said: list[tuple[str, str | None]] = []
    for name, check in _CHECKS.items():
        value = getattr(fields, name)
        if value is not UNSET:
            said.append((name, None if value is None else check(value)))
    if isinstance(fields.exchange, ExchangeFields):
        said.append(_exchange(fields.exchange, now_s, rules))
    return MeterDescription(second, meter_name(fields.meter), tuple(said))


def _tz(name: str) -> str:
    try:
        zone(name)
    except BadQueryError as exc:
        raise WrongTypeError(str(exc)) from exc
    return name


def _plan(name: str) -> str:
    if not 1 <= len(name.encode("utf-8", "surrogatepass")) <= PLAN_BYTES_MAX:
        raise TooLargeError(f"plan: {shown(name)} must have 1 to {PLAN_BYTES_MAX} bytes")
    if not name.isprintable():
        raise WrongTypeError(f"plan: {shown(name)} holds what cannot be printed")
    return name


def _max_kw(number: Decimal) -> str:
    mw = milli(number, "kW", POWER, "max_kw")
    if not 0 < mw <= MAX_KW_MW:
        raise OutOfBoundsError(f"max_kw: {shown(str(number))} must lie above 0, up to 1 GW")
    return str(mw)


def _digits(digits: int) -> str:
    if not 1 <= digits <= DIGITS_MAX:
        raise OutOfBoundsError(f"digits: {shown(digits)} must lie between 1 and {DIGITS_MAX}")
    return str(digits)


def _gap_max_s(seconds: int) -> str:
    if not 1 <= seconds <= GAP_MAX_S:
        raise OutOfBoundsError(f"gap_max_s: {shown(seconds)} must lie between 1 and {GAP_MAX_S}")
    return str(seconds)


_CHECKS: dict[str, Callable[[Any], str]] = {
    "tz": _tz,
    "plan": _plan,
    "max_kw": _max_kw,
    "digits": _digits,
    "gap_max_s": _gap_max_s,
}


def _exchange(told: ExchangeFields, now_s: int, rules: EventRules) -> tuple[str, str | None]:
    """The field of an exchange, and what both meters showed."""
    second = second_in("exchange.time", told.time)
    rules.check_time("exchange.time", second, now_s)
    field = exchange_field(meter_channel(told.flow, told.register), second)
    if told.final is None or told.first is None:
        if told.final is not None or told.first is not None:
            raise WrongTypeError("exchange: give final and first, or null for both")
        return field, None
    final = _shown("exchange.final", told.final, told.unit)
    return field, f"{final}:{_shown('exchange.first', told.first, told.unit)}"


def _shown(field: str, number: Decimal, unit: str) -> int:
    mwh = milli(number, unit, ENERGY, field)
    if not 0 <= mwh < REGISTER_MAX_MWH:
        raise OutOfBoundsError(f"{field}: {shown(str(number))} must lie between 0 and 10^12 kWh")
    return mwh
