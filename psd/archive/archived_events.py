"""Archived messages as the events that they were accepted as, each with its place in the order.

Two metrics of one batch with the number 1460462400000000, and one of the next batch, rank ::

    1460462400000000 * 2^24, 1460462400000000 * 2^24 + 1, 1460462400000001 * 2^24

A message is decoded by the rules of the second in which it was accepted, so that what was
neither too early nor too late then is neither today.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import msgspec

from psd.archive.decisions import is_decision
from psd.archive.entries import Entry
from psd.archive.erasures import Erasures, left
from psd.archive.reader import Damage, Span, read_placed
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted, Change, Report
from psd.errors import InputError

RANK_BITS = 24
"""Room for the events of one number: a batch has at most 500 messages of 1,000 reports."""


PART = b"part\0"
"""Before the name of a part of a change; before that of a change stands where its kind is."""


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

    def replaceable(self) -> Iterator[tuple[int, bytes, Accepted]]:
        """What a later event could replace, with its rank and what it has in common with that."""
        for rank, event in enumerate(self.events, self.rank):
            for identity in identities_of(event):
                yield rank, identity, event


def decoded_entries(
    folder: Path,
    rules: EventRules,
    span: Span,
    damages: list[Damage] | None = None,
    erasures: Erasures | None = None,
) -> Iterator[Decoded]:
    """The entries that are asked for with their events, in order of acceptance.

    What was accepted of users before they were erased is left out.
    """
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
            if erasures:
                events = left(events, number, erasures, rules.numbered)
            yield Decoded(number, entry, rank, events)
            rank += len(events)


def identities_of(event: Accepted) -> list[bytes]:
    """The identity of an event, or those of its parts, in their order; none if it stands whole."""
    identity = identity_of(event)
    if identity is not None:
        return [identity]
    parts = event.parts() if isinstance(event, Change) else ()
    return [_digest(PART + part) for part in parts]


def identity_of(event: Accepted) -> bytes | None:
    """What an event has in common with those of which the last one stands; None if all stand.

    40 bytes of a report, and 20 of a change: of any length, whatever its kind names it by, and
    never the same for two kinds.
    """
    if isinstance(event, Report):
        return event.identity()
    named = event.identity() if isinstance(event, Change) else None
    if named is None:
        return None
    kind = type(event)
    told = f"{kind.__module__}.{kind.__qualname__}\0".encode() + named
    return _digest(told)


def _digest(told: bytes) -> bytes:
    return blake2b(told, digest_size=20).digest()
