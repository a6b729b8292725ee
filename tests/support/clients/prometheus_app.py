"""What the tests of Prometheus's read API ask about: a month-old history, and boards over it.

>>> pytestmark = pytest.mark.psd(now_s=NOW_S, holds=EVENTS)
>>> await put_boards(runtime)
"""

from __future__ import annotations

from psd.queries.boards.board_windows import RollingWindow
from psd.queries.boards.definitions import Definition
from psd.runtime import Runtime
from tests.support.engine import DAY_S, NOON_S, report

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


async def put_boards(runtime: Runtime) -> None:
    """Both boards, of the last day."""
    for name, members in BOARDS.items():
        definition = Definition(thing="steps", window=RollingWindow(seconds=DAY_S))
        await runtime.boards.put(name, definition, "test", members=members)
