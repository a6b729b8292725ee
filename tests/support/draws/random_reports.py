"""Random sets of reports that meet each other: few activities, windows that overlap."""

from __future__ import annotations

import random

from psd.engine.events import Report

STARTS = (951_700_000, 1_460_000_000, 1_640_995_000, 4_102_441_800)
"""Near a leap day, in the sample's month, at a year's edge, and past 32 bits in 2100."""

SPANS_S = (1, 3, 5, 100, 4_000, 90_000, 40 * 86_400, 800 * 86_400)
ATIDS = (0, 1, 7, 300, -5, 2**40, -(2**63), 2**63 - 1)
VALUES = (0, 0, 1, 5, 10, -20, 127, 128, 777, 40_000, 3_000_000_000)
AIDS = ((1,), (1, 2), (5, 2**33, -1), tuple(range(1000, 1300)))


def random_reports(rng: random.Random, uid: int = 1) -> list[Report]:
    """A set in which no two reports share a window with different values.

    (Such a pair is a correction: the later arrival wins, so its order matters.)
    """
    start, span = rng.choice(STARTS), rng.choice(SPANS_S)
    aids = rng.choice(AIDS)
    reports: dict[tuple[int, int, int, int, str | None], Report] = {}
    for _ in range(rng.choice((3, 10, 40, 100))):
        ts2 = start + rng.randint(1, span)
        event_id = rng.randbytes(6).hex() if rng.random() < 0.15 else None
        ts1 = ts2 if event_id else _window_start(rng, ts2, start, span)
        report = Report(
            thing=rng.randint(1, 2),
            uid=uid,
            atid=rng.choice(ATIDS),
            aid=rng.choice(aids),
            value=rng.choice(VALUES),
            ts1=ts1,
            ts2=ts2,
            event_id=event_id,
        )
        reports.setdefault((report.thing, report.aid, ts1, ts2, event_id), report)
    return list(reports.values())


def _window_start(rng: random.Random, ts2: int, start: int, span: int) -> int:
    kind = rng.random()
    if kind < 0.3:
        return ts2
    if kind < 0.75:
        return max(0, ts2 - rng.randint(0, span))
    return 0 if kind < 0.85 else start


def shuffled_with_repeats(rng: random.Random, reports: list[Report]) -> list[Report]:
    """The same reports in another order, a quarter of them sent again."""
    again = [rng.choice(reports) for _ in range(len(reports) // 4)]
    sent = [*reports, *again]
    rng.shuffle(sent)
    return sent
