"""What a price plan says, whoever wrote it. Pure.

The first rate that matches a moment has it, and the last one matches always. A moment is what the
clocks of the plan's zone show: its time of day, the weekday and month of its date. A rate whose
``from`` lies behind its ``to`` passes midnight, and belongs to the date on which it began::

    {"name": "night", "rate": "0.075", "from": "23:30", "to": "05:30", "days": [5]}
    matches Saturday 02:00, and Friday 23:45, but neither Friday 02:00 nor Saturday 23:45

Days are 1 Monday to 7 Sunday. A date of ``holidays`` is taken as a Sunday; a rate with
``"holidays": true`` matches on these dates alone, and one with ``false`` on none of them.
psd/tariffs/documents.py reads plans from JSON.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from psd.tariffs.periods import Period
from psd.zones import DATE_S

SUNDAY = 7
ALWAYS = range(DATE_S)
EVERY_DAY = frozenset(range(1, 8))
EVERY_MONTH = frozenset(range(1, 13))

TiersBy = Literal["graduated", "volume"]


class Tier(msgspec.Struct, frozen=True):
    """A price up to so many mWh of a period, that with them included; None for all the rest."""

    rate: int
    up_to_mwh: int | None = None


class Rate(msgspec.Struct, frozen=True):
    """A price, in 10^-9 units of money a kWh, and when it is that.

    ``window`` are seconds of a day; past its end they are those of the next one.
    """

    name: str
    tiers: tuple[Tier, ...]
    days: frozenset[int] = EVERY_DAY
    months: frozenset[int] = EVERY_MONTH
    window: range = ALWAYS
    holidays: bool | None = None
    tiers_per: Period = "month"

    @property
    def is_unconditional(self) -> bool:
        """Whether it matches always."""
        return (
            self.days == EVERY_DAY
            and self.months == EVERY_MONTH
            and self.window == ALWAYS
            and self.holidays is None
        )

    def is_on(self, month: int, weekday: int, *, is_holiday: bool) -> bool:
        """Whether it begins on such a date."""
        if month not in self.months:
            return False
        if self.holidays is not None and self.holidays is not is_holiday:
            return False
        return (SUNDAY if is_holiday and self.holidays is None else weekday) in self.days


class Charge(msgspec.Struct, frozen=True):
    """An amount, in 10^-9 units of money, of each day or month."""

    amount: int
    per: Period


class PricePlan(msgspec.Struct, frozen=True):
    """A version of a plan. It has either ``rates`` or a ``series`` of prices by their time.

    ``vat`` is in 10^-9 of a percent. What is delivered to the grid is paid by ``export``.
    """

    id: str
    rates: tuple[Rate, ...] = ()
    supplier: str = ""
    currency: str = ""
    decimals: int = 2
    tz: str = "UTC"
    valid_from: dt.date | None = None
    standing: Charge | None = None
    minimum: Charge | None = None
    vat: int = 0
    tiers_by: TiersBy = "graduated"
    export: tuple[Rate, ...] = ()
    series: str = ""
    holidays: frozenset[dt.date] = frozenset()

    @property
    def zone(self) -> ZoneInfo:
        """The zone of its clocks."""
        return ZoneInfo(self.tz)

    @property
    def has_daily_tiers(self) -> bool:
        """Whether some tier is of a day."""
        return any(
            len(rate.tiers) > 1 and rate.tiers_per == "day" for rate in (*self.rates, *self.export)
        )
