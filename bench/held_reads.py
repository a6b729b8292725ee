"""The heaviest that one user may have booked, and what may be asked of it (`bench/holds.py`).

Each has events that are booked first, as of any user of some years, and questions; of these the
calls of scripts that read are timed.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence

import msgspec

from psd.engine.events import Event, Report
from psd.engine.plan import DAY_S, Range
from psd.engine.series import BucketQuestion
from psd.engine.windows import Window
from psd.errors import TooLargeError
from psd.runtime import Runtime

NOON_S = 1_460_462_400
HOUR_S = 3_600
EVER = Range(0, 2**32)
THING = 1


class Read(msgspec.Struct, frozen=True):
    """What is booked, and what is asked then."""

    events: Callable[[], Iterator[Event]]
    ask: Callable[[Runtime], Awaitable[None]]


def _report(value: int, ts1: int, ts2: int, aid: int, atid: int = 2, uid: int = 1) -> Report:
    return Report(THING, uid, atid, aid, value, ts1, ts2)


def _each_minute() -> Iterator[Event]:
    """60 days with an activity each minute, of 300 types."""
    for n in range(60 * 1_440):
        yield _report(n % 900, NOON_S + n * 60, NOON_S + n * 60, n, n % 300)


async def _ask_minutes(psd: Runtime) -> None:
    end_s = NOON_S + 60 * DAY_S
    minutes = range(NOON_S + 30, NOON_S + 30 + 10_000 * 60, 60)
    hours = range(NOON_S + 30, end_s, HOUR_S)
    some = frozenset(range(0, 300, 2))
    cut = Range(NOON_S + 30, end_s - 30)
    await _tried(
        *(
            psd.engine.series([1], BucketQuestion(THING, bounds, atids, by_atid=by_atid))
            for bounds in (minutes, hours)
            for atids, by_atid in ((None, False), (some, False), (None, True))
        ),
        psd.engine.tallies([1], [THING], cut),
        psd.engine.sums([1] * 100, [1, 2, 3], [cut] * 100, atids=some),
        psd.engine.standings([1] * 1_000, THING, cut, atids=some),
        psd.engine.top(THING, cut, 10, uids=[1] * 1_000, atids=some),
        psd.engine.activity_page(1, [1, 2, 3], EVER, 1_000),
    )


def _one_second() -> Iterator[Event]:
    """100,000 activities in one second, 20,000 in each of five others."""
    for n in range(200_000):
        at = NOON_S + max(0, n // 20_000 - 4) * 60
        yield _report(n % 900 + 1, at, at, n, n % 3)


async def _ask_seconds(psd: Runtime) -> None:
    bounds, some = [NOON_S - 1, NOON_S + 90, NOON_S + HOUR_S], frozenset((1,))
    await _tried(
        psd.engine.series([1], BucketQuestion(THING, bounds, some)),
        psd.engine.series([1], BucketQuestion(THING, bounds, by_atid=True, counts=True)),
        psd.engine.series([1], BucketQuestion(THING, [NOON_S, NOON_S + 1, NOON_S + 2])),
        psd.engine.tallies([1], [THING], EVER),
        psd.engine.sums([1], [THING], [Range(NOON_S + 1, NOON_S + 61)], atids=some),
    )
    place = None
    for _ in range(20):
        page = await psd.engine.activity_page(1, [1, 2, 3], EVER, 1_000, after=place)
        place = page.last


def _many_types() -> Iterator[Event]:
    """20,000 types in each of 20 days."""
    for day in range(20):
        for n in range(20_000):
            at = NOON_S + day * DAY_S
            yield _report(1 << n % 36, at + n % 600, at + n % 600, n, n << n % 20)


async def _ask_types(psd: Runtime) -> None:
    days = range(NOON_S - DAY_S // 2, NOON_S + 20 * DAY_S, DAY_S)
    hours = range(NOON_S - DAY_S // 2, NOON_S + 20 * DAY_S, HOUR_S)
    some = frozenset(range(1_000))
    cut = Range(NOON_S + 30, NOON_S + 18 * DAY_S + 30)
    await _tried(
        psd.engine.series([1], BucketQuestion(THING, days, by_atid=True)),
        psd.engine.series([1], BucketQuestion(THING, hours, some)),
        psd.engine.sums([1], [1, 2, 3], [cut], atids=some),
        psd.engine.standings([1] * 100, THING, cut, atids=some),
        psd.engine.top(THING, cut, 10, uids=[1] * 100, atids=some),
        psd.engine.by_atid(1, THING, cut),
    )


def _long_activity() -> Iterator[Event]:
    """One activity with a report in each of 19,000 hours."""
    for n in range(19_000):
        yield _report(1, NOON_S + n * HOUR_S, NOON_S + n * HOUR_S + n % 60, 9)


async def _ask_long(psd: Runtime) -> None:
    for cut in (Range(NOON_S + 30, NOON_S + 18_000 * HOUR_S), EVER):
        await _tried(*(psd.engine.activity_sum(1, THING, 9, cut, atid) for atid in (None, 2)))
    ends = [NOON_S + n * HOUR_S + n % 60 for n in range(14_000, 19_000)]
    await psd.engine.reported([Window(THING, 1, 9, at - at % HOUR_S, at) for at in ends])
    last = NOON_S + 18_999 * HOUR_S + 18_999 % 60
    reaching = [Window(THING, 1, 9, NOON_S + n * HOUR_S, last) for n in range(0, 19_000, 19)]
    await psd.engine.reported(reaching)


def _full_hours() -> Iterator[Event]:
    """One activity with 3,600 reports in each of 25 hours, and one over all that was before."""
    for n in range(25 * HOUR_S):
        yield _report(n % 5 + 1, NOON_S + n, NOON_S + n, 9)
    last = NOON_S + 25 * HOUR_S - 1
    for n in range(1, 24):
        yield _report(10**6 + n, NOON_S + n * HOUR_S - 5, last, 9)


async def _ask_full(psd: Runtime) -> None:
    last = NOON_S + 25 * HOUR_S - 1
    starts = [NOON_S + n * HOUR_S - 5 for n in range(1, 24)]
    random.Random(1).shuffle(starts)
    await psd.engine.reported([Window(THING, 1, 9, start, last) for start in starts])
    await psd.engine.reported([Window(THING, 1, 9, s, s) for s in range(NOON_S, NOON_S + 5_000)])
    for cut in (Range(NOON_S + 30, last - 30), Range(NOON_S + 30, NOON_S + 9_000)):
        await _tried(*(psd.engine.activity_sum(1, THING, 9, cut, atid) for atid in (None, 2)))
    await _tried(psd.engine.activity_page(1, [1, 2, 3], EVER, 1_000))


async def _tried(*asked: Awaitable[object]) -> None:
    """Ask one after the other; what is too much is refused, and that call counts as well."""
    for ask in asked:
        with contextlib.suppress(TooLargeError):
            await ask


READS: dict[str, Read] = {
    "minutes": Read(_each_minute, _ask_minutes),
    "seconds": Read(_one_second, _ask_seconds),
    "typed": Read(_many_types, _ask_types),
    "long": Read(_long_activity, _ask_long),
    "full": Read(_full_hours, _ask_full),
}

SCRIPTS: Sequence[str] = (
    *("engine.activity_sum", "engine.bookings", "engine.newest", "engine.records"),
    *("engine.reported", "engine.series", "engine.standings", "engine.sum", "engine.top"),
)
