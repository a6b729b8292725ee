"""Measures as people and meters write them, as integers of a thousandth of the unit. Pure.

Power is mW, energy mWh, current mA, voltage mV; whatever is finer is rounded half to even::

    milli("0.0503", "kW", POWER)        -> 50300
    milli("12345.678", "kWh", ENERGY)   -> 12345678000
    milli("1.5", "therm", ENERGY)       -> UnitError: unit: 'therm' is none of energy; known are ...

A number is decimal text, an integer, a Decimal, or a float that stands for the shortest decimal
which reads as it: 0.1 is a tenth.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, DecimalException, Inexact, InvalidOperation

from psd.errors import OutOfBoundsError, UnitError, WrongTypeError
from psd.foreign_texts import shown

POWER = "power"
ENERGY = "energy"
CURRENT = "current"
VOLTAGE = "voltage"

DIGITS_MAX = 60
"""Of a number; no meter shows half as many."""

_PREFIXES = {"m": 0, "": 3, "k": 6, "M": 9, "G": 12}
_BASES = {POWER: "W", ENERGY: "Wh", CURRENT: "A", VOLTAGE: "V"}

UNITS: Mapping[str, Mapping[str, int]] = {
    kind: {f"{prefix}{base}": power for prefix, power in _PREFIXES.items()}
    for kind, base in _BASES.items()
}
"""By kind: units, and the power of ten that makes thousandths of them."""

_EXACT = Context(prec=DIGITS_MAX, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Inexact])
_LARGEST_POWER = 40
"""Of ten, of a number in thousandths: more is out of bounds of everything that is measured."""

Number = Decimal | int | float | str


def power_of(unit: str, kind: str, field: str = "unit") -> int:
    """The power of ten that makes thousandths of a unit; raises UnitError for one of other kind."""
    power = UNITS[kind].get(unit)
    if power is None:
        raise UnitError(
            f"{field}: {shown(unit)} is no unit of {kind}; known are {', '.join(UNITS[kind])}"
        )
    return power


def milli(value: Number, unit: str, kind: str, field: str = "value") -> int:
    """A measure in thousandths of its unit; raises an InputError that names the field."""
    return scaled(value, power_of(unit, kind), field)


def scaled(value: Number, power: int, field: str = "value") -> int:
    """A number times a power of ten, as the nearest integer, half to even. 0.6 us.

    >>> scaled("0.0000005", 6), scaled("0.0000015", 6), scaled("1e3", 0)
    (0, 2, 1000)
    """
    number = decimal_of(value, field)
    if number.adjusted() + power > _LARGEST_POWER:
        raise OutOfBoundsError(f"{field}: {shown(str(value))} is larger than anything measured")
    if number.adjusted() + power < -1:
        return 0
    try:
        shifted = number.scaleb(power, _EXACT)
    except DecimalException as exc:
        raise OutOfBoundsError(f"{field}: more than {DIGITS_MAX} digits") from exc
    return int(shifted.to_integral_value(ROUND_HALF_EVEN))


def decimal_of(value: Number, field: str = "value") -> Decimal:
    """A finite number as it is written; raises an InputError for what is none."""
    if isinstance(value, bool):
        raise WrongTypeError(f"{field}: {value} is no number")
    if isinstance(value, float):
        value = repr(value)
    if isinstance(value, str):
        text = value.strip()
        if not text.isascii() or "_" in text:
            raise WrongTypeError(f"{field}: {shown(value)} is no decimal number")
        value = text
    try:
        number = Decimal(value)
    except (DecimalException, ValueError) as exc:
        raise WrongTypeError(f"{field}: {shown(str(value))} is no decimal number") from exc
    if not number.is_finite():
        raise OutOfBoundsError(f"{field}: {shown(str(value))} is not finite")
    return number


def text_of(thousandths: int, power: int = 6) -> str:
    """An integer as decimal text of a larger unit, without zeros at its end.

    >>> text_of(12345678000), text_of(-500), text_of(0), text_of(1000000)
    ('12345.678', '-0.0005', '0', '1')
    """
    whole, rest = divmod(abs(thousandths), 10**power)
    digits = str(rest).rjust(power, "0").rstrip("0") if rest else ""
    sign = "-" if thousandths < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"
