"""The events and queries that every system gets, the same in each run (fixed seeds).

- **sparse**: people. 100 users, one year, 4 things, 12 activity types, random seconds; each
  event is an activity of its own, reported once (``ts1 = ts2``, the cheapest case for the
  original's read before each write).
- **lasting**: the same activities with the window (up to an hour) in which they happened.
- **dense**: vehicles. Each of 20 sends a signal every 10 seconds for 3 days, 518,400 events;
  one activity a vehicle, value 1.
- **heavy**: one user with many activities of one thing within 28 days.
- **board**: 10,000 users with few events each, over two years.

All times lie in 2025 and 2026-01, so that no clock setting makes them future events.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import msgspec

from psd.engine.events import Report
from psd.engine.plan import Range

YEAR_START_S = 1_735_689_600
"""2025-01-01 00:00:00 UTC."""

YEAR_END_S = 1_767_225_600
"""2026-01-01 00:00:00 UTC."""

DAY_S = 86_400
YEAR_S = YEAR_END_S - YEAR_START_S
THING_NAMES = {1: "steps", 2: "calories", 4: "distance", 5: "cb", 6: "signals"}
SPARSE_THINGS = (1, 2, 4, 5)
SPARSE_USERS = range(1, 101)
SIGNALS = 6
VALUE_MAX = 10_000
FIRST_AID = 1_000_000
BATCH = 200
"""Reports per booking call, as in the targets of docs/architecture.md."""


def sparse(events: int) -> list[Report]:
    """Activities of 100 users over a year, in the order in which they happened."""
    rng = random.Random("sparse")
    seconds = sorted(rng.randrange(YEAR_START_S, YEAR_END_S) for _ in range(events))
    return [
        _activity(rng.choice(SPARSE_THINGS), rng.choice(SPARSE_USERS), FIRST_AID + n, second, rng)
        for n, second in enumerate(seconds)
    ]


def lasting(events: int) -> list[Report]:
    """The sparse workload, except that each activity lasted up to an hour before its report.

    The original then reads several hashes of the window before it writes.
    """
    rng = random.Random("lasting")
    return [
        msgspec.structs.replace(report, ts1=report.ts2 - rng.randrange(3600))
        for report in sparse(events)
    ]


def dense(vehicles: int, hours: int) -> list[Report]:
    """A signal of each vehicle every 10 seconds, in the order in which they happen."""
    return [
        Report(SIGNALS, uid, 1, uid, 1, second + uid % 10, second + uid % 10)
        for second in range(YEAR_START_S, YEAR_START_S + hours * 3600, 10)
        for uid in range(1, vehicles + 1)
    ]


def heavy(activities: int) -> list[Report]:
    """``activities`` of one user within the first 28 days; the user's number is the size."""
    rng = random.Random(f"heavy {activities}")
    span = 28 * DAY_S
    seconds = sorted(YEAR_START_S + rng.randrange(span) for _ in range(activities))
    return [_activity(1, activities, FIRST_AID + n, s, rng) for n, s in enumerate(seconds)]


def board(users: int, events_per_user: int) -> list[Report]:
    """A few activities of many users over two years that end with 2025."""
    rng = random.Random("board")
    drawn = sorted(
        (rng.randrange(YEAR_START_S - YEAR_S, YEAR_END_S), uid)
        for uid in range(1, users + 1)
        for _ in range(events_per_user)
    )
    return [_activity(1, uid, FIRST_AID + n, s, rng) for n, (s, uid) in enumerate(drawn)]


def shuffled(reports: Sequence[Report]) -> list[Report]:
    """The same reports in random arrival order."""
    mixed = list(reports)
    random.Random("order").shuffle(mixed)
    return mixed


def batches(reports: Sequence[Report]) -> Iterator[Sequence[Report]]:
    """Pieces of 200 reports."""
    for start in range(0, len(reports), BATCH):
        yield reports[start : start + BATCH]


def random_ranges(count: int, seed: str) -> list[Range]:
    """Ranges whose ends are random seconds of the year."""
    rng = random.Random(seed)
    return [
        Range(*sorted(rng.randrange(YEAR_START_S, YEAR_END_S) for _ in range(2)))
        for _ in range(count)
    ]


def random_years(count: int, seed: str) -> list[Range]:
    """Ranges of 365 days that start at a random second of 2024."""
    rng = random.Random(seed)
    starts = [rng.randrange(YEAR_START_S - YEAR_S, YEAR_START_S) for _ in range(count)]
    return [Range(start, start + YEAR_S) for start in starts]


def heavy_ranges(count: int) -> list[Range]:
    """Ranges from a random second of day 1 to a random second of day 28.

    They cut two days that hold activities, so that the fine detail has to be read too.
    """
    rng = random.Random("heavy ranges")
    last_day = YEAR_START_S + 27 * DAY_S
    return [
        Range(YEAR_START_S + rng.randrange(DAY_S), last_day + rng.randrange(DAY_S))
        for _ in range(count)
    ]


def random_picks(count: int, seed: str) -> list[tuple[int, int]]:
    """A (user, thing) of the sparse workload for each query."""
    rng = random.Random(seed)
    return [(rng.choice(SPARSE_USERS), rng.choice(SPARSE_THINGS)) for _ in range(count)]


def _activity(thing: int, uid: int, aid: int, second: int, rng: random.Random) -> Report:
    return Report(thing, uid, rng.randint(1, 12), aid, rng.randint(1, VALUE_MAX), second, second)
