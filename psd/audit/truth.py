"""What an owner's bookings of a thing are, where reports, leaves and totals disagree. Pure.

Every booking stands twice: in its activity's reports and in a leaf. Where the two differ, the
totals above decide, which count each booking five times more. Say the leaf has 12 where the
report has 10, and the day, its month, its year and both weeks add up with 10: the leaf is
wrong. With 12 they would show that the report is. Where they show neither, the report
stands; a booking that no report made is kept, and its activity gets a fixed booking (window
-1) for it, so that sums stay and a report that is delivered again books 0 on top.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from psd.audit.holdings import BookingPlace, Bucket, Buckets, Holdings, added_up
from psd.audit.layout import (
    DAY_S,
    Place,
    calendar_places,
    day_of,
    hour_place,
    minute_place,
    second_place,
)
from psd.audit.shapes import ReportRecord, record_order
from psd.store.lifetimes import ended

Spot = tuple[int, int]
"""(second, aid): where reports and leaves are held against each other."""

Parts = dict[int, int]
"""Bookings of a spot by atid."""


class Lifetimes(msgspec.Struct, frozen=True):
    """Levels whose keys may have ended by a lifetime: what is missing there is no damage."""

    levels: frozenset[str] = frozenset()

    def end(self, level: str) -> bool:
        """Whether keys of a level may be missing; a level is named as in ``[retention]``."""
        return f"{level}_s" in self.levels

    def of(self, thing: int) -> Lifetimes:
        """Those of a thing: of all things, and its own."""
        return Lifetimes(ended(self.levels, thing))


class Truth(msgspec.Struct):
    """All bookings, and the reports that make them."""

    bookings: dict[BookingPlace, int]
    records: dict[int, list[ReportRecord]]
    rebuilt: set[int]
    """Activities whose reports had to be changed to make the bookings that stand."""

    withdrawn: set[int] = set()


Archived = Mapping[int, list[ReportRecord]]
"""Reports by aid, as the archive's messages would have been booked; none of one that was
withdrawn."""


def truth_of(held: Holdings, lifetimes: Lifetimes, archived: Archived | None = None) -> Truth:
    """What stands, with the archive's reports for what is missing where they fit the totals."""
    own = {aid: activity.records for aid, activity in held.activities.items()}
    plain = _settled(held, own, lifetimes)
    plain.withdrawn = held.withdrawn | _logged_and_lost(held, plain, lifetimes)
    if not archived:
        return plain
    fuller = _settled(held, _completed(held, plain, archived), lifetimes)
    fuller.withdrawn = plain.withdrawn | _withdrawn_and_lost(fuller, archived)
    before, after = _misfits(held.buckets, plain), _misfits(held.buckets, fuller)
    # More than the totals count may be on its way through a worker: its marker is not set yet.
    # One total may be damaged itself; an archive that contradicts two is that of another store.
    if after.more or after.fewer > before.fewer or after.unlike > before.unlike + 1:
        return plain
    return fuller


def _completed(held: Holdings, plain: Truth, archived: Archived) -> dict[int, list[ReportRecord]]:
    """Reports with those of the archive for activities that miss some; one's own are preferred."""
    records = {aid: activity.records for aid, activity in held.activities.items()}
    for aid, sent in archived.items():
        activity = held.activities.get(aid)
        if activity is not None and activity.is_withdrawn:
            continue
        missing = activity is None or activity.is_damaged or activity.is_cut
        if missing or aid in plain.rebuilt or not records.get(aid):
            known = {record_order(record): record for record in sent}
            known |= {record_order(record): record for record in records.get(aid, [])}
            records[aid] = [known[order] for order in sorted(known)]
    return records


def _logged_and_lost(held: Holdings, truth: Truth, lifetimes: Lifetimes) -> set[int]:
    """Activities that the log calls withdrawn, and of which nothing is held any more."""
    if lifetimes.end("activity"):
        return set()
    return {aid for aid in held.logged - held.activities.keys() if not truth.records.get(aid)}


def _withdrawn_and_lost(truth: Truth, archived: Archived) -> set[int]:
    """Activities that the archive calls withdrawn, and of which nothing is held any more."""
    return {aid for aid, sent in archived.items() if not sent and not truth.records.get(aid)}


class _Misfit(msgspec.Struct):
    more: int = 0
    fewer: int = 0
    unlike: int = 0


def _misfits(held: Buckets, truth: Truth) -> _Misfit:
    """Bookings that the totals held count too few and too many of; totals of another sum."""
    counted = calendar_totals(truth.bookings.items())
    found = _Misfit()
    for place, bucket in held.items():
        if place[0][0] in "hns" or not bucket.count:
            continue
        made = counted.get(place, Bucket())
        difference = made.count - bucket.count
        found.unlike += difference == 0 and made.sum != bucket.sum
        found.more += max(difference, 0)
        found.fewer += max(-difference, 0)
    return found


def calendar_totals(bookings: Iterable[tuple[BookingPlace, int]]) -> Buckets:
    """Years, months, days and weeks of these bookings."""
    return added_up(bookings, calendar_places)


def bookings_of(records: Mapping[int, Iterable[ReportRecord]]) -> dict[BookingPlace, int]:
    """What reports book: those of one second and type added up, without those that come to 0."""
    sums: dict[BookingPlace, int] = defaultdict(int)
    for aid, made in records.items():
        for record in made:
            sums[record.second, record.atid, aid] += record.booking
    return {place: delta for place, delta in sums.items() if delta}


def _settled(
    held: Holdings, records: Mapping[int, list[ReportRecord]], lifetimes: Lifetimes
) -> Truth:
    booked = bookings_of(records)
    if booked == held.bookings:
        return Truth(booked, dict(records), set())
    reported = {(record.second, aid) for aid, made in records.items() for record in made}
    disputed = _disputed(booked, held.bookings, reported, lifetimes)
    base = {place: delta for place, delta in booked.items() if (place[0], place[2]) not in disputed}
    if lifetimes.end("activity"):
        base |= {
            place: delta
            for place, delta in held.bookings.items()
            if (place[0], place[2]) not in reported
        }
    bookings = base | _Dispute(held, base, booked, reported, disputed).settle()
    return _with_records(bookings, booked, records, disputed)


def _disputed(
    booked: Mapping[BookingPlace, int],
    leaves: Mapping[BookingPlace, int],
    reported: set[Spot],
    lifetimes: Lifetimes,
) -> set[Spot]:
    """Spots where reports and leaves differ although neither may have ended by its lifetime."""
    spots = {(place[0], place[2]) for place, _ in booked.items() ^ leaves.items()}
    if lifetimes.end("second"):
        spots &= {(second, aid) for second, _, aid in leaves}
    if lifetimes.end("activity"):
        spots &= reported
    return spots


class _Dispute:
    """The ways in which disputed spots can stand, and which of them the totals confirm."""

    def __init__(
        self,
        held: Holdings,
        base: Mapping[BookingPlace, int],
        booked: Mapping[BookingPlace, int],
        reported: set[Spot],
        disputed: set[Spot],
    ) -> None:
        self._held = held
        self._base = base
        by_report = {p: d for p, d in booked.items() if (p[0], p[2]) in disputed}
        by_leaf = {p: d for p, d in held.bookings.items() if (p[0], p[2]) in disputed}
        unreported = {p: d for p, d in by_leaf.items() if (p[0], p[2]) not in reported}
        self._ways = [by_report, by_report | unreported, by_leaf]
        disputing = {aid for _, aid in disputed & reported} & held.activities.keys()
        if any(held.activities[aid].is_contradicted for aid in disputing):
            self._ways.reverse()
        self._seconds = {second for second, _ in disputed}

    def settle(self) -> dict[BookingPlace, int]:
        """One way for all where every total confirms it, else for each day what its total says."""
        for way in self._ways:
            if self._fits(way):
                return dict(way)
        settled: dict[BookingPlace, int] = {}
        base, *ways = (_by_day(bookings) for bookings in (self._base, *self._ways))
        for number in {second // DAY_S for second in self._seconds}:
            settled |= self._day(number, base[number], [way[number] for way in ways])
        return settled

    def _fits(self, way: Mapping[BookingPlace, int]) -> bool:
        keys = {key for key, _ in self._held.buckets}
        touched = {
            place
            for second in self._seconds
            for place in _places(second)
            if place[0] in keys or place[0][0] not in "hns"
        }
        totals = added_up([*self._base.items(), *way.items()], _places)
        return all(
            totals.get(place, Bucket()).says(self._held.buckets.get(place)) for place in touched
        )

    def _day(
        self, number: int, base: dict[BookingPlace, int], ways: list[dict[BookingPlace, int]]
    ) -> dict[BookingPlace, int]:
        found = self._held.buckets.get(day_of(number).place)
        if found is not None and found.count:
            for way in ways:
                total = Bucket()
                for (_, atid, _), delta in (base | way).items():
                    total.add(atid, delta)
                if total.says(found):
                    return way
        _, without_loss, _ = ways  # what reports and leaves have together
        return without_loss


def _places(second: int) -> tuple[Place, ...]:
    finer = hour_place(second), minute_place(second), second_place(second)
    return (*calendar_places(second), *finer)


def _by_day(bookings: Mapping[BookingPlace, int]) -> defaultdict[int, dict[BookingPlace, int]]:
    days: defaultdict[int, dict[BookingPlace, int]] = defaultdict(dict)
    for place, delta in bookings.items():
        days[place[0] // DAY_S][place] = delta
    return days


def _with_records(
    bookings: dict[BookingPlace, int],
    booked: Mapping[BookingPlace, int],
    records: Mapping[int, list[ReportRecord]],
    disputed: set[Spot],
) -> Truth:
    """The reports, changed where they do not make the bookings that stand."""
    changed: dict[int, list[ReportRecord]] = {}
    for place in {
        place for place, _ in bookings.items() ^ booked.items() if (place[0], place[2]) in disputed
    }:
        second, atid, aid = place
        made = changed.setdefault(aid, list(records.get(aid, [])))
        _add_booking(made, second, atid, bookings.get(place, 0) - booked.get(place, 0))
    for made in changed.values():
        made.sort(key=record_order)
    return Truth(bookings, {**records, **changed}, set(changed))


def _add_booking(made: list[ReportRecord], second: int, atid: int, difference: int) -> None:
    """Book a difference on the widest report of its second and type, or on a new increment."""
    for at in range(len(made) - 1, -1, -1):
        record = made[at]
        if (record.second, record.atid) == (second, atid):
            made[at] = record._replace(booking=record.booking + difference)
            return
    made.append(ReportRecord(second, -1, atid, difference))
