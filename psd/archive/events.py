"""Archived messages as the events that they were accepted as, each with its place in time.

Two metrics of one batch accepted at 1460462400000 ms, and one a millisecond later, rank ::

    1460462400000 * 2^24, 1460462400000 * 2^24 + 1, 1460462400001 * 2^24

A message is decoded by the rules of the second in which it was accepted, so that what was
neither too early nor too late then is neither today.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TypeGuard

import msgspec

from psd.archive.decisions import is_decision
from psd.archive.entries import Entry
from psd.archive.reader import Damage, read_entries
from psd.engine.events import Accepted, EventRules, Report
from psd.errors import InputError

RANK_BITS = 24
"""Room for the events of one millisecond: a batch has at most 500 messages of 1,000 reports."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """An entry and its events, none of a refused one; ``rank`` is the place of the first event.

    Ranks grow in the order of acceptance and are the same in each pass: the time, then the
    place within that millisecond, as a batch of the worker has one time.
    """

    entry: Entry
    rank: int
    events: list[Accepted]
    error: InputError | None = None

    def reports(self) -> Iterator[tuple[int, Report]]:
        """The reports that a later one could replace, with their ranks."""
        for rank, event in enumerate(self.events, self.rank):
            if is_replaceable(event):
                yield rank, event


def decoded_entries(
    folder: Path,
    rules: EventRules,
    from_ms: int,
    to_ms: int,
    damages: list[Damage] | None = None,
    stores: Collection[str] | None = None,
) -> Iterator[Decoded]:
    """The entries accepted in [from_ms, to_ms) with their events, in order of acceptance."""
    rank = 0
    for entry in read_entries(folder, from_ms, to_ms, damages, stores):
        rank = max(rank, entry.accepted_ms << RANK_BITS)
        if is_decision(entry):
            # No event: psd/archive/redoing.py carries it out.
            yield Decoded(entry, rank, [])
            continue
        try:
            events = rules.events(entry.body, entry.accepted_ms // 1000, entry.id)
        except InputError as error:
            yield Decoded(entry, rank, [], error)
        else:
            yield Decoded(entry, rank, events)
            rank += len(events)


def is_replaceable(event: Accepted) -> TypeGuard[Report]:
    """Whether a later report of the same window takes this one's place; all else stays."""
    return isinstance(event, Report) and event.event_id is None


def identity_of(report: Report) -> bytes:
    """What two reports have in common of which the later one stands."""
    return _IDENTITY.pack(report.uid, report.thing, report.aid, report.ts1, report.ts2)


_IDENTITY = struct.Struct(">5q")
