"""The whole path of energy, against plain Fractions that share no code with it.

Readings of all kinds are drawn, shuffled, repeated and corrected, and given to two workers that
know nothing of each other. What a meter is comes somewhere among them. Of each second and
window what came last counts, so mistakes come before what corrects them; all else of a channel
goes to either worker, in any order, and some of it to both.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import msgpack
import msgspec
import pytest

from psd.energy.part import EnergyPart
from psd.energy.usage import UsageQuery
from psd.runtime import Runtime
from tests.support.draws.random_meters import END, T0, Document, MeterHistory, check_usage
from tests.support.engine import engine_on


async def work(psd: Runtime, documents: list[Document], rng: random.Random) -> None:
    """Book messages, some together, each batch perhaps a second time."""
    while documents:
        size = rng.randint(1, 6)
        some, documents = documents[:size], documents[size:]
        events = []
        for command, fields in some:
            body = msgpack.packb({"command": command, command: fields})
            events += psd.rules.events(body, END + 3_600, "1")
        for _ in range(rng.choice((1, 1, 2))):
            for outcome in await psd.books.book(events):
                assert outcome.status in ("booked", "unchanged"), outcome


def questions(rng: random.Random) -> Iterator[UsageQuery]:
    """Cells, parts of hours, hours and days where the clocks go back, and any seconds."""
    for every in ("5m", "15m", "hour", "day"):
        yield UsageQuery(str(T0), str(END), every, "Europe/London")
    for _ in range(20):
        start, end = sorted(rng.sample(range(T0, END + 1), 2))
        yield UsageQuery(str(start), str(end), rng.choice((None, "30m", "hour")), "Europe/London")


def of_spread(seed: int, spread_max_s: int) -> Any:
    """A seed, and from how many seconds on energy of a register is booked at their end."""
    settings = {"energy.spread_max_s": spread_max_s}
    return pytest.param(
        seed, settings, marks=pytest.mark.psd(settings), id=f"{seed}-{spread_max_s}"
    )


@pytest.mark.parametrize(
    ("seed", "settings"),
    [of_spread(seed, spread_s) for seed in range(4) for spread_s in (900, 3_024_000)],
)
async def test_readings_of_all_kinds_in_any_order_by_two_workers_are_plain_energy(
    psd: Runtime, redis_url: str, seed: int, settings: dict[str, int]
) -> None:
    rng = random.Random(seed)
    history = MeterHistory(rng, "m", settings["energy.spread_max_s"])
    history.draw()
    async with engine_on(redis_url, settings) as other:
        for documents in (history.mistakes, history.sent):
            mine, others = history.parted(documents)
            await asyncio.gather(work(psd, mine, rng), work(other, others, rng))
    part = psd.part(EnergyPart)
    for query in questions(rng):
        for flow, plain in history.plain.items():
            asked = msgspec.structs.replace(query, flow=flow)
            check_usage(await part.usage.of_meter("m", asked), plain)
    async for audited in part.audit(repair=False):
        assert audited.outcome == "clean", audited
