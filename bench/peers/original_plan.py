"""Which hashes the original daemon reads for a range. Pure.

From the start it walks forward with the largest step (month, day, hour, minute, second) that
begins on a boundary and does not pass the end. All steps of one run lie in one hash, the
bucket one level up, so that a range of a year and two ragged edges is about ten hashes:

>>> original_plan(1_735_689_599, 1_738_368_000)
(('202412312359', '20241231235959', '20241231235959'), ('2025', '202501', '202501'))
"""

from __future__ import annotations

import calendar
import time
from functools import lru_cache

Part = tuple[str, str, str]
"""Bucket of the hash, first and last field inside it (without activity)."""

MONTH_CHARS = 6
STEPS = ((86_400, 8), (3_600, 10), (60, 12), (1, 14))
"""Steps below a month: seconds, and digits of the field's name."""


@lru_cache(maxsize=65_536)
def original_plan(start: int, end: int) -> tuple[Part, ...]:
    """The hashes for the seconds from ``start`` up to but not including ``end``."""
    parts: list[Part] = []
    while start < end:
        run_end, chars = _run(start, end)
        last = digits(run_end - 1)
        first = digits(start)
        parts.append((first[: chars - 2], first[:chars], last[:chars]))
        start = run_end
    return tuple(parts)


def digits(second: int) -> str:
    """``YYYYMMDDHHMMSS`` of a second, UTC."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(second))


def _run(start: int, end: int) -> tuple[int, int]:
    """Where the run that begins at ``start`` ends, and the digits of its fields."""
    month_run_end = _whole_months(start, end)
    if month_run_end > start:
        return month_run_end, MONTH_CHARS
    container_end = _next_month(start)
    for step_s, chars in STEPS:
        if start % step_s == 0 and start + step_s <= end:
            return min(container_end, end - end % step_s), chars
        container_end = start - start % step_s + step_s
    raise AssertionError(f"no step fits from {start} to {end}")


def _whole_months(start: int, end: int) -> int:
    """The end of the whole months of one year from ``start``; ``start`` when there are none."""
    moment = time.gmtime(start)
    if start % STEPS[0][0] or moment.tm_mday != 1:
        return start
    reached = start
    while (following := _next_month(reached)) <= end:
        reached = following
        if time.gmtime(reached).tm_mon == 1:
            break
    return reached


def _next_month(second: int) -> int:
    moment = time.gmtime(second)
    year, month = divmod(moment.tm_year * 12 + moment.tm_mon, 12)
    return calendar.timegm((year, month + 1, 1, 0, 0, 0))
