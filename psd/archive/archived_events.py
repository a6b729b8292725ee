"""Archived messages as the events that they were accepted as, each with its place in the order.

Two metrics of one batch with the number 1460462400000000, and one of the next batch, rank ::

    1460462400000000 * 2^24, 1460462400000000 * 2^24 + 1, 1460462400000001 * 2^24

A message is decoded by the rules of the second in which it was accepted, so that what was
neither too early nor too late then is neither today.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import msgspec

from psd.archive.decisions import is_decision
from psd.archive.entries import Entry
from psd.archive.reader import Damage, Span, read_placed
from psd.engine.events import Accepted, EventRules, Report
from psd.errors import InputError

RANK_BITS = 24
"""Room for the events of one number: a batch has at most 500 messages of 1,000 reports."""


class Decoded(msgspec.Struct, frozen=True, gc=False):
    """An entry and its events, none of a refused one; ``rank`` is the place of the first event.

    Ranks grow in the order of acceptance and are the same in each pass: the number, then the
    place among what has the same one, as a batch of the worker has.
    """

    number: int
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
    folder: Path, rules: EventRules, span: Span, damages: list[Damage] | None = None
) -> Iterator[Decoded]:
    """The entries that are asked for with their events, in order of acceptance."""
    rank = 0
    for placed in read_placed(folder, span, damages):
        number, entry = placed.stamp.number, placed.entry
        rank = max(rank, number << RANK_BITS)
        if is_decision(entry):
            # No event: psd/archive/redoing.py carries it out.
            yield Decoded(number, entry, rank, [])
            continue
        try:
            events = rules.events(entry.body, entry.accepted_ms // 1000, entry.id)
        except InputError as error:
            yield Decoded(number, entry, rank, [], error)
        else:
            yield Decoded(number, entry, rank, events)
            rank += len(events)


def is_replaceable(event: Accepted) -> TypeGuard[Report]:
    """Whether a later report of the same window takes this one's place; all else stays."""
    return isinstance(event, Report) and event.event_id is None


def identity_of(report: Report) -> bytes:
    """What two reports have in common of which the later one stands."""
    return _IDENTITY.pack(report.uid, report.thing, report.aid, report.ts1, report.ts2)


_IDENTITY = struct.Struct(">5q")
