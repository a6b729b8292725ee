"""What the JOI system answers at its own paths, at the root of its face.

::

    POST /readings/store {"smartMeterId": "m", "electricityReadings": [...]}   -> the same, as taken
    GET  /readings/read/m                     -> [{"time":1606636800,"reading":0.0503},...]
    GET  /price-plans/compare-all/m           -> {"pricePlanId":"price-plan-0","pricePlanCompar...}
    GET  /price-plans/recommend/m?limit=2     -> [{"price-plan-2":0.588},{"price-plan-1":1.176}]

Of readings between which no time passes there is no number: nothing is recommended, and nothing
compared.
"""

from __future__ import annotations

import itertools
import json
import secrets
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from psd.clock import Clock
from psd.domain.deed import Deed, Done
from psd.domain.question import Asked, Endpoint
from psd.energy import documented
from psd.energy.documented import JoiReading
from psd.energy.joi.dialect import JOI
from psd.energy.joi.joi_batches import BatchFields, BatchStore
from psd.energy.joi.joi_bodies import BatchBody, read_batch, whole
from psd.energy.joi.joi_tables import JoiTables
from psd.energy.settings import EnergySettings
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.errors import NotFoundError, OutOfBoundsError
from psd.slices import in_slices

WELCOME = "Welcome to the JoyEnergy "

ID_BYTES = 6
SEQUENCE_END = 1 << 32


class Welcome(msgspec.Struct):
    """What stands at the root."""

    message: str


class ToldReading(msgspec.Struct):
    """A reading: Unix second, and kW."""

    time: int
    reading: float


class JoiElectricity(msgspec.Struct, rename="camel"):
    """Readings of a meter."""

    smart_meter_id: Annotated[str, Meta(description="0 to 256 bytes")]
    electricity_readings: list[ToldReading]


class PlanComparison(msgspec.Struct, rename="camel"):
    """The meter's plan, null for none, and the cost by each, that of the lowest rate first."""

    price_plan_id: str | None
    price_plan_comparisons: list[dict[str, float | None]]


class LimitQuery(msgspec.Struct):
    """How many plans; the last one counts."""

    limit: Annotated[list[str], Meta(description="a whole number of 0 or more, without it all")]


class JoiFace:
    """Answers at the original's paths; ``tables`` are its plans and accounts."""

    def __init__(
        self, batches: BatchStore, tables: JoiTables, settings: EnergySettings, clock: Clock
    ) -> None:
        self._batches = batches
        self._tables = tables
        self._settings = settings
        self._clock = clock
        self._sequence = itertools.count()

    def endpoints(self) -> list[Endpoint]:
        """What is read."""
        return [*self._signs_of_life(), *self._of_meters()]

    def _signs_of_life(self) -> list[Endpoint]:
        return [
            Endpoint(
                path="/",
                answer=Welcome,
                ask=self.welcome,
                meaning="a greeting",
                example=("/", f'{{"message":"{WELCOME}"}}'),
                scope="open",
                dialect=JOI,
            ),
            Endpoint(
                path="/health",
                answer=bool,
                ask=self.health,
                meaning="true",
                example=("/health", "true"),
                scope="open",
                dialect=JOI,
            ),
        ]

    def _of_meters(self) -> list[Endpoint]:
        meter = "smart-meter-0"
        costs = '[{"price-plan-2":0.588},{"price-plan-1":1.176},{"price-plan-0":5.88}]'
        return [
            Endpoint(
                path="/readings/read/{meter}",
                answer=list[ToldReading],
                ask=self.readings,
                meaning="the newest batch first, each as it was sent",
                example=(f"/readings/read/{meter}", '[{"time":1606636800,"reading":0.0503},...]'),
                refused=(404,),
                whole=True,
                dialect=JOI,
            ),
            Endpoint(
                path="/price-plans/compare-all/{meter}",
                answer=PlanComparison,
                ask=self.compare,
                meaning="the cost by every plan",
                example=(
                    f"/price-plans/compare-all/{meter}",
                    f'{{"pricePlanId":"price-plan-0","pricePlanComparisons":{costs}}}',
                ),
                refused=(404,),
                whole=True,
                dialect=JOI,
            ),
            Endpoint(
                path="/price-plans/recommend/{meter}",
                query=LimitQuery,
                answer=list[dict[str, float | None]],
                ask=self.recommend,
                meaning="the plans of the lowest rates",
                example=(f"/price-plans/recommend/{meter}", costs),
                refused=(422,),
                whole=True,
                dialect=JOI,
            ),
        ]

    def deeds(self) -> list[Deed]:
        """What is written."""
        told = (
            '{"smartMeterId":"smart-meter-0",'
            '"electricityReadings":[{"time":1606636800,"reading":0.0503}]}'
        )
        return [
            Deed(
                path="/readings/store",
                command="joi_batch",
                body=JoiElectricity,
                answer=JoiElectricity,
                fields=self.fields,
                told=self.told,
                summary="Take readings of a meter.",
                meaning="what was taken",
                sent=told,
                example=("/readings/store", told),
                dialect=JOI,
                read=read_batch,
            )
        ]

    async def welcome(self, _asked: Asked) -> Welcome:
        """A greeting."""
        return Welcome(WELCOME)

    async def health(self, _asked: Asked) -> bool:
        """Whether it is there."""
        return True

    async def readings(self, asked: Asked) -> msgspec.Raw:
        """All that is kept of a meter."""
        batches = await self._batches.read(asked.path["meter"])
        pairs = [pair for batch in batches for pair in batch]
        if not pairs:
            raise NotFoundError("No readings found")
        written = await in_slices(pairs, lambda some: [_written(pair) for pair in some])
        return msgspec.Raw(f"[{','.join(written)}]".encode())

    async def compare(self, asked: Asked) -> PlanComparison:
        """What a meter costs by each plan."""
        meter = asked.path["meter"]
        costs = await self._costs(meter)
        if not costs:
            raise NotFoundError("Not Found")
        return PlanComparison(self._tables.plan_of(meter), costs)

    async def recommend(self, asked: Asked) -> list[dict[str, float | None]]:
        """The first plans of a comparison."""
        told = asked.query.limit
        limit = whole("limit", told[-1]) if told else None
        if limit is not None and limit < 0:
            raise OutOfBoundsError(f"limit: {limit} must be 0 or more")
        return (await self._costs(asked.path["meter"]))[:limit]

    async def fields(self, asked: Asked) -> BatchFields:
        """A batch as a message has it, with an id that rises with each of a millisecond."""
        body: BatchBody = asked.query
        sequence = next(self._sequence) % SEQUENCE_END
        id_ = f"{sequence:08x}{secrets.token_hex(ID_BYTES)}"
        return BatchFields(body.meter, id_, self._clock.now_ms(), body.readings)

    async def told(self, asked: Asked, _accepted: Accepted, _outcome: Outcome) -> Done:
        """What was taken, as it was."""
        body: BatchBody = asked.query
        written = await in_slices(body.readings, lambda some: [_written(pair) for pair in some])
        meter = json.dumps(body.meter, ensure_ascii=False)
        answer = f'{{"smartMeterId":{meter},"electricityReadings":[{",".join(written)}]}}'
        return Done(msgspec.Raw(answer.encode()), is_new=True)

    async def _costs(self, meter: str) -> list[dict[str, float | None]]:
        batches = await self._batches.read(meter)
        number = self._number(batches)
        return [] if number is None else documented.costs(number, self._tables.rates)

    def _number(self, batches: list[list[JoiReading]]) -> float | None:
        if self._settings.joi_number == "true":
            return documented.true_kwh(batches, self._settings.gap_max_s)
        return documented.number(batches)


def _written(pair: Any) -> str:
    """A reading in JSON, its number as Python writes it."""
    second, kw = pair
    return f'{{"time":{second},"reading":{kw!r}}}'
