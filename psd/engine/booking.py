"""From events to the arguments of lua/engine/book.lua. Pure.

``calls_for`` groups a worker's batch by owner, so that each owner's reports are booked together
and the outcomes find their way back to the positions they came from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

import msgpack
import msgspec

from psd.config import OWN_LEVELS, BookingSettings, RetentionSettings, Settings
from psd.engine.column_modes import Modes, packed_modes
from psd.engine.events import Count, Event, Report
from psd.engine.fences import NO_FENCES, Fences
from psd.store.codec import marker_of, pack_id
from psd.store.keys import count_root
from psd.store.lifetimes import by_number, ended
from psd.store.owner_calls import ONE_SERVER, Placement

CALL_REPORTS_MAX = 200
"""Reports of one script call, which then holds Redis for some 4 ms. A call costs 12 us before
its first report, so owners share calls; one owner's reports are never parted over two calls
unless they are more than this. What is dearer than it looks ends early (psd/engine/portions.py)."""

COUNT_THING = 0
COUNT_ID = b"\x00"
"""A count is an increment of thing 0, atid 0, aid 0 under a root of its own."""


class Call(msgspec.Struct):
    """One script call: owners' roots, their reports, and the positions these came from."""

    roots: list[str]
    reports: list[list[tuple[object, ...]]]
    positions: list[int]

    def packed(self, fences: Fences = NO_FENCES) -> bytes:
        """The reports by owner, and the fences of those that have one, as book.lua reads them."""
        flat = [list(chain.from_iterable(entries)) for entries in self.reports]
        packed: bytes = msgpack.packb(flat, use_bin_type=False)
        if fences and not fences.keys().isdisjoint(self.roots):
            packed += msgpack.packb([fences.get(root, False) for root in self.roots])
        return packed


def calls_for(
    events: Sequence[Event],
    positions: Sequence[int],
    marker_key: bytes,
    placement: Placement = ONE_SERVER,
) -> list[Call]:
    """Script calls for the events at these positions, grouped by owner.

    A call's owners share a partition.
    """
    owners: dict[str, tuple[list[int], list[tuple[object, ...]]]] = {}
    root_of = placement.owner_root
    for position in positions:
        event = events[position]
        if isinstance(event, Report):
            root, entry = root_of(event.uid), _report_entry(event, marker_key)
        else:
            assert isinstance(event, Count), "a withdrawal has a script of its own"
            root, entry = count_root(event.name), _count_entry(event, marker_key)
        owner = owners.get(root)
        if owner is None:
            owner = owners[root] = ([], [])
        owner[0].append(position)
        owner[1].append(entry)
    roots = list(owners)
    groups = placement.groups(roots)
    return [call for group in groups for call in _group_calls(owners, [roots[at] for at in group])]


def _group_calls(
    owners: Mapping[str, tuple[list[int], list[tuple[object, ...]]]], roots: Iterable[str]
) -> list[Call]:
    """Calls for some owners, as few as CALL_REPORTS_MAX allows."""
    calls: list[Call] = []
    for root in roots:
        places, entries = owners[root]
        for start in range(0, len(entries), CALL_REPORTS_MAX):
            part = slice(start, start + CALL_REPORTS_MAX)
            room = CALL_REPORTS_MAX - len(entries[part])
            if not calls or len(calls[-1].positions) > room:
                calls.append(Call([], [], []))
            calls[-1].roots.append(root)
            calls[-1].reports.append(entries[part])
            calls[-1].positions.extend(places[part])
    return calls


LEVELS = ("year_s", "month_s", "week_s", "day_s", "second_s", "activity_s")
"""Retention levels in the order in which book.lua reads them."""


def lifetimes(
    retention: RetentionSettings,
    booking: BookingSettings,
    ever: Collection[str],
    modes: Modes | None = None,
    of_things: Mapping[int, RetentionSettings] | None = None,
) -> bytes:
    """The lifetimes as book.lua reads them: seven msgpack numbers of seconds; then the modes.

    0 is for ever, -1 for ever at a level in ``ever``, whose keys may have an older lifetime.
    An activity lives longer by the time that an event may be ahead of the clock: it must still
    be known when the event's own time gets too old to be booked. Behind the modes come the things
    that have other lifetimes, if any has.
    """
    lead_s = booking.max_event_lead_s
    kept = _seconds(retention, lead_s, ever)
    numbers = (*kept.values(), booking.dedupe_horizon_s)
    packed = b"".join(map(msgpack.packb, numbers)) + packed_modes(modes or {})
    own = {}
    for thing, each in (of_things or {}).items():
        seconds = _seconds(each, lead_s, ended(ever, thing))
        if seconds != kept:
            own[str(thing)] = {level.removesuffix("_s"): seconds[level] for level in OWN_LEVELS}
    return packed + msgpack.packb(own) if own else packed


def _seconds(retention: RetentionSettings, lead_s: int, ever: Collection[str]) -> dict[str, int]:
    """Lifetimes by level, as a script reads them."""
    seconds = {level: getattr(retention, level) for level in LEVELS}
    if retention.activity_s:
        seconds["activity_s"] += lead_s
    return {level: each or (-1 if level in ever else 0) for level, each in seconds.items()}


def reports_kept_s(retention: RetentionSettings) -> int:
    """How long a report can be told from a new one; 0 is for ever.

    Where activity records or year totals expire, an older report would be booked again (or
    onto totals that have forgotten the rest), so it is refused as too late instead.
    """
    finite = [s for s in (retention.activity_s, retention.year_s) if s]
    return min(finite, default=0)


def kept_seconds(settings: Settings) -> dict[int, int]:
    """The same of things, by number, whose reports are not kept for ever."""
    kept = {thing: reports_kept_s(each) for thing, each in by_number(settings).items()}
    return {thing: seconds for thing, seconds in kept.items() if seconds}


def _report_entry(report: Report, marker_key: bytes) -> tuple[object, ...]:
    return (
        report.thing,
        pack_id(report.atid),
        pack_id(report.aid),
        report.value,
        report.ts1,
        report.ts2,
        report.event_id is not None and marker_of(f"{report.thing}:{report.event_id}", marker_key),
    )


def _count_entry(count: Count, marker_key: bytes) -> tuple[object, ...]:
    marker = marker_of(count.event_id, marker_key)
    return (COUNT_THING, COUNT_ID, COUNT_ID, count.value, count.ts, count.ts, marker)
