"""Any question over any range equals the sum over a plain list of events."""

from __future__ import annotations

import random

import pytest

from psd.engine.events import TIME_END_S, Report
from psd.engine.plan import ISO_MONDAY_S, ISSUANCE_START_S, WEEK_S, Range
from psd.runtime import Runtime
from tests.property.test_booking_order import book_in_batches
from tests.support.draws.random_reports import random_reports
from tests.support.plain.model import entries, replay

THINGS = (1, 2, 9)
QUERIES = 40


class Booked:
    """Everything booked of one owner as a flat list."""

    def __init__(self, reports: list[Report]) -> None:
        self.entries = [
            (thing, aid, booking)
            for thing, aid in sorted({(r.thing, r.aid) for r in reports})
            for booking in entries(replay([r for r in reports if (r.thing, r.aid) == (thing, aid)]))
        ]

    def within(self, asked: Range, atid: int | None) -> list[tuple[int, int, int, int, int]]:
        """(thing, second, aid, atid, delta) of the range, sorted."""
        return sorted(
            (thing, b.second, aid, b.atid, b.delta)
            for thing, aid, b in self.entries
            if asked.start <= b.second < asked.end and atid in (None, b.atid)
        )


def random_range(rng: random.Random, seconds: list[int]) -> Range:
    """Edges on, beside and far from bookings, on days and on weeks of both kinds."""
    near = [rng.choice(seconds) + rng.choice((-1, 0, 1)) for _ in range(2)]
    kind = rng.random()
    if kind < 0.2:
        anchor = rng.choice((ISO_MONDAY_S, ISSUANCE_START_S))
        start = (near[0] - anchor) // WEEK_S * WEEK_S + anchor
        return Range(max(start, 0), start + WEEK_S * rng.randint(1, 30))
    if kind < 0.4:
        return Range(near[0] - near[0] % 86_400, near[1] - near[1] % 86_400 + 86_400)
    start = rng.choice((near[0], 0, rng.randint(seconds[0] - 90_000, seconds[-1] + 90_000)))
    end = rng.choice((near[1], TIME_END_S, rng.randint(seconds[0], seconds[-1] + 90_000)))
    return Range(max(start, 0), end)


@pytest.mark.parametrize("seed", range(6))
async def test_sums_and_activities_equal_a_plain_list(runtime: Runtime, seed: int) -> None:
    """Sums, filters by atid and by aid, and the activities in range, at random edges."""
    for number in range(12):
        rng = random.Random(f"sums {seed}/{number}")
        reports = random_reports(rng)
        await runtime.store.client.flushdb()
        await book_in_batches(runtime, rng, reports)
        booked = Booked(reports)
        seconds = sorted(b.second for _, _, b in booked.entries) or [1_460_000_000]
        for _ in range(QUERIES):
            asked = random_range(rng, seconds)
            atid = rng.choice((None, None, 0, 7, 300, -(2**63)))
            found = booked.within(asked, atid)
            where = f"seed {seed}/{number} {asked} atid {atid}"
            await check_sums(runtime, asked, atid, found, where)
            aid = rng.choice(reports).aid
            expected = sum(delta for thing, _, a, _, delta in found if (thing, a) == (1, aid))
            got = await runtime.engine.activity_sum(1, 1, aid, asked, atid)
            assert got == expected, f"{where} aid {aid}"


async def check_sums(
    runtime: Runtime,
    asked: Range,
    atid: int | None,
    found: list[tuple[int, int, int, int, int]],
    where: str,
) -> None:
    """The sums by totals, the sums by bookings, and the activities; a stranger has none."""
    engine = runtime.engine
    expected = {t: sum(delta for thing, *_, delta in found if thing == t) for t in THINGS}
    by_totals, stranger = await engine.sums([1, 2], THINGS, [asked, asked], atid=atid)
    assert by_totals.sums == expected, where
    assert stranger.sums == dict.fromkeys(THINGS, 0), where
    [by_bookings] = await engine.sums([1], THINGS, [asked], atid=atid, activities=True)
    assert by_bookings.sums == expected, where
    assert set(by_bookings.activities) == {aid for _, _, aid, _, _ in found}, where
    for aid, kind in by_bookings.activities.items():
        mine = [entry for entry in found if entry[2] == aid]
        earliest = [e[3] for e in mine if e[:2] == mine[0][:2]]
        assert kind in earliest, f"{where} aid {aid}"
