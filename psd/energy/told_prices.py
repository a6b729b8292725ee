"""Plans, prices and carbon as messages that tell them again.

::

    {"command":"decision","decision":{"kind":"plan_put","version":1460462400001,"kept":{...}}}
    {"command":"prices","prices":{"series":"agile-c","currency":"GBP","rows":[[...]]}}

Of prices what stands is told, a month a message: when each was said is not. Readings of meters are
told by psd/energy/told_readings.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

from psd.domain.told_again import ToldMessage, commanded, decided
from psd.energy.plan_records import PlanPut
from psd.energy.plan_store import PlanStore
from psd.energy.price_messages import (
    ROWS_MAX,
    CarbonFields,
    PriceRow,
    PricesFields,
    SeriesKind,
)
from psd.energy.price_store import PriceStore
from psd.engine.plan import Range
from psd.measures.money import RATE_POWER
from psd.tariffs.prices import Price

AT_ONCE = 100


class ToldEnergy:
    """Tells plans by their names, then series."""

    def __init__(self, plans: PlanStore, prices: PriceStore) -> None:
        self._plans = plans
        self._prices = prices

    async def standing(self, _within: Range) -> AsyncIterator[ToldMessage]:
        """All of them."""
        after = ""
        while page := await self._plans.page(after, AT_ONCE):
            for each in page:
                kept = each.stored
                put = PlanPut(version=await self._plans.version(kept.plan), kept=kept)
                yield decided(kept.plan, kept.changed_at_s, put)
            after = page[-1].stored.plan
        kinds: tuple[SeriesKind, ...] = ("p", "c")
        for kind in kinds:
            for series, currency in await self._prices.names(kind):
                async for message in self._series(kind, series, currency):
                    yield message

    async def _series(
        self, kind: SeriesKind, series: str, currency: str
    ) -> AsyncIterator[ToldMessage]:
        async for month in self._prices.months(kind, series):
            for start in range(0, len(month), ROWS_MAX):
                some = month[start : start + ROWS_MAX]
                rows = [_row(each) for each in some]
                if kind == "p":
                    prices = PricesFields(series=series, currency=currency, rows=rows)
                    yield commanded(series, some[0].start, "prices", prices)
                else:
                    carbon = CarbonFields(region=series, rows=rows)
                    yield commanded(series, some[0].start, "carbon", carbon)


def _row(price: Price) -> PriceRow:
    return (price.start, price.end, Decimal(price.rate).scaleb(-RATE_POWER))
