"""Random questions on a random population, against plain Python over the list of bookings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from random import Random

import pytest

from psd.clock import ManualClock, utc_text
from psd.engine.plan import Range
from psd.queries.calendar import buckets
from psd.queries.requests import LeaderboardQuery, SeriesQuery, SumQuery
from psd.queries.results import Standing
from psd.runtime import Runtime
from psd.zones import zone
from tests.support.draws.random_events import Population, uid_texts
from tests.support.engine import DAY_S, engine_on

ATIDS = [None, [2], [2, 7], [0]]
TIES = ["competition", "dense", "ordinal", "first_to_reach"]
ZONES = ["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
NEVER_S = 2**40


@pytest.fixture
def population(request: pytest.FixtureRequest) -> Population:
    return Population(seed=request.param, users=40)


@pytest.fixture
async def psd(redis_url: str, population: Population) -> AsyncIterator[Runtime]:
    clock = ManualClock(population.end_s + 10 * DAY_S)
    async with engine_on(redis_url, clock=clock) as runtime:
        await runtime.engine.book(population.events)
        yield runtime


def second_of(text: str | None) -> int | None:
    return None if text is None else int(datetime.fromisoformat(text).timestamp())


def naive_board(
    population: Population,
    uids: list[int],
    range_: Range,
    atids: frozenset[int] | None,
    ties: str,
) -> list[tuple[int, int, int, int | None]]:
    """(rank, uid, value, reached) in the order of the board."""
    rows = []
    for uid in uids:
        value = population.sum_of(uid, 1, range_, atids)
        reached = population.reached(uid, 1, range_, atids)
        first = (NEVER_S if reached is None else reached) if ties == "first_to_reach" else 0
        rows.append((-value, first, uid, reached))
    rows.sort()
    ranked = []
    for position, (negated, first, uid, reached) in enumerate(rows):
        ahead = [row for row in rows if row[:2] < (negated, first)]
        rank = {
            "ordinal": position + 1,
            "dense": len({row[0] for row in ahead}) + 1,
        }.get(ties, len(ahead) + 1)
        ranked.append((rank, uid, -negated, reached))
    return ranked


def told(standing: Standing) -> tuple[int, int, int, int | None]:
    return (
        standing.rank,
        int(standing.uid),
        standing.value,
        second_of(standing.reached_at),
    )


@pytest.mark.parametrize("population", [11, 12], indirect=True)
async def test_random_boards_are_those_of_a_list_of_bookings(
    psd: Runtime, population: Population
) -> None:
    random = Random(5)
    for _ in range(60):
        range_, ties = population.random_range(random), random.choice(TIES)
        atid = random.choice(ATIDS)
        atids = None if atid is None else frozenset(atid)
        chosen = random.choice([None, random.sample(population.uids, 25)])
        as_of = random.choice([None, random.randrange(range_.start, range_.end + 1)])
        cut = range_ if as_of is None else Range(range_.start, min(as_of, range_.end))
        before = Range(range_.start, (cut.start + cut.end) // 2)
        query = LeaderboardQuery(
            thing="steps",
            uid=None if chosen is None else uid_texts(chosen),
            atid=atid,
            start=range_.start,
            end=range_.end,
            as_of=as_of,
            ties=ties,
            limit=7,
            compare_to=random.choice([before.end, f"{before.start}/{before.end}"]),
        )
        uids = chosen or population.with_thing(1)
        expected = naive_board(population, uids, cut, atids, ties)
        old = {row[1]: row for row in naive_board(population, uids, before, atids, ties)}
        await check_pages(psd, query, expected, old)
        await check_around(psd, query, expected, random.choice(uids))


async def check_pages(
    psd: Runtime,
    query: LeaderboardQuery,
    expected: list[tuple[int, int, int, int | None]],
    old: dict[int, tuple[int, int, int, int | None]],
) -> None:
    """All pages together are the board, and each row tells what changed."""
    pages: list[Standing] = []
    cursor: str | None = None
    while True:
        asked = LeaderboardQuery(**{**as_fields(query), "cursor": cursor})
        answer = await psd.queries.leaderboard(asked)
        assert answer.exact
        assert answer.total == len(expected)
        pages += answer.data
        cursor = answer.next
        if cursor is None:
            break
    assert [told(standing) for standing in pages] == expected
    for standing in pages:
        below = sum(row[2] < standing.value for row in expected)
        assert standing.percentile == pytest.approx(100 * below / len(expected), abs=1e-4)
        rank, _, value, _ = old[int(standing.uid)]
        assert (standing.previous_rank, standing.previous_value) == (rank, value)
        assert standing.rank_change == rank - standing.rank
        assert standing.value_change == standing.value - value


async def check_around(
    psd: Runtime,
    query: LeaderboardQuery,
    expected: list[tuple[int, int, int, int | None]],
    uid: int,
) -> None:
    asked = LeaderboardQuery(**{**as_fields(query), "around": str(uid), "span": 3})
    answer = await psd.queries.leaderboard(asked)
    at = next(at for at, row in enumerate(expected) if row[1] == uid)
    assert [told(standing) for standing in answer.data] == expected[max(at - 3, 0) : at + 4]


def as_fields(query: LeaderboardQuery) -> dict[str, object]:
    return {name: getattr(query, name) for name in query.__struct_fields__}


@pytest.mark.parametrize("population", [13], indirect=True)
async def test_random_sums_are_those_of_a_list_of_bookings(
    psd: Runtime, population: Population
) -> None:
    random = Random(6)
    for _ in range(60):
        range_, atid = population.random_range(random), random.choice(ATIDS)
        atids = None if atid is None else frozenset(atid)
        uids = random.sample(population.uids, 10)
        tz = random.choice(ZONES)
        answer = await psd.queries.sum(
            SumQuery(
                thing=["steps", "calories"],
                uid=uid_texts(uids),
                atid=atid,
                start=range_.start,
                end=range_.end,
                aggregates=["sum", "count", "min", "max", "avg", "first", "last"],
                tz=tz,
            )
        )
        rows = iter(answer.data)
        units = buckets(range_, "day", zone(tz), 1000)
        for uid in uids:
            for thing in (1, 2):
                row = next(rows)
                bookings = population.of(uid, thing, range_, atids)
                sums = [population.sum_of(uid, thing, unit, atids) for unit in units]
                assert row.sum == sum(event.value for event in bookings)
                assert row.count == len({event.aid for event in bookings})
                seconds = [event.ts2 for event in bookings]
                assert row.first == (utc_text(min(seconds)) if seconds else None)
                assert row.last == (utc_text(max(seconds)) if seconds else None)
                assert (row.min, row.max) == (min(sums), max(sums))
                assert row.avg == sum(sums) / len(sums)


@pytest.mark.parametrize("population", [14], indirect=True)
async def test_random_series_are_those_of_a_list_of_bookings(
    psd: Runtime, population: Population
) -> None:
    random = Random(7)
    for _ in range(60):
        range_, atid = population.random_range(random), random.choice(ATIDS)
        atids = None if atid is None else frozenset(atid)
        uids, tz = random.sample(population.uids, 10), random.choice(ZONES)
        every = random.choice(["hour", "day", "week", "month", "quarter", "year", "issuance_week"])
        fill = random.choice(["zero", "null", "none"])
        by = random.choice([None, "uid", "atid"])
        query = SeriesQuery(
            thing="steps",
            uid=uid_texts(uids),
            atid=atid,
            start=range_.start,
            end=range_.end,
            every=every if by is None else "day",
            tz=tz,
            fill=fill,
            by=by,
        )
        answer = await psd.queries.series(query)
        groups: list[int | None] = [None]
        if by == "uid":
            groups = list(uids)
        elif by == "atid":
            inside = [e.atid for uid in uids for e in population.of(uid, 1, range_, atids)]
            groups = sorted(atids or set(inside))
        expected = []
        for group in groups:
            for unit in buckets(range_, query.every, zone(tz), 10_000):
                bookings = [
                    event
                    for uid in uids
                    for event in population.of(uid, 1, unit, atids)
                    if (by != "uid" or uid == group) and (by != "atid" or event.atid == group)
                ]
                value: int | None = sum(event.value for event in bookings)
                if not bookings and fill == "none":
                    continue
                if not bookings and fill == "null":
                    value = None
                expected.append((group, unit.start, unit.end, value))
        found = []
        for point in answer.data:
            key = {"uid": point.uid, "atid": point.atid}.get(by or "")
            start, end = second_of(point.start), second_of(point.end)
            found.append((None if by is None else int(str(key)), start, end, point.sum))
        assert found == expected
