"""How pages show a board: its rows, the path of its time machine, and who overtook whom. Pure.

::

    board_lines([Standing(rank=1, uid="7", value=12400, ...)], "steps")
    -> [BoardLine(rank=1, uid="7", value="12,400", bar=100, change="", ...)]
    time_path(Range(NOON, NOON + 7 * 86_400), newest_s)     -> TimePath(start, end, step_s=3600)
    overtakes(edges, {"7": [3, 3], "9": [2, 5]})     -> [Crossing("9", "7", edges[1], edges[2])]

Values are cumulative sums; a user has overtaken another who had more and then had less. Those who
only come level have not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import msgspec
from msgspec import UNSET

from psd.engine.plan import Range
from psd.queries.results import Standing

FULL = 100
STEPS_MAX = 400
"""Places of a slider: more cannot be told apart by hand."""

STEPS_S = (1, 60, 300, 900, 3_600, 21_600, 86_400, 7 * 86_400, 28 * 86_400)

UNBOUNDED_DAYS_S = 30 * 86_400
"""So much of a board that has no beginning the time machine goes through."""

Tone = Literal["up", "down", "same", ""]


class BoardLine(msgspec.Struct, frozen=True):
    """A row; ``bar`` is hundredths of the greatest value of the page.

    Who shares a value with a neighbour on the page ``is_tied``.
    """

    rank: int
    uid: str
    value: str
    bar: int
    reached_at: str
    change: str
    tone: Tone
    gained: str
    is_tied: bool


class TimePath(msgspec.Struct, frozen=True):
    """Where a time machine goes: from a second to another, in steps."""

    start: int
    end: int
    step_s: int


class Crossing(msgspec.Struct, frozen=True):
    """Somebody overtook somebody, after one second and until another."""

    uid: str
    other: str
    after: int
    until: int


def board_lines(rows: Sequence[Standing]) -> list[BoardLine]:
    """Rows of a standing as they are shown."""
    most = max((row.value for row in rows), default=0)
    values = Counter(row.value for row in rows)
    return [
        BoardLine(
            row.rank,
            row.uid,
            f"{row.value:,}",
            round(FULL * max(row.value, 0) / most) if most > 0 else 0,
            row.reached_at or "",
            *_change(row),
            f"{row.value_change:+,}" if isinstance(row.value_change, int) else "",
            values[row.value] > 1,
        )
        for row in rows
    ]


def time_path(range_: Range, newest_s: int | None) -> TimePath:
    """The path through a board's range, up to what is booked."""
    end = range_.end
    if newest_s is not None:
        end = max(min(end, newest_s + 1), range_.start + 1)
    start = range_.start or max(end - UNBOUNDED_DAYS_S, 0)
    span = end - start
    step_s = next((each for each in STEPS_S if span <= each * STEPS_MAX), STEPS_S[-1])
    return TimePath(start, start + -(-span // step_s) * step_s, step_s)


def edges_of(start: int, end: int, count: int) -> list[int]:
    """At most ``count`` seconds from one to another, both included, evenly."""
    step = max(-(-(end - start) // (count - 1)), 1)
    return [*range(start, end, step), end]


def overtakes(edges: Sequence[int], sums: Mapping[str, Sequence[int]]) -> list[Crossing]:
    """Who overtook whom between edges, the newest first; ``sums`` are of what lies between two."""
    totals = {uid: _cumulated(each) for uid, each in sums.items()}
    found = []
    for first, second in combinations(sorted(totals), 2):
        ahead = 0
        for at, (one, other) in enumerate(zip(totals[first], totals[second], strict=True)):
            now = (one > other) - (one < other)
            if now and ahead and now != ahead:
                winner, loser = (first, second) if now > 0 else (second, first)
                found.append(Crossing(winner, loser, edges[at], edges[at + 1]))
            ahead = now or ahead
    return sorted(found, key=lambda each: (each.until, each.uid, each.other), reverse=True)


def passed(edges: Sequence[int], winner: Sequence[int], loser: Sequence[int]) -> tuple[int, int]:
    """The newest piece at whose end a winner had more, and at whose beginning not yet."""
    ahead = [one > other for one, other in zip(_cumulated(winner), _cumulated(loser), strict=True)]
    at = next(
        at for at in range(len(ahead) - 1, -1, -1) if ahead[at] and not (at and ahead[at - 1])
    )
    return edges[at], edges[at + 1]


def _cumulated(sums: Sequence[int]) -> list[int]:
    found, total = [], 0
    for each in sums:
        total += each
        found.append(total)
    return found


def _change(row: Standing) -> tuple[str, Tone]:
    """Places won or lost since another instant, in words that need no colour."""
    if row.rank_change is UNSET or row.rank_change is None:
        return "", ""
    if row.rank_change > 0:
        return f"▲ {row.rank_change}", "up"
    return (f"▼ {-row.rank_change}", "down") if row.rank_change else ("=", "same")
