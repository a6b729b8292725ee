"""What the state machine draws: reports on a small grid of seconds, edges of ranges around it.

A grid has 16 columns ``step_s`` apart, each with the second before and after it, so that windows
meet, contain each other and are the same again:

>>> Grid(1_460_000_000, 100).second(3), Grid(1_460_000_000, 100).second(5)
(1460000099, 1460000101)
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from hypothesis import strategies as st

from psd.engine.events import TIME_END_S, Count, Report
from psd.engine.plan import DAY_S, ISO_MONDAY_S, ISSUANCE_START_S, WEEK_S
from tests.support.draws.random_reports import STARTS

UIDS = (1, -(2**63))
THINGS = (1, 2)
COUNT_NAMES = ("ab", "a:b{%}")
SLOTS = 48
WEEK_STARTS = (ISSUANCE_START_S - 303 * WEEK_S, 1_609_718_400)
"""Monday 2016-04-11 05:00:00 UTC, and Monday 2021-01-04 00:00:00 UTC after an ISO week 53."""

STEPS_S = (3, 100, 1_700, 30_000, 3 * 86_400, 60 * 86_400)

SUBJECTS = tuple(
    [(1, 1, aid) for aid in (1, 2, 5, 2**33, -1)]
    + [(1, 2, 1), (1, 2, 7), (-(2**63), 1, 1), (-(2**63), 2, 2**63 - 1)]
)
"""(uid, thing, aid): most of one owner's thing, so that its leaves fill."""

ATIDS = (0, 7, 300, -(2**63))
VALUES = (0, 1, 5, 10, -20, 127, 128, 40_000, 3_000_000_000)
WINDOWS = ("second", "second", "since the last column", "since four columns ago", "begin", "0")
EDGES = ("at", "at", "at", "day", "hour", "month", "year", "ISO week", "issuance week")


LENGTHS_S = {
    "at": (1, 0),
    "hour": (3600, 0),
    "day": (DAY_S, 0),
    "ISO week": (WEEK_S, ISO_MONDAY_S),
    "issuance week": (WEEK_S, ISSUANCE_START_S),
}
"""Units of one length, and a second at which one of them begins."""

UNITS = ("ISO week", "issuance week", "day", "month", "hour", "year")


class Grid(NamedTuple):
    """Where one machine's seconds lie."""

    start: int
    step_s: int

    def second(self, slot: int) -> int:
        """A second of the grid; slots 0, 1, 2 are those before, at and after the first column."""
        column, beside = divmod(slot, 3)
        return self.start + column * self.step_s + beside - 1

    def edge(self, drawn: tuple[int, str]) -> int:
        """An end of a range: the second itself, or the beginning of the unit that holds it."""
        slot, kind = drawn
        second = self.second(slot)
        if kind in LENGTHS_S:
            length_s, anchor = LENGTHS_S[kind]
            return second - (second - anchor) % length_s
        at = datetime.fromtimestamp(second, UTC)
        month = 1 if kind == "year" else at.month
        return int(datetime(at.year, month, 1, tzinfo=UTC).timestamp())


class Draft(NamedTuple):
    """A report before it has a place; ``window`` names how far back it reaches."""

    subject: tuple[int, int, int]
    atid: int
    value: int
    slot: int
    window: str

    def report(self, grid: Grid) -> Report:
        """The report on a grid."""
        uid, thing, aid = self.subject
        ts2 = grid.second(self.slot)
        match self.window:
            case "second":
                ts1 = ts2
            case "since the last column":
                ts1 = max(ts2 - grid.step_s, 0)
            case "since four columns ago":
                ts1 = max(ts2 - 4 * grid.step_s, 0)
            case "begin":
                ts1 = min(grid.second(0), ts2)
            case _:
                ts1 = 0
        return Report(thing, uid, self.atid, aid, self.value, ts1, ts2)

    def increment(self, grid: Grid, number: int) -> Report:
        """An increment whose id follows from its number and place: drawn again, it is the same."""
        uid, thing, aid = self.subject
        ts2 = grid.second(self.slot)
        event_id = f"{number}/{self.slot}"
        return Report(thing, uid, self.atid, aid, self.value, ts2, ts2, event_id=event_id)


def count_of(grid: Grid, name: str, value: int, slot: int, number: int) -> Count:
    """A count whose id follows from its number and place."""
    return Count(name, value, grid.second(slot), f"{number}/{slot}")


slots = st.integers(0, SLOTS - 1)
picks = st.integers(0, 2**10 - 1)
drafts = st.builds(
    Draft,
    st.sampled_from(SUBJECTS),
    st.sampled_from(ATIDS),
    st.sampled_from(VALUES),
    slots,
    st.sampled_from(WINDOWS),
)
grids = st.builds(Grid, st.sampled_from((*STARTS, *WEEK_STARTS)), st.sampled_from(STEPS_S))
edges = st.tuples(slots, st.sampled_from(EDGES)) | st.sampled_from(
    ((0, "begin of time"), (0, "end of time"))
)
atids = st.sampled_from((None, None, *ATIDS))


def sorted_edges(grid: Grid, drawn: list[tuple[int, str]]) -> list[int]:
    """The ends of ranges that touch, in order."""
    known = {"begin of time": 0, "end of time": TIME_END_S}
    return sorted(known[each[1]] if each[1] in known else grid.edge(each) for each in drawn)
