"""10,000 ranges over a million events equal differences of prefix sums.

300 owners of three kinds: *sparse* ones live three years with a few events a day, *busy* ones a
month, *dense* ones press thousands of events into hours, so that leaves split to minutes. A
quarter of the activities report several times and overlap themselves, one such report in ten is
corrected, and one event in twenty comes up to ten days late. On CI it is a million events,
elsewhere 100,000 of a tenth of the owners. A quarter of the owners and of the ranges is a test:
owners have nothing in common, and four tests share what processes there are.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from psd.engine.events import TIME_END_S, Report
from psd.engine.plan import DAY_S, ISO_MONDAY_S, ISSUANCE_START_S, WEEK_S, Range
from psd.runtime import Runtime
from tests.support.engine import engine_on
from tests.support.plain.model import Model
from tests.support.plain.prefix_sums import PrefixSums

pytestmark = pytest.mark.slow("a million events")

EVENTS = 1_000_000 if os.environ.get("CI") == "true" else 100_000
RANGES = 10_000
PARTS = 4
BATCH = 1_000
GROUP_OWNERS = 10
PAGE = 50
THINGS = (1, 2, 4)
ATIDS = (0, 1, 7, 300)
BEGIN_S = 1_451_952_000
"""2016-01-05 00:00:00 UTC."""


class Kind(NamedTuple):
    """How many owners of a kind there are, and how the events of each lie."""

    owners: int
    events: int
    span_s: int


class Owner(NamedTuple):
    """Whose events they are."""

    uid: int
    kind: Kind


KINDS = (
    Kind(owners=200, events=1_500, span_s=1_100 * DAY_S),
    Kind(owners=80, events=5_000, span_s=33 * DAY_S),
    Kind(owners=20, events=15_000, span_s=6 * 3600),
)
"""Sparse, busy and dense owners of a million events; fewer events have fewer owners."""


def everyone() -> list[Owner]:
    """All owners, the kinds mixed; some uids are negative and past 32 bits."""
    found: list[Owner] = []
    for kind in KINDS:
        for _ in range(kind.owners * EVENTS // 1_000_000):
            number = len(found) + 1
            found.append(Owner(number * (-(2**40) if number % 7 == 0 else 1), kind))
    random.Random(EVENTS).shuffle(found)
    return found


def events_of(rng: random.Random, owner: Owner) -> list[Report]:
    """What an owner sends, activity after activity."""
    begin = BEGIN_S + rng.randrange(60 * DAY_S)
    sent: list[Report] = []
    while len(sent) < owner.kind.events:
        sent += activity_of(rng, owner.uid, len(sent), begin, owner.kind.span_s)
    return sent[: owner.kind.events]


def activity_of(
    rng: random.Random, uid: int, aid: int, begin: int, span_s: int
) -> Iterator[Report]:
    """One report, or up to eight of totals since a common start; now and then one corrected."""
    thing, atid = rng.choice(THINGS), rng.choice(ATIDS)
    ts1 = begin + rng.randrange(span_s)
    if rng.random() < 0.75:
        yield Report(thing, uid, atid, aid, rng.randrange(1, 2_000), ts1, ts1)
        return
    value, ts2 = 0, ts1
    for _ in range(rng.randint(2, 8)):
        value += rng.randint(-5, 400)
        ts2 += rng.randint(1, 900)
        since = ts1 if rng.random() < 0.7 else rng.randint(ts1, ts2)
        yield Report(thing, uid, atid, aid, value, since, ts2)
        if rng.random() < 0.1:
            yield Report(thing, uid, rng.choice(ATIDS), aid, value + 3, since, ts2)


def edge(rng: random.Random, near: int) -> int:
    """A second near a booking or at a border of the calendar."""
    at = datetime.fromtimestamp(near, UTC)
    month = datetime(at.year, at.month, 1, tzinfo=UTC)
    return rng.choice(
        (
            near,
            near + rng.choice((-1, 1)),
            near + rng.randrange(-90_000, 90_000),
            near - near % 60,
            near - near % 3600,
            near - near % DAY_S,
            near - (near - ISO_MONDAY_S) % WEEK_S,
            near - (near - ISSUANCE_START_S) % WEEK_S,
            int(month.timestamp()) + rng.choice((0, 0, -1, 1)),
            int(month.replace(month=1).timestamp()),
            rng.choice((0, TIME_END_S)),
        )
    )


def random_range(rng: random.Random, seconds: list[int]) -> Range:
    """Any two edges, or whole weeks of either kind."""
    near = rng.choice(seconds)
    if rng.random() < 0.15:
        anchor = rng.choice((ISO_MONDAY_S, ISSUANCE_START_S))
        start = near - (near - anchor) % WEEK_S
        return Range(start, start + WEEK_S * rng.randint(1, 30))
    ends = sorted((edge(rng, near), edge(rng, rng.choice(seconds))))
    return Range(*ends)


class Booked:
    """What the million events come to, and seconds of each owner to ask near."""

    def __init__(self) -> None:
        self.sums = PrefixSums()
        self.seconds: dict[int, list[int]] = {}
        self.events = 0
        self.bookings = 0

    def take(self, sent: list[Report]) -> None:
        """Reports in the order in which they were sent: of equal windows the last counts."""
        model = Model(sent)
        for uid, thing, aid in model.all_activities():
            for booking in model.entries(uid, thing, aid):
                self.sums.add(uid, thing, booking.atid, booking.second, booking.delta)
                self.seconds.setdefault(uid, []).append(booking.second)
                self.bookings += 1
        self.events += len(sent)


def late_s(rng: random.Random) -> int:
    """How long after its end a report is sent: minutes, and one in twenty up to ten days."""
    return rng.randrange(10 * DAY_S if rng.random() < 0.05 else 900)


async def book_everything(psd: Runtime, rng: random.Random, owners: list[Owner]) -> Booked:
    """All events of these, ten owners at a time, in batches as a worker sends them."""
    booked = Booked()
    for at in range(0, len(owners), GROUP_OWNERS):
        group = owners[at : at + GROUP_OWNERS]
        sent = [report for owner in group for report in events_of(rng, owner)]
        sent.sort(key=lambda report: report.ts2 + late_s(rng))
        booked.take(sent)
        for start in range(0, len(sent), BATCH):
            outcomes = await psd.engine.book(sent[start : start + BATCH])
            assert not [outcome for outcome in outcomes if outcome.status == "refused"]
    return booked


async def check_page(
    psd: Runtime, rng: random.Random, booked: Booked, atid: int | None, activities: bool
) -> None:
    """A range of its own for each of a page of owners, in one trip."""
    uids = [rng.choice(list(booked.seconds)) for _ in range(PAGE)]
    ranges = [random_range(rng, booked.seconds[uid]) for uid in uids]
    found = await psd.engine.sums(uids, THINGS, ranges, atid=atid, activities=activities)
    for uid, asked, owner in zip(uids, ranges, found, strict=True):
        expected = {t: booked.sums.sum(uid, t, asked.start, asked.end, atid) for t in THINGS}
        assert owner.sums == expected, f"uid {uid} {asked} atid {atid}"


@pytest.mark.parametrize("part", range(PARTS))
async def test_ten_thousand_ranges_over_a_million_events_equal_prefix_sums(
    redis_url: str, part: int
) -> None:
    owners = everyone()
    assert sum(owner.kind.events for owner in owners) == EVENTS
    own = owners[part::PARTS]
    rng = random.Random(EVENTS + part)
    async with engine_on(redis_url, {"redis.timeout_s": 30.0}) as psd:
        began_s = time.perf_counter()
        booked = await book_everything(psd, rng, own)
        loaded_s = time.perf_counter()
        assert booked.events == sum(owner.kind.events for owner in own)
        assert booked.bookings > booked.events * 0.9
        for _ in range(RANGES // PAGE // PARTS):
            atid = rng.choice((None, *ATIDS))
            await check_page(psd, rng, booked, atid, activities=rng.random() < 0.05)
        print(
            f"{booked.events} events, {booked.bookings} bookings, {len(booked.seconds)} owners: "
            f"booked in {loaded_s - began_s:.1f} s; {RANGES // PARTS} ranges x {len(THINGS)} "
            f"things in {time.perf_counter() - loaded_s:.1f} s"
        )
