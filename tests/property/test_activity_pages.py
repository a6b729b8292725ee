"""Pages of activities that are walked window by window join to those of a plain list."""

from __future__ import annotations

import random

import pytest

from psd.engine import activity_pages, reads
from psd.engine.activity_pages import Place
from psd.engine.plan import Range
from psd.engine.tallies import ActivitySum
from psd.runtime import Runtime
from tests.property.test_owner_reads import (
    UIDS,
    booked_owners,
    naive_activities,
    random_atids,
    within,
)
from tests.property.test_sums import THINGS, random_range
from tests.support.engine import NOON_S, book, report

QUESTIONS = 6


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """No range is read at once, and windows are small."""
    monkeypatch.setattr(reads, "LISTED_BOOKINGS_MAX", 0)
    monkeypatch.setattr(activity_pages, "WINDOW_BOOKINGS", 3)
    monkeypatch.setattr(activity_pages, "CHUNK_ACTIVITIES", 2)


async def joined(
    runtime: Runtime, uid: int, asked: Range, atids: frozenset[int] | None, limit: int
) -> list[ActivitySum]:
    """All pages, one after the other."""
    found: list[ActivitySum] = []
    after: Place | None = None
    while True:
        page = await runtime.engine.activity_page(
            uid, THINGS, asked, limit, after=after, atids=atids
        )
        assert len(page.activities) <= limit
        found += page.activities
        if page.last is None:
            return found
        assert after is None or page.last > after
        after = page.last


@pytest.mark.usefixtures("walked")
@pytest.mark.parametrize("seed", range(4))
async def test_pages_join_to_the_activities_of_a_plain_list(runtime: Runtime, seed: int) -> None:
    for number in range(3):
        rng = random.Random(f"pages {seed}/{number}")
        by_uid, _, seconds = await booked_owners(runtime, rng)
        for _ in range(QUESTIONS):
            uid, asked, atids = rng.choice(UIDS), random_range(rng, seconds), random_atids(rng)
            limit = rng.choice((1, 2, 7, 100))
            found = within(by_uid[uid], asked, atids)
            expected = sorted(naive_activities(found), key=lambda a: (a.first_s, a.aid))
            got = await joined(runtime, uid, asked, atids, limit)
            where = f"seed {seed}/{number} uid {uid} {asked} {atids} limit {limit}"
            assert [(a.aid, a.sums, a.first_s, a.last_s, a.bookings) for a in got] == [
                (a.aid, a.sums, a.first_s, a.last_s, a.bookings) for a in expected
            ], where
            at_once = await runtime.engine.activities(uid, THINGS, asked, atids=atids)
            assert {a.aid: a.atid for a in got} == {a.aid: a.atid for a in at_once}, where


@pytest.mark.usefixtures("walked")
async def test_a_second_with_very_many_activities_is_listed_in_the_order_of_aids(
    runtime: Runtime,
) -> None:
    await runtime.store.client.flushdb()
    rng = random.Random(7)
    aids = [rng.randint(-(2**63), 2**63 - 1) for _ in range(60)]
    await book(runtime, [report(1, NOON_S, aid=aid, atid=n % 3) for n, aid in enumerate(aids)])
    await book(runtime, [report(2, NOON_S - 1, aid=aids[0]), report(3, NOON_S + 9, aid=aids[1])])
    found = await joined(runtime, 1, Range(NOON_S - 9, NOON_S + 99), None, 7)
    assert [a.aid for a in found] == [aids[0], *sorted(aids[1:])]
