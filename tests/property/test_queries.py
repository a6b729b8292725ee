"""Calendar, ranking and brackets against the slow and obvious way."""

from __future__ import annotations

import datetime as dt
import itertools
from random import Random
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psd.engine.plan import ISSUANCE_START_S, WEEK_S, Range
from psd.queries.boards.brackets import played, rounds_needed
from psd.queries.calendar import bucket_of, buckets
from psd.queries.ranking import NEVER_S, Place, Ranking, Score, percentile
from psd.queries.requests import EVERY, Ties
from psd.zones import zone

TIES = get_args(Ties)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Nuuk",
    "Africa/Cairo",
    "Africa/Monrovia",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kwajalein",
    "Antarctica/Troll",
]
WALK_BACK_S = 7200
"""Longer than any clock went back over midnight."""


def local_unit(moment: dt.datetime, every: str) -> tuple[int, ...]:
    """What the local clock and calendar show, as far as this unit goes."""
    date = moment.date()
    if every in ("minute", "hour"):
        offset = moment.utcoffset()
        assert offset is not None
        shown = (moment.toordinal(), moment.hour, moment.minute if every == "minute" else 0)
        return (*shown, int(offset.total_seconds()))
    monday = date - dt.timedelta(days=date.weekday())
    return {
        "day": (date.toordinal(),),
        "week": (monday.toordinal(),),
        "month": (date.year, date.month),
        "quarter": (date.year, (date.month - 1) // 3),
        "year": (date.year,),
    }[every]


def walked(range_: Range, every: str, tz: ZoneInfo) -> list[Range]:
    """Second after second: a bucket ends where the unit becomes another, later one."""
    cuts: list[int] = []
    reached: tuple[int, ...] | None = None
    for second in range(range_.start - WALK_BACK_S, range_.end):
        if every == "issuance_week":
            unit: tuple[int, ...] = ((second - ISSUANCE_START_S) // WEEK_S,)
        else:
            unit = local_unit(dt.datetime.fromtimestamp(second, tz), every)
        is_clock = every in ("minute", "hour")
        if reached is None or (unit != reached if is_clock else unit > reached):
            reached = unit
            cuts.append(second)
    inside = [range_.start, *(cut for cut in cuts if cut > range_.start), range_.end]
    return [Range(low, high) for low, high in itertools.pairwise(inside)]


def jumps(tz: ZoneInfo, start: int, end: int) -> list[int]:
    """Seconds near which the offset of a zone changes."""
    step = 86_400
    return [
        second
        for second in range(start, end, step)
        if dt.datetime.fromtimestamp(second, tz).utcoffset()
        != dt.datetime.fromtimestamp(second + step, tz).utcoffset()
    ]


ALL_JUMPS = [(name, second) for name in ZONES for second in jumps(ZoneInfo(name), 0, 1_700_000_000)]


@settings(max_examples=120, deadline=None)
@given(
    place=st.sampled_from(ALL_JUMPS),
    every=st.sampled_from(EVERY),
    from_s=st.integers(-43_200, 43_200),
    length_s=st.integers(1, 50_000),
)
def test_buckets_are_what_a_walk_over_every_second_finds(
    place: tuple[str, int], every: str, from_s: int, length_s: int
) -> None:
    name, second = place
    start = max(second + from_s, 0)
    range_ = Range(start, start + length_s)
    assert buckets(range_, every, zone(name), 10_000) == walked(range_, every, ZoneInfo(name))


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(ZONES),
    every=st.sampled_from(EVERY),
    start=st.integers(0, 4_000_000_000),
    length_s=st.integers(1, 40_000_000),
)
def test_buckets_tile_the_range_and_each_is_a_whole_unit_inside_of_it(
    name: str, every: str, start: int, length_s: int
) -> None:
    if every in ("minute", "hour"):
        length_s = length_s % 500_000 + 1
    range_ = Range(start, start + length_s)
    found = buckets(range_, every, zone(name), 10_000)
    assert [found[0].start, found[-1].end] == [range_.start, range_.end]
    assert all(a.end == b.start for a, b in itertools.pairwise(found))
    for bucket in (found[0], *found[1:-1:37], found[-1]):
        whole = bucket_of(bucket.start, every, zone(name))
        clipped = Range(max(whole.start, range_.start), min(whole.end, range_.end))
        assert clipped == bucket


@pytest.mark.parametrize("name", ZONES)
def test_days_of_a_zone_begin_where_its_date_changes(name: str) -> None:
    tz = ZoneInfo(name)
    for jump in jumps(tz, 0, 1_700_000_000)[::4]:
        for bucket in buckets(Range(jump, jump + 5 * 86_400), "day", zone(name), 100)[1:]:
            before = dt.datetime.fromtimestamp(bucket.start - 1, tz).date()
            assert before < dt.datetime.fromtimestamp(bucket.start, tz).date()


STANDINGS = st.dictionaries(
    st.integers(-50, 50),
    st.tuples(st.integers(-3, 3), st.none() | st.integers(0, 3)),
    min_size=1,
    max_size=30,
)


@given(rows=STANDINGS, ties=st.sampled_from(TIES))
def test_ranks_are_the_numbers_of_those_ahead(
    rows: dict[int, tuple[int, int | None]], ties: Ties
) -> None:
    reached_s = {uid: second for uid, (_, second) in rows.items()}
    board = Ranking(((uid, value) for uid, (value, _) in rows.items()), ties, reached_s)

    def is_ahead(uid: int, other: int) -> bool:
        (value, second), (than, at) = rows[uid], rows[other]
        if value != than or ties in ("competition", "dense"):
            return value > than
        if ties == "ordinal":
            return uid < other
        return (NEVER_S if second is None else second) < (NEVER_S if at is None else at)

    for place in board.page(0, len(board)):
        ahead = {uid for uid in rows if is_ahead(uid, place.uid)}
        if ties == "dense":
            ahead = {rows[uid][0] for uid in ahead}
        assert place.rank == len(ahead) + 1
        below = sum(value < place.value for value, _ in rows.values())
        assert place.percentile == percentile(below, len(rows))


@given(rows=STANDINGS, ties=st.sampled_from(TIES), limit=st.integers(1, 7))
def test_pages_by_cursor_hold_everybody_once(
    rows: dict[int, tuple[int, int | None]], ties: Ties, limit: int
) -> None:
    reached_s = {uid: second for uid, (_, second) in rows.items()}
    board = Ranking(((uid, value) for uid, (value, _) in rows.items()), ties, reached_s)
    found: list[Place] = []
    cursor = None
    while (start := board.after(cursor)) < len(board):
        found += board.page(start, start + limit)
        cursor = board.cursor(min(start + limit, len(board)) - 1)
    assert found == board.page(0, len(board))


@given(field=st.integers(1, 70), values=st.randoms(use_true_random=False))
def test_a_bracket_needs_its_rounds_and_loses_everybody_but_one_once(
    field: int, values: Random
) -> None:
    ranking = list(range(100, 100 + field))
    rounds = [
        {uid: Score(uid, values.randrange(3), values.randrange(3)) for uid in ranking}
        for _ in range(rounds_needed(field) or 1)
    ]
    over, coming = played(ranking, rounds)
    assert coming == []
    assert len(over[-1]) == 1
    losers = []
    for outcomes in over:
        for outcome in outcomes:
            if outcome.match.second is not None:
                pair = {outcome.match.first.uid, outcome.match.second.uid}
                [loser] = pair - {outcome.winner.uid}
                losers.append(loser)
    assert sorted([*losers, over[-1][0].winner.uid]) == ranking


@given(field=st.integers(2, 70))
def test_without_upsets_the_best_two_meet_in_the_final(field: int) -> None:
    ranking = list(range(1, field + 1))
    scores = {uid: Score(uid, -uid) for uid in ranking}
    over, _ = played(ranking, [scores] * rounds_needed(field))
    final = over[-1][0].match
    assert final.second is not None
    assert (final.first.uid, final.second.uid) == (1, 2)
    byes = [outcome.match.first.seed for outcome in over[0] if outcome.match.second is None]
    assert sorted(byes) == list(range(1, len(byes) + 1))
