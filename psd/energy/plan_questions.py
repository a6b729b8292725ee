"""Plans and prices over HTTP: what is put, and what is answered.

::

    PUT /v3/energy/plans/eco  {"currency": "GBP", "rates": [{"name": "base", "rate": "0.241"}]}
    -> 201, ETag: "9f3a..-1", {"plan":"eco","revision":1,...,"versions":[{...}]}
    PUT /v3/energy/prices/agile-c  {"currency": "GBP", "start": ..., "values": ["0.2145", ...]}
    -> 201 {"series":"agile-c","currency":"GBP","prices":48,"start":...,"end":...}
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from psd.clock import Clock, utc_text
from psd.domain.deed import Done
from psd.domain.question import Asked
from psd.domain.resource import KeptVersion
from psd.energy.plan_records import PlanSent, StoredPlan, plan_name, plan_sent
from psd.energy.plan_store import PlanStore
from psd.energy.price_messages import (
    CarbonFields,
    PriceRow,
    PricesFields,
    PricesSaid,
    PriceUnit,
    SeriesKind,
    series_name,
)
from psd.energy.price_store import PriceStore
from psd.energy.usage import Moment
from psd.engine.event_times import Time
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.errors import NotFoundError, TooLargeError
from psd.foreign_texts import shown
from psd.measures.money import RATE_POWER
from psd.measures.units import text_of
from psd.queries.boards.versions import Versions
from psd.queries.moments import asked_range
from psd.queries.requests import LIMIT_MAX
from psd.slices import in_slices
from psd.tariffs.documents import PlanFields
from psd.tariffs.prices import Price
from psd.zones import DATE_S, zone

PAGE = 100
PRICE_DAYS_MAX = 366

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX)]


class PlanBody(PlanFields, omit_defaults=True):
    """A version of a plan; or with ``versions`` alone all of them."""

    versions: list[PlanFields] = msgspec.field(default_factory=list)


class PlanAnswer(msgspec.Struct):
    """A plan, its versions by the date from which each is valid."""

    plan: str
    revision: int
    changed_at: str
    changed_by: str
    versions: list[PlanFields]


class PlansAnswer(msgspec.Struct):
    """A page of plans by name; ``next`` goes into ``after``."""

    data: list[PlanAnswer]
    next: str | None


class NamesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What comes behind a name; ``after`` is the ``next`` of the page before."""

    after: str = ""
    limit: Limit = PAGE


class PricesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Prices by ``rows``, or ``values`` of every so many seconds from ``start`` on."""

    currency: str = ""
    unit: PriceUnit = "kWh"
    rows: list[PriceRow] = []
    start: Time | None = None
    every_s: int = 1_800
    values: list[Decimal | None] = []


class CarbonBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Grams a kWh, the same way."""

    rows: list[PriceRow] = []
    start: Time | None = None
    every_s: int = 1_800
    values: list[Decimal | None] = []


class KeptPrices(msgspec.Struct, frozen=True):
    """How many prices were sent, of which time together."""

    series: str
    currency: str
    prices: int
    start: str
    end: str


class PricesQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A range of at most 366 days."""

    start: Moment
    end: Moment | None = None
    tz: str = "UTC"


class PriceTold(msgspec.Struct):
    """A price, or grams of carbon, a kWh, as decimal text."""

    start: str
    end: str
    price: str


class PricesAnswer(msgspec.Struct):
    """Prices in order, cut to the range; between them there is none."""

    series: str
    currency: str
    data: list[PriceTold]


class PriceSeriesRow(msgspec.Struct):
    """A series, and what its prices are in."""

    series: str
    currency: str


class PriceSeriesPage(msgspec.Struct):
    """A page of series by name; ``next`` goes into ``after``."""

    data: list[PriceSeriesRow]
    next: str | None


class PlanQuestions:
    """Puts, reads and drops plans."""

    def __init__(self, plans: PlanStore) -> None:
        self._plans = plans

    @staticmethod
    def read(path: Mapping[str, Any], fields: Mapping[str, Any]) -> PlanSent:
        """What a body says of a plan; raises an InputError."""
        return plan_sent(plan_name(path["plan"]), fields)

    async def get(self, asked: Asked) -> KeptVersion:
        """A plan."""
        return _standing((await self._plans.get(asked.path["plan"])).stored, is_new=False)

    async def put(self, asked: Asked, versions: Versions) -> KeptVersion:
        """Keep what was sent of a plan."""
        name, author = asked.path["plan"], asked.identity.name
        kept, is_new = await self._plans.put(name, asked.query, author, versions)
        return _standing(kept.stored, is_new=is_new)

    async def drop(self, asked: Asked, versions: Versions) -> None:
        """Take a plan away."""
        await self._plans.drop(asked.path["plan"], versions)

    async def page(self, asked: Asked) -> PlansAnswer:
        """Plans by name."""
        query: NamesQuery = asked.query
        found = await self._plans.page(query.after, query.limit + 1)
        rows = [plan_answer(each.stored) for each in found[: query.limit]]
        return PlansAnswer(rows, rows[-1].plan if len(found) > query.limit else None)


class PriceQuestions:
    """Takes and tells prices and carbon."""

    def __init__(self, prices: PriceStore, clock: Clock) -> None:
        self._prices = prices
        self._clock = clock

    async def price_fields(self, asked: Asked) -> PricesFields:
        """Prices as a message has them."""
        return PricesFields(series=asked.path["series"], **msgspec.structs.asdict(asked.query))

    async def carbon_fields(self, asked: Asked) -> CarbonFields:
        """Carbon as a message has it."""
        return CarbonFields(region=asked.path["region"], **msgspec.structs.asdict(asked.query))

    async def told(self, _asked: Asked, accepted: Accepted, outcome: Outcome) -> Done:
        """What was kept."""
        assert isinstance(accepted, PricesSaid)
        start = min(each.start for each in accepted.prices)
        end = max(each.end for each in accepted.prices)
        answer = KeptPrices(
            accepted.series,
            accepted.currency,
            len(accepted.prices),
            utc_text(start),
            utc_text(end),
        )
        return Done(answer, outcome.status == "booked")

    async def prices(self, asked: Asked) -> PricesAnswer:
        """Prices of a series."""
        return await self._told("p", series_name("series", asked.path["series"]), asked.query)

    async def carbon(self, asked: Asked) -> PricesAnswer:
        """Grams of carbon a kWh in a region."""
        return await self._told("c", series_name("region", asked.path["region"]), asked.query)

    async def series(self, asked: Asked) -> PriceSeriesPage:
        """Series of prices by name."""
        query: NamesQuery = asked.query
        found = await self._prices.page("p", query.after, query.limit + 1)
        rows = [PriceSeriesRow(*each) for each in found[: query.limit]]
        return PriceSeriesPage(rows, rows[-1].series if len(found) > query.limit else None)

    async def _told(self, kind: SeriesKind, name: str, query: PricesQuery) -> PricesAnswer:
        now_s = self._clock.now_ms() // 1000
        range_ = asked_range(query.start, query.end, now_s, tz=zone(query.tz))
        if range_.end - range_.start > PRICE_DAYS_MAX * DATE_S:
            raise TooLargeError(f"range: prices of at most {PRICE_DAYS_MAX} days are told at once")
        currency = await self._prices.currency(kind, name)
        if currency is None:
            raise NotFoundError(f"series: {shown(name)} has no prices")
        found = await self._prices.prices(kind, name, range_.start, range_.end)
        rows = await in_slices(
            found.within(range_.start, range_.end),
            lambda some: [_price_told(each) for each in some],
        )
        return PricesAnswer(name, currency, rows)


def _price_told(price: Price) -> PriceTold:
    return PriceTold(utc_text(price.start), utc_text(price.end), text_of(price.rate, RATE_POWER))


def plan_answer(stored: StoredPlan) -> PlanAnswer:
    """A plan as it is shown."""
    return PlanAnswer(
        stored.plan,
        stored.revision,
        utc_text(stored.changed_at_s),
        stored.changed_by,
        stored.versions,
    )


def _standing(stored: StoredPlan, *, is_new: bool) -> KeptVersion:
    return KeptVersion(plan_answer(stored), stored.tag, is_new)
