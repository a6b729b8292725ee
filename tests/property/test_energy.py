"""The whole path of energy, against plain Fractions that share no code with it.

Readings of all kinds are drawn, shuffled, repeated and corrected, and given to two workers that
know nothing of each other. What a meter is comes somewhere among them. Of each second and window
the one that came last counts, so that each worker's messages are about channels of its own, but
for those that both send alike.
"""

from __future__ import annotations

import asyncio
import random

import msgpack
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


@pytest.mark.parametrize("seed", range(8))
async def test_readings_of_all_kinds_in_any_order_by_two_workers_are_plain_energy(
    psd: Runtime, redis_url: str, seed: int
) -> None:
    rng = random.Random(seed)
    history = MeterHistory(rng, "m")
    history.draw()
    mine, others = history.parted()
    async with engine_on(redis_url) as other:
        await asyncio.gather(work(psd, mine, rng), work(other, others, rng))
    part = psd.part(EnergyPart)
    query = UsageQuery(str(T0), str(END), "5m")
    check_usage(await part.usage.of_meter("m", query), history.plain)
    async for audited in part.audit(repair=False):
        assert audited.outcome == "clean", audited
