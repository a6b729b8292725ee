"""What psd must answer, computed the slow and obvious way from a list of everything sent.

:class:`Model` keeps every report and recomputes all of an activity's bookings by replay for
each question (pointspaced, decision 1): reports sorted by ts2, at equal ts2 the narrower
window first; each books ``value - sum(bookings with ts1 <= second <= ts2)`` at its ts2.

>>> model = Model()
>>> model.book(Report(thing=1, uid=8, atid=2, aid=41, value=50, ts1=1000, ts2=1100))
'booked'
>>> model.book(Report(thing=1, uid=8, atid=2, aid=41, value=40, ts1=1000, ts2=1050))
'booked'
>>> model.sum(8, 1, 0, 2000), model.sum(8, 1, 0, 1051)
(50, 40)

Ranges are half-open. An increment is a booking that nothing changes: it is added once for its
id, stands before the reports of its second, and a report's total includes it. Bookings of an
activity at one second and of one type are one entry; where they cancel to 0 there is none.
Sums past 2^53 - 1 are not modelled, except that a booking past it is refused.
:class:`ModelEngine` gives the model the engine's interface.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from psd.engine.events import VALUE_MAX, Count, Event, Report
from psd.engine.plan import Range
from psd.engine.store import Outcome, OwnerSums
from psd.errors import OutOfBoundsError


class Booking(NamedTuple):
    """A difference that a report made, under the type of that report."""

    second: int
    atid: int
    delta: int


def replay(sent: Iterable[Report]) -> list[Booking]:
    """Every booking of one activity's reports and increments, in the order of decision 1."""
    bookings: list[Booking] = []
    for report in sorted(sent, key=_replay_order):
        inside = sum(b.delta for b in bookings if report.ts1 <= b.second <= report.ts2)
        delta = report.value - (0 if report.event_id is not None else inside)
        bookings.append(Booking(report.ts2, report.atid, delta))
    return bookings


def entries(bookings: Iterable[Booking]) -> list[Booking]:
    """One activity's bookings added up by second and type, without those that come to 0."""
    added: dict[tuple[int, int], int] = {}
    for second, atid, delta in bookings:
        added[second, atid] = added.get((second, atid), 0) + delta
    return [Booking(*place, delta) for place, delta in sorted(added.items()) if delta != 0]


def _replay_order(report: Report) -> tuple[int, int]:
    return (report.ts2, -1 if report.event_id is not None else report.ts2 - report.ts1)


class Model:
    """Everything that was sent, by arrival."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.all_counts: list[Count] = []

    def book(self, report: Report) -> str:
        """Take a report or an increment; the outcome as the engine names it."""
        if report.event_id is not None and any(_sent(r) == _sent(report) for r in self.reports):
            return "duplicate"
        before = [r for r in self.reports if _activity(r) == _activity(report)]
        after = [*(r for r in before if _window(r) != _window(report)), report]
        if any(abs(booking.delta) > VALUE_MAX for booking in replay(after)):
            return "refused"
        others = [r for r in self.reports if _activity(r) != _activity(report)]
        self.reports = [*others, *after]
        changed = entries(replay(before)) != entries(replay(after))
        return "booked" if changed else "unchanged"

    def count(self, count: Count) -> str:
        """Take a count; it is added once for its name and id."""
        if any((c.name, c.event_id) == (count.name, count.event_id) for c in self.all_counts):
            return "duplicate"
        self.all_counts.append(count)
        return "booked"

    def sum(
        self,
        uid: int,
        thing: int,
        start: int,
        end: int,
        atid: int | None = None,
        aid: int | None = None,
    ) -> int:
        """The sum of an owner's bookings of a thing from ``start`` up to before ``end``."""
        return sum(b.delta for _, b in self._found(uid, thing, start, end, atid, aid))

    def activities(
        self, uid: int, things: Sequence[int], start: int, end: int, atid: int | None = None
    ) -> dict[int, int]:
        """Activities with a booking in the range: aid -> type of its earliest booking there.

        An activity that appears under several things has the type of the first thing asked.
        """
        found: dict[int, int] = {}
        for thing in things:
            in_range = self._found(uid, thing, start, end, atid, None)
            for aid, booking in sorted(in_range, key=lambda pair: pair[1].second):
                found.setdefault(aid, booking.atid)
        return found

    def counted(self, name: str, start: int, end: int) -> int:
        """The sum of a global count from ``start`` up to before ``end``."""
        return sum(c.value for c in self.all_counts if c.name == name and start <= c.ts < end)

    def _found(
        self, uid: int, thing: int, start: int, end: int, atid: int | None, aid: int | None
    ) -> list[tuple[int, Booking]]:
        """Entries that pass every filter, each with its activity."""
        owned = [r for r in self.reports if (r.uid, r.thing) == (uid, thing)]
        return [
            (activity, booking)
            for activity in dict.fromkeys(r.aid for r in owned)
            for booking in entries(replay([r for r in owned if r.aid == activity]))
            if start <= booking.second < end
            and (atid is None or booking.atid == atid)
            and (aid is None or activity == aid)
        ]


def _activity(report: Report) -> tuple[int, int, int]:
    return (report.thing, report.uid, report.aid)


def _window(report: Report) -> tuple[int, int, str | None]:
    """What tells an activity's reports apart: a report with the same window replaces the old."""
    return (report.ts1, report.ts2, report.event_id)


def _sent(report: Report) -> tuple[int, int, str | None]:
    return (report.uid, report.thing, report.event_id)


class ModelEngine:
    """A model behind the interface of :class:`psd.engine.store.Engine`."""

    def __init__(self) -> None:
        self.model = Model()

    async def book(self, events: Sequence[Event]) -> list[Outcome]:
        """Book events one after the other."""
        return [self._book(event) for event in events]

    async def sums(
        self,
        uids: Sequence[int],
        things: Sequence[int],
        ranges: Sequence[Range],
        *,
        atid: int | None = None,
        activities: bool = False,
    ) -> list[OwnerSums]:
        """Sums of each owner in its own range."""
        return [
            OwnerSums(
                sums={t: self.model.sum(uid, t, asked.start, asked.end, atid) for t in things},
                activities=self.model.activities(uid, things, asked.start, asked.end, atid)
                if activities
                else {},
            )
            for uid, asked in zip(uids, ranges, strict=True)
        ]

    async def activity_sum(
        self, uid: int, thing: int, aid: int, range_: Range, atid: int | None = None
    ) -> int:
        """One activity's sum."""
        return self.model.sum(uid, thing, range_.start, range_.end, atid, aid)

    async def counts(self, names: Sequence[str], range_: Range) -> list[int]:
        """Sums of global counts."""
        return [self.model.counted(name, range_.start, range_.end) for name in names]

    def _book(self, event: Event) -> Outcome:
        status = self.model.count(event) if isinstance(event, Count) else self.model.book(event)
        match status:
            case "booked" | "unchanged" | "duplicate":
                return Outcome(status, None)
        return Outcome("refused", OutOfBoundsError("value: the sum would pass +-(2^53 - 1)"))
