"""Activities, scores, the newest second and standings equal those of a plain list of bookings."""

from __future__ import annotations

import random

import pytest

from psd.engine.activities import ScoreQuestion
from psd.engine.events import Report
from psd.engine.plan import Range
from psd.engine.tallies import ActivitySum
from psd.runtime import Runtime
from tests.property.test_booking_order import book_in_batches
from tests.property.test_sums import THINGS, Booked, random_range
from tests.support.draws.random_reports import ATIDS, random_reports

QUESTIONS = 25
UIDS = (1, 5, 9)

Found = list[tuple[int, int, int, int, int]]
"""(thing, second, aid, atid, delta), sorted."""


def within(booked: Booked, asked: Range, atids: frozenset[int] | None) -> Found:
    found = booked.within(asked, None)
    return [each for each in found if atids is None or each[3] in atids]


def naive_second(found: Found, score: int) -> int | None:
    """The first second at whose end the running sum is the score or more."""
    for second in sorted({each[1] for each in found}):
        if sum(each[4] for each in found if each[1] <= second) >= score:
            return second
    return None


def naive_activities(found: Found) -> list[ActivitySum]:
    """Activities of THINGS; the atid is left out, which may be any of the earliest second."""
    activities = []
    for aid in sorted({each[2] for each in found}):
        mine = [each for each in found if each[2] == aid]
        seconds = [each[1] for each in mine]
        sums = {thing: sum(each[4] for each in mine if each[0] == thing) for thing in THINGS}
        activities.append(ActivitySum(aid, 0, sums, min(seconds), max(seconds), len(mine)))
    return activities


def random_atids(rng: random.Random) -> frozenset[int] | None:
    return rng.choice((None, frozenset(rng.sample(ATIDS, rng.randint(1, 5)))))


async def booked_owners(
    runtime: Runtime, rng: random.Random
) -> tuple[dict[int, Booked], list[Report], list[int]]:
    """Random bookings of each owner, all there are in a list, and their seconds."""
    await runtime.store.client.flushdb()
    by_uid: dict[int, Booked] = {}
    reports: list[Report] = []
    for uid in UIDS:
        mine = random_reports(rng, uid=uid)
        by_uid[uid] = Booked(mine)
        reports += mine
    await book_in_batches(runtime, rng, reports)
    seconds = sorted(b.second for each in by_uid.values() for _, _, b in each.entries)
    return by_uid, reports, seconds or [1_460_000_000]


@pytest.mark.parametrize("seed", range(6))
async def test_scores_are_reached_when_a_plain_list_reaches_them(
    runtime: Runtime, seed: int
) -> None:
    for number in range(6):
        rng = random.Random(f"reached {seed}/{number}")
        by_uid, _, seconds = await booked_owners(runtime, rng)
        questions, expected = [], []
        for _ in range(QUESTIONS):
            uid, thing, asked = rng.choice(UIDS), rng.choice(THINGS), random_range(rng, seconds)
            atids = random_atids(rng)
            found = [e for e in within(by_uid[uid], asked, atids) if e[0] == thing]
            final = sum(each[4] for each in found)
            score = rng.choice((final, final, final + 1, final // 2, 0, -30, 1, 10**9))
            questions.append(ScoreQuestion(uid, thing, asked, score, atids))
            expected.append(naive_second(found, score))
        assert await runtime.engine.reached(questions) == expected, f"seed {seed}/{number}"


@pytest.mark.parametrize("seed", range(6))
async def test_activities_and_sums_of_atids_equal_a_plain_list(runtime: Runtime, seed: int) -> None:
    for number in range(6):
        rng = random.Random(f"activities {seed}/{number}")
        by_uid, _, seconds = await booked_owners(runtime, rng)
        for _ in range(QUESTIONS):
            uid, asked, atids = rng.choice(UIDS), random_range(rng, seconds), random_atids(rng)
            found = within(by_uid[uid], asked, atids)
            where = f"seed {seed}/{number} uid {uid} {asked} {atids}"
            got = await runtime.engine.activities(uid, THINGS, asked, atids=atids)
            expected = naive_activities(found)
            assert [(a.aid, a.sums, a.first_s, a.last_s, a.bookings) for a in got] == [
                (a.aid, a.sums, a.first_s, a.last_s, a.bookings) for a in expected
            ], where
            for activity in got:
                mine = [each for each in found if each[2] == activity.aid]
                assert activity.atid in [e[3] for e in mine if e[:2] == mine[0][:2]], where
            [sums] = await runtime.engine.sums([uid], THINGS, [asked], atids=atids)
            assert sums.sums == {t: sum(e[4] for e in found if e[0] == t) for t in THINGS}, where


@pytest.mark.parametrize("seed", range(6))
async def test_standings_and_the_newest_second_equal_a_plain_list(
    runtime: Runtime, seed: int
) -> None:
    for number in range(6):
        rng = random.Random(f"standings {seed}/{number}")
        by_uid, _, seconds = await booked_owners(runtime, rng)
        uids = [*UIDS, 77]
        newest = [b.second for each in by_uid.values() for t, _, b in each.entries if t < 3]
        assert await runtime.engine.newest(uids, THINGS) == max(newest, default=None)
        for _ in range(QUESTIONS):
            thing, asked, atids = rng.choice(THINGS), random_range(rng, seconds), random_atids(rng)
            sums = {
                uid: sum(e[4] for e in within(booked, asked, atids) if e[0] == thing)
                for uid, booked in by_uid.items()
            }
            sums[77] = 0
            where = f"seed {seed}/{number} {thing} {asked} {atids}"
            got = await runtime.engine.standings(uids, thing, asked, atids=atids)
            assert list(got) == list(sums.values()), where
            limit = rng.randint(1, 5)
            ranked = sorted(sums.items(), key=lambda each: (-each[1], each[0]))
            last = ranked[min(limit, len(ranked)) - 1][1]
            top = await runtime.engine.top(thing, asked, limit, atids=atids, uids=uids)
            assert top == [each for each in ranked if each[1] >= last], where
