"""Booking is a function of the set of reports: any order, any repetition, equal bytes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from itertools import accumulate, pairwise

import pytest

from psd.engine.events import Report
from psd.runtime import Runtime
from tests.support.draws.random_reports import random_reports, shuffled_with_repeats
from tests.support.plain.model import Model
from tests.support.stored.keyspace import calendar_totals, expected_totals, keyspace

SETS = 125
"""Sets of one test; with 8 seeds and both kinds of limits 2,000, each booked 3 times."""

BATCHES = (1, 2, 5, 50)


async def book_in_batches(runtime: Runtime, rng: random.Random, reports: Sequence[Report]) -> None:
    """Send reports in batches of changing size; none may be refused."""
    at = 0
    while at < len(reports):
        size = rng.choice(BATCHES)
        outcomes = await runtime.engine.book(reports[at : at + size])
        assert not [outcome for outcome in outcomes if outcome.status == "refused"]
        at += size


async def book_at_once(runtime: Runtime, rng: random.Random, reports: Sequence[Report]) -> None:
    """As so many requests: their calls are joined on their way (psd/store/joined_calls.py)."""
    at = 0
    while at < len(reports):
        sizes = [rng.choice((1, 1, 2, 5)) for _ in range(rng.choice((2, 8, 30)))]
        ends = [*accumulate(sizes, initial=at)]
        batches = [reports[start:end] for start, end in pairwise(ends)]
        found = await asyncio.gather(*(runtime.engine.book(batch) for batch in batches if batch))
        assert not [outcome for each in found for outcome in each if outcome.status == "refused"]
        at = ends[-1]


@pytest.mark.parametrize("seed", range(8))
async def test_shuffled_and_repeated_reports_leave_equal_keys(runtime: Runtime, seed: int) -> None:
    """Each set is booked in its own order, then twice shuffled with repeats, also all at once."""
    client = runtime.store.client
    for number in range(SETS):
        rng = random.Random(f"{seed}/{number}")
        reports = random_reports(rng)
        model = Model(reports)
        first = None
        for booked in (book_in_batches, book_in_batches, book_at_once):
            sent = reports if first is None else shuffled_with_repeats(rng, reports)
            await client.flushdb()
            await booked(runtime, rng, sent)
            held = await keyspace(client)
            first = first or held
            assert held == first, f"order matters: seed {seed}/{number}"
        assert first is not None
        assert calendar_totals(first) == expected_totals(model), f"seed {seed}/{number}"


@pytest.mark.parametrize("seed", range(4))
async def test_a_correction_leaves_the_keys_of_having_sent_only_it(
    runtime: Runtime, seed: int
) -> None:
    """A report with the window of an older one replaces it, whatever came between."""
    client = runtime.store.client
    for number in range(40):
        rng = random.Random(f"correction {seed}/{number}")
        reports = random_reports(rng)
        corrected = [
            Report(r.thing, r.uid, rng.choice((r.atid, 9)), r.aid, r.value + 3, r.ts1, r.ts2)
            if r.event_id is None and rng.random() < 0.5
            else r
            for r in reports
        ]
        await client.flushdb()
        await book_in_batches(runtime, rng, [*reports, *corrected])
        held = await keyspace(client)
        await client.flushdb()
        await book_in_batches(runtime, rng, corrected)
        assert held == await keyspace(client), f"seed {seed}/{number}"
