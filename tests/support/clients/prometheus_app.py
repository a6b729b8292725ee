"""What the tests of Prometheus's read API book, and a runtime that holds it.

>>> runtime = await opened(Settings(redis=RedisSettings(url=redis_url, durability="fast")))
>>> runtime.clock.now_s()
1463054400
"""

from __future__ import annotations

from psd.clock import ManualClock
from psd.config import RedisSettings, ServerSettings, Settings
from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from psd.runtime import Runtime, open_runtime
from tests.support.engine import DAY_S, NOON_S, book, report

MIDNIGHT_S = NOON_S - DAY_S // 2
NOW_S = NOON_S + 30 * DAY_S

EVENTS = [
    report(100, NOON_S, uid=1, atid=2, aid=1),
    report(20, NOON_S + 3600, uid=1, atid=7, aid=2),
    report(3, NOON_S + DAY_S, uid=1, atid=2, aid=3),
    report(50, NOON_S, uid=2, atid=2, aid=4),
    report(4000, NOON_S + 2 * DAY_S, uid=3, atid=2, aid=5),
    report(9, NOON_S, uid=1, atid=2, aid=6, thing=2),
]
BOARDS = {"april": [1, 2], "may.16": [2, 3]}


def settings_on(redis_url: str) -> Settings:
    """Settings with which each booking is answered as soon as Redis has it."""
    return Settings(
        redis=RedisSettings(url=redis_url, durability="fast"), server=ServerSettings(port=0)
    )


async def opened(settings: Settings) -> Runtime:
    """A runtime at NOW_S with all events and boards; whoever opens it closes it."""
    runtime = await open_runtime(settings, ManualClock(NOW_S))
    assert set(await book(runtime, EVENTS)) == {"booked"}
    for name, members in BOARDS.items():
        definition = Definition(thing="steps", window=RollingWindow(seconds=DAY_S))
        await runtime.boards.put(name, definition, "test", members=members)
    return runtime
