"""What the queries of section q are about, and in which ranges they ask.

- **boards**: 10, 100, 1,000, 10,000 and 100,000 users, each number with a thing of its own, 3
  events a user over 2024 and 2025 (30 where there are fewer than 1,000 users);
- **long**: 100 users with 1,000 events of one thing and 200 of another, over the five years that
  end with 2025;
- **heavy**: section f's users with 10 to 10,000 activities within 28 days.

No user has two events of a thing in one second, which some peers would take for one; values go to
10^9, so that no two sums are equal.
"""

from __future__ import annotations

import random

import msgspec

from bench.workloads import DAY_S, YEAR_END_S, YEAR_S, YEAR_START_S, heavy
from psd.engine.events import Report
from psd.engine.plan import Range

FEW_USERS = 1_000
HEAVY_THING, LONG_THING, LONG_SECOND_THING = 6, 7, 8
LONG_USERS = range(1, 101)
LONG_START_S = YEAR_END_S - 5 * 365 * DAY_S
LONG_EVENTS = {LONG_THING: 1_000, LONG_SECOND_THING: 200}
VALUE_MAX = 10**9


def board_things(users: tuple[int, ...]) -> dict[int, int]:
    """The thing of each number of users."""
    return {number: thing for thing, number in enumerate(users, start=1)}


def boards(users: tuple[int, ...]) -> list[Report]:
    """The events of all boards."""
    rng = random.Random("query boards")
    span = (YEAR_START_S - YEAR_S, YEAR_END_S)
    return [
        report
        for number, thing in board_things(users).items()
        for uid in range(1, number + 1)
        for report in _events(rng, thing, uid, 30 if number < FEW_USERS else 3, span)
    ]


def long() -> list[Report]:
    """Five years of 100 users."""
    rng = random.Random("query long")
    return [
        report
        for thing, events in LONG_EVENTS.items()
        for uid in LONG_USERS
        for report in _events(rng, thing, uid, events, (LONG_START_S, YEAR_END_S))
    ]


def heavy_users(activities: tuple[int, ...]) -> list[Report]:
    """One user for each number of activities, whose uid that number is."""
    return [
        msgspec.structs.replace(report, thing=HEAVY_THING)
        for number in activities
        for report in {r.ts2: r for r in heavy(number)}.values()
    ]


def ranges_of(span_s: int, count: int, align_s: int = 1) -> list[Range]:
    """Ranges of a length within the five years; ``align_s`` is what their start is whole in."""
    rng = random.Random(f"ranges {span_s} {align_s}")
    last = YEAR_END_S - span_s
    starts = [rng.randrange(LONG_START_S, last + 1) for _ in range(count)]
    starts = [max(LONG_START_S, start - start % align_s) for start in starts]
    return [Range(start, start + span_s) for start in starts]


def _events(
    rng: random.Random, thing: int, uid: int, count: int, span: tuple[int, int]
) -> list[Report]:
    seconds = {rng.randrange(*span) for _ in range(count)}
    return [
        Report(thing, uid, rng.randint(1, 12), at, rng.randint(1, VALUE_MAX), at, at)
        for at in sorted(seconds)
    ]
