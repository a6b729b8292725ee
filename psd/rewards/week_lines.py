"""The weeks and the state of each, as commands, HTTP and pages tell them.

::

    {"week":9,"start":"2022-04-04T05:00:00Z","end":"2022-04-11T05:00:00Z","status":"Finished",
     "reason":"","vehicles":200,"connected":187,"points":1034000,"pool":"1105000000000000000000000",
     "tokens":"1105000000000000000000000","levels":[120,80,0,0],"dirty":0,...}
"""

from __future__ import annotations

import asyncio

import msgspec

from psd.clock import utc_text
from psd.rewards.listings import WeekLine
from psd.rewards.store import RewardsStore
from psd.rewards.week_results import WeekResult, WeekStatus
from psd.rewards.weeks import bounds


async def week_lines(rewards: RewardsStore) -> list[WeekLine]:
    """Every week that was computed or tried, the newest first. 1 trip."""
    results, statuses, dirty = await asyncio.gather(
        rewards.results(), rewards.statuses(), rewards.dirty()
    )
    numbers = sorted(results.keys() | statuses.keys(), reverse=True)
    return [
        week_line(week, results.get(week), statuses.get(week), dirty.get(week, 0))
        for week in numbers
    ]


def week_line(
    week: int, result: WeekResult | None, status: WeekStatus | None, dirty: int
) -> WeekLine:
    """What is known of a week."""
    within = bounds(week)
    line = WeekLine(
        week,
        utc_text(within.start),
        utc_text(within.end),
        status.status if status else "",
        status.reason if status else "",
        dirty=dirty,
    )
    if result is None:
        return line
    return msgspec.structs.replace(
        line,
        vehicles=result.rows,
        connected=result.connected,
        points=result.points,
        pool=result.shares.pool,
        tokens=str(result.distributed),
        levels=result.levels,
        tables=result.version,
        digest=result.tables,
        source=result.source,
        computed_at=utc_text(result.computed_at_s),
    )
