"""Money as integers: exact products, rounded once to the smallest coin. Pure.

A rate is an integer of 10^-9 units of money, so that rate times mWh is exact; a sum becomes minor
units (pence, cents) when a line of a bill is done, half to even::

    rate_of("0.3412")                           -> 341200000
    amount_of(341200000 * 1_500_000)            -> Fraction(5118, 10000)
    minor(Fraction(5118, 10000))                -> 51
    text_of_minor(51)                           -> "0.51"
"""

from __future__ import annotations

from fractions import Fraction

from psd.errors import OutOfBoundsError
from psd.measures.units import Number, decimal_of, scaled

RATE_POWER = 9
RATE_UNIT = 10**RATE_POWER
"""Parts of a unit of money that a rate is written in."""

KWH_MWH = 10**6
"""mWh of a kWh."""

MINOR_DECIMALS = 2
"""Of a unit of money, where its plan says nothing else: pence, cents."""

RATE_MAX = 10**6
"""Units of money a kWh, either way; more is a slip of the pen."""


def rate_of(value: Number, field: str = "rate") -> int:
    """A price in 10^-9 units of money, exact; raises an InputError for one that is finer."""
    number = decimal_of(value, field)
    if abs(number) > RATE_MAX:
        raise OutOfBoundsError(f"{field}: {value} must lie within +-{RATE_MAX}")
    rate = scaled(number, RATE_POWER, field)
    if Fraction(number) * RATE_UNIT != rate:
        raise OutOfBoundsError(f"{field}: {value} has more than {RATE_POWER} decimals")
    return rate


def amount_of(product: int) -> Fraction:
    """Units of money of a rate times mWh."""
    return Fraction(product, RATE_UNIT * KWH_MWH)


def minor(amount: Fraction, decimals: int = MINOR_DECIMALS) -> int:
    """The nearest number of minor units to an exact amount in units of money, half to even."""
    scale: int = 10**decimals
    return round(amount * scale)


def text_of_minor(amount: int, decimals: int = MINOR_DECIMALS) -> str:
    """As a person writes it: ``-1234`` is ``-12.34``."""
    whole, rest = divmod(abs(amount), 10**decimals)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{rest:0{decimals}d}" if decimals else f"{sign}{whole}"
