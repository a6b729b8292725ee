"""What psd must answer, computed the slow and obvious way from a list of everything sent.

:class:`Model` keeps every report and recomputes all of an activity's bookings by replay when
one of its reports comes, in the order of pointspaced: reports sorted by ts2, at equal ts2 the
narrower window first; each books ``value - sum(bookings with ts1 <= second <= ts2)`` at its ts2.

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
A withdrawn activity has no reports, whenever they come.
Sums past 2^53 - 1 are not modelled, except that a booking past it is refused, and a change by more.
:class:`ModelEngine` gives the model the engine's interface.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from psd.engine.events import VALUE_MAX, Count, Event, Report, Withdrawal
from psd.engine.outcomes import Outcome
from psd.engine.plan import Range
from psd.engine.sums import OwnerSums
from psd.errors import OutOfBoundsError

Activity = tuple[int, int, int]
"""(uid, thing, aid)."""

Window = tuple[int, int, str | None]


class Booking(NamedTuple):
    """A difference that a report made, under the type of that report."""

    second: int
    atid: int
    delta: int


def replay(sent: Iterable[Report]) -> list[Booking]:
    """Every booking of one activity's reports and increments, in their order.

    ``sums[n]`` is the sum of the first n bookings; those in a window are the last ones so far.
    """
    bookings: list[Booking] = []
    seconds: list[int] = []
    sums = [0]
    for report in sorted(sent, key=_replay_order):
        inside = sums[-1] - sums[bisect_left(seconds, report.ts1)]
        delta = report.value - (0 if report.event_id is not None else inside)
        bookings.append(Booking(report.ts2, report.atid, delta))
        seconds.append(report.ts2)
        sums.append(sums[-1] + delta)
    return bookings


def entries(bookings: Iterable[Booking]) -> list[Booking]:
    """One activity's bookings added up by second and type, without those that come to 0."""
    added: dict[tuple[int, int], int] = {}
    for second, atid, delta in bookings:
        added[second, atid] = added.get((second, atid), 0) + delta
    return [Booking(*place, delta) for place, delta in sorted(added.items()) if delta != 0]


def _is_past_bound(bookings: Iterable[Booking]) -> bool:
    return any(abs(booking.delta) > VALUE_MAX for booking in bookings)


def _by_window(sent: Mapping[Window, Report]) -> dict[Window, int]:
    ordered = sorted(sent.values(), key=_replay_order)
    return {
        _window(report): booking.delta
        for report, booking in zip(ordered, replay(ordered), strict=True)
    }


def _replay_order(report: Report) -> tuple[int, int]:
    return (report.ts2, -1 if report.event_id is not None else report.ts2 - report.ts1)


class Model:
    """Everything that was sent, by activity; an activity's entries are kept until it changes.

    ``reports`` are taken as sent before, the last of each window, without asking what became
    of them.
    """

    def __init__(self, reports: Iterable[Report] = ()) -> None:
        self._sent: dict[Activity, dict[Window, Report]] = {}
        self._entries: dict[Activity, list[Booking]] = {}
        self._increments: set[tuple[int, int, str]] = set()
        self.all_counts: dict[tuple[str, str], Count] = {}
        self.withdrawn: set[Activity] = set()
        self.withdrawn_increments: dict[tuple[int, int, str], Report] = {}
        for report in reports:
            self._put(report)

    @property
    def reports(self) -> list[Report]:
        """All that count: of each window the last that was sent."""
        return [report for sent in self._sent.values() for report in sent.values()]

    def book(self, report: Report) -> str:
        """Take a report or an increment; the outcome as the engine names it."""
        if (report.uid, report.thing, report.event_id) in self._increments:
            return "duplicate"
        activity = _activity(report)
        if activity in self.withdrawn:
            self._note_increment(report)
            return "withdrawn"
        after = {**self._sent.get(activity, {}), _window(report): report}
        bookings = replay(after.values())
        before, now = self.entries(*activity), entries(bookings)
        if _is_past_bound(bookings) or self._changes_past_bound(activity, after, before, now):
            return "refused"
        self._put(report)
        self._entries[activity] = now
        return "booked" if before != now else "unchanged"

    def _changes_past_bound(
        self,
        activity: Activity,
        after: Mapping[Window, Report],
        before: Sequence[Booking],
        now: Sequence[Booking],
    ) -> bool:
        """Whether a booking, or what a second has of one type, changes by more than the bound."""
        sent = self._sent.get(activity, {})
        if not any(abs(each.value) > VALUE_MAX // 8 for each in (*sent.values(), *after.values())):
            return False
        was = _by_window(sent)
        windows = [
            Booking(0, 0, delta - was.get(window, 0)) for window, delta in _by_window(after).items()
        ]
        taken = [booking._replace(delta=-booking.delta) for booking in before]
        return _is_past_bound([*windows, *entries([*now, *taken])])

    def withdraw(self, withdrawal: Withdrawal) -> str:
        """Take an activity back, of each thing; the outcome as the engine names it."""
        activities = {(withdrawal.uid, thing, withdrawal.aid) for thing in withdrawal.things}
        known = len(self.withdrawn)
        self.withdrawn |= activities
        for activity in activities:
            self._entries.pop(activity, None)
            for report in self._sent.pop(activity, {}).values():
                self._note_increment(report)
        return "booked" if len(self.withdrawn) > known else "unchanged"

    def holds(self, report: Report) -> bool:
        """Whether this very report counts."""
        return self._sent.get(_activity(report), {}).get(_window(report)) == report

    def entries(self, uid: int, thing: int, aid: int) -> list[Booking]:
        """One activity's bookings added up by second and type."""
        activity = (uid, thing, aid)
        if activity not in self._entries:
            self._entries[activity] = entries(replay(self._sent.get(activity, {}).values()))
        return self._entries[activity]

    def all_activities(self) -> list[Activity]:
        """Every activity that was reported and stands, also when nothing of it is booked."""
        return list(self._sent)

    def count(self, count: Count) -> str:
        """Take a count; it is added once for its name and id."""
        if (count.name, count.event_id) in self.all_counts:
            return "duplicate"
        self.all_counts[count.name, count.event_id] = count
        return "booked" if count.value else "unchanged"

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
        types = self.types_of_activities(uid, things, start, end, atid)
        return {aid: kinds[0] for aid, kinds in types.items()}

    def types_of_activities(
        self, uid: int, things: Sequence[int], start: int, end: int, atid: int | None = None
    ) -> dict[int, list[int]]:
        """The same with every type that its earliest second has: they stand side by side."""
        found: dict[int, list[int]] = {}
        for thing in things:
            by_aid: dict[int, list[Booking]] = {}
            for aid, booking in self._found(uid, thing, start, end, atid, None):
                by_aid.setdefault(aid, []).append(booking)
            for aid, bookings in by_aid.items():
                earliest = min(booking.second for booking in bookings)
                found.setdefault(aid, [b.atid for b in bookings if b.second == earliest])
        return found

    def counted(self, name: str, start: int, end: int) -> int:
        """The sum of a global count from ``start`` up to before ``end``."""
        counts = [count for count in self.all_counts.values() if count.name == name]
        return sum(count.value for count in counts if start <= count.ts < end)

    def _found(
        self, uid: int, thing: int, start: int, end: int, atid: int | None, aid: int | None
    ) -> list[tuple[int, Booking]]:
        """Entries that pass every filter, each with its activity."""
        return [
            (activity[2], booking)
            for activity in self._sent
            if activity[:2] == (uid, thing) and aid in (None, activity[2])
            for booking in self.entries(*activity)
            if start <= booking.second < end and (atid is None or booking.atid == atid)
        ]

    def _put(self, report: Report) -> None:
        activity = _activity(report)
        self._sent.setdefault(activity, {})[_window(report)] = report
        self._entries.pop(activity, None)
        if report.event_id is not None:
            self._increments.add((report.uid, report.thing, report.event_id))

    def _note_increment(self, report: Report) -> None:
        """The id of an increment counts as seen, also where its activity is withdrawn."""
        if report.event_id is not None:
            place = (report.uid, report.thing, report.event_id)
            self._increments.add(place)
            self.withdrawn_increments[place] = report


def _activity(report: Report) -> Activity:
    return (report.uid, report.thing, report.aid)


def _window(report: Report) -> Window:
    """What tells an activity's reports apart: a report with the same window replaces the old."""
    return (report.ts1, report.ts2, report.event_id)


class ModelEngine:
    """A model behind the interface of :class:`psd.engine.engine.Engine`."""

    def __init__(self) -> None:
        self.model = Model()

    def room_for(self, events: int) -> AbstractContextManager[None]:
        """There always is."""
        return nullcontext()

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
        match self._status(event):
            case "booked" | "unchanged" | "duplicate" | "withdrawn" as status:
                return Outcome(status, None)
        return Outcome("refused", OutOfBoundsError("value: the sum would pass +-(2^53 - 1)"))

    def _status(self, event: Event) -> str:
        if isinstance(event, Withdrawal):
            return self.model.withdraw(event)
        return self.model.count(event) if isinstance(event, Count) else self.model.book(event)
