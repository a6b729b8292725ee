"""What ``psd up --face joi --sample`` has to look at: the original's ten meters, up to now.

Each has a batch of five readings a minute apart, the newest first, as the original makes them when
it starts; their times are those of the clock. Before that it has two days of power every quarter of
an hour, which the original knows nothing of and the pages of meters show, as they do the plans and
accounts of conf/joi.toml::

    smart-meter-0   [1764327600, 0.606], [1764327540, 0.825], ...   by POST /readings/store
                    ..., [1764326700, 0.412]                        before, as a meter of power
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from psd.domain.face import FaceSample
from psd.energy.joi.joi_tables import load_joi_tables
from psd.energy.plan_records import plan_sent

if TYPE_CHECKING:
    from psd.energy.part import EnergyPart

METERS = 10
READINGS = 5
MINUTE_S = 60
AUTHOR = "sample"
QUARTER_S = 900
BEFORE_S = 2 * 86_400

THOUSANDTHS = 1_000
"""Of a kW, as the original rounds down to."""

LINES = (
    """curl -X POST -H 'Content-Type: application/json' {url}/readings/store -d """
    """'{{"smartMeterId":"smart-meter-0","electricityReadings":"""
    """[{{"time":1606636800,"reading":0.0503}},{{"time":1606636860,"reading":0.0621}}]}}'""",
    "curl {url}/readings/read/smart-meter-0",
    "curl {url}/price-plans/compare-all/smart-meter-0",
    "curl '{url}/price-plans/recommend/smart-meter-0?limit=2'",
)


def joi_sample(now_s: int) -> FaceSample:
    """Documents of the queue, the oldest first."""
    draw = random.Random(now_s)
    documents = [each for meter in range(METERS) for each in _of(meter, now_s, draw)]
    accounts = load_joi_tables().accounts
    documents += [_account(each.meter, each.plan, now_s) for each in accounts]
    return FaceSample(documents, LINES, put_plans)


async def put_plans(part: EnergyPart) -> None:
    """Keep the original's plans among those of psd, so that pages have something to compare."""
    for plan in load_joi_tables().plans:
        rates = [{"name": "base", "rate": plan.rate}]
        document = {"supplier": plan.supplier, "rates": rates}
        await part.plans.put(plan.id, plan_sent(plan.id, document), AUTHOR)


def _account(meter: str, plan: str, now_s: int) -> dict[str, Any]:
    return {"command": "meter", "meter": {"meter": meter, "time": now_s, "plan": plan}}


def _of(meter: int, now_s: int, draw: random.Random) -> Iterator[dict[str, Any]]:
    name = f"smart-meter-{meter}"
    first = (now_s - BEFORE_S) // QUARTER_S * QUARTER_S
    last = now_s - READINGS * MINUTE_S
    points = [(second, _day_kw(second, draw)) for second in range(first, last, QUARTER_S)]
    yield {"command": "power", "power": {"meter": name, "points": points}}
    readings = [(now_s - at * MINUTE_S, _kw(draw.random())) for at in range(READINGS)]
    id_ = f"sample{meter}at{now_s}"
    fields = {"meter": name, "id": id_, "at_ms": now_s * 1000, "readings": readings}
    yield {"command": "joi_batch", "joi_batch": fields}


def _day_kw(second: int, draw: random.Random) -> float:
    """More in the evening than at night, and never alike."""
    hour = second % 86_400 / 3600
    return _kw(0.15 + 0.6 * math.exp(-(((hour - 19) / 2.5) ** 2)) + 0.2 * draw.random())


def _kw(value: float) -> float:
    return math.floor(value * THOUSANDTHS) / THOUSANDTHS
