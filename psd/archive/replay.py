"""Booking a window of the archive again, which changes only what the store has lost.

Each entry is decoded by the rules of the day on which it was accepted, and its events are
booked as a worker books them. Three kinds of event are left out:

- *superseded*: a report whose window came again later is what a correction has replaced, and so
  is a change whose ``identity()`` did (psd/engine/events.py). Only the last of them is booked,
  also when it lies behind the window that is replayed::

      archive   10:00 A = 500    11:00 A = 300 (corrected)      replay [10:00, 10:30) -> nothing

- *forgotten*: an increment or count whose marker may have expired cannot be told from a new
  one. With ``forgotten=True``, for a store that was lost as a whole, it is booked all the same.
- *refused*: what the rules of today, or the store, refuse.

The window is worked through in chunks of ``CHUNK_REPORTS`` reports and changes. Of each, a chunk
keeps what names it (40 bytes) and its rank when it came last, for which the archive behind the
chunk is searched: some 100 MB, and one pass over the later archive a chunk. A store that was lost
has nothing to protect, so with ``forgotten`` only what lies behind the window is searched.

psd may be running. Whoever books archives first (see workers/runner.py), so a correction that
is booked while a chunk is, stands in the archive when the chunk ends: what came into the files
meanwhile for the same windows is then booked again, after it. No clock is asked: a chunk ends
between two numbers (order.py), and what came later lies behind what the files had.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from psd.archive.archived_events import RANK_BITS, Decoded, decoded_entries, identities_of
from psd.archive.decisions import Redone
from psd.archive.entries import Entry
from psd.archive.erasures import Erasures
from psd.archive.order import SET_BACK_MS, number_ms
from psd.archive.reader import END_MS, END_NUMBER, Damage, Span, sizes_of
from psd.clock import Clock
from psd.engine.books import Books, BooksPreview
from psd.engine.event_rules import EventRules
from psd.engine.events import Accepted, Change, Withdrawal
from psd.errors import InputError

CHUNK_REPORTS = 500_000
BATCH_EVENTS = 500
"""A trip's worth, as of a worker."""

MARGIN_S = 300
"""A marker that expires sooner than this is taken for expired: a batch may wait on its way."""

ENTRIES_AT_ONCE = 500
"""The loop turns after so many, so that an interrupt is heard."""

CATCH_UPS_MAX = 20
"""Each looks only for what came during the one before. A producer that corrects one window
many times a second would keep this going for ever, and corrects it again anyway."""

REFUSALS_KEPT = 20

END_RANK = END_NUMBER << RANK_BITS
"""Behind all ranks."""

Progress = Callable[[int], None]
"""Called with the accepted time, in milliseconds, up to which work is done."""


class AcceptedTimes(msgspec.Struct, frozen=True):
    """Times of acceptance [from_ms, to_ms) by what any clock says; all from there on by default."""

    from_ms: int
    to_ms: int = END_MS


class ReplaySummary(msgspec.Struct):
    """What a replay did; ``refusals`` holds the first reasons."""

    entries: int = 0
    outcomes: Counter[str] = msgspec.field(default_factory=Counter)
    superseded: int = 0
    forgotten: int = 0
    refused: int = 0
    refusals: list[str] = []
    damages: dict[tuple[Path, int], Damage] = {}
    decisions: Redone = msgspec.field(default_factory=Redone)

    @property
    def is_whole(self) -> bool:
        """Whether all was read and nothing refused; a torn tail was acknowledged to nobody."""
        torn_only = all(each.is_tail for each in self.damages.values())
        return torn_only and not (self.refused or self.decisions.refusals)

    def note(self, damages: Sequence[Damage]) -> None:
        """Count damages; several passes find the same ones."""
        self.damages.update({(each.file, each.start): each for each in damages})

    def refuse(self, accepted_ms: int, error: InputError) -> None:
        """Count a refusal."""
        self.refused += 1
        if len(self.refusals) < REFUSALS_KEPT:
            self.refusals.append(f"accepted at {accepted_ms} ms: {error} ({error.code})")


class Replay:
    """Books one window; made for one :meth:`run`. With ``stores``, of their files alone."""

    def __init__(
        self,
        folder: Path,
        books: Books | BooksPreview,
        rules: EventRules,
        clock: Clock,
        horizon_s: int,
        *,
        forgotten: bool = False,
        rate_events_s: int = 0,
        progress: Progress = lambda _ms: None,
        chunk_reports: int = CHUNK_REPORTS,
        batch_events: int = BATCH_EVENTS,
        stores: Collection[str] | None = None,
        erasures: Erasures | None = None,
    ) -> None:
        self._folder = folder
        self._stores = stores
        self._erasures = erasures
        self._books = books
        self._rules = rules
        self._clock = clock
        self._horizon_s = horizon_s
        self._forgotten = forgotten
        self._rate_events_s = rate_events_s
        self._events_booked = 0
        self._began_s = time.monotonic()
        self._progress = progress
        self._chunk_reports = chunk_reports
        self._batch_events = batch_events
        self._summary = ReplaySummary()

    async def run(self, window: AcceptedTimes) -> ReplaySummary:
        """Book the window; what is accepted from now on is not part of it."""
        whole = Span(window.from_ms, window.to_ms, stores=self._stores, until=self._sizes())
        start = 0
        while start < END_NUMBER:
            before = self._sizes()
            chunk, last = await self._chunk(replace(whole, start=start))
            await self._look_ahead(last, chunk)
            await self._book_chunk(chunk, last)
            await self._catch_up(last, before)
            start = chunk.end
        return self._summary

    async def _chunk(self, rest: Span) -> tuple[Span, dict[bytes, int]]:
        """The next chunk, between two numbers, and the rank of each report's last in it."""
        last: dict[bytes, int] = {}
        damages: list[Damage] = []
        first = reached = end = END_NUMBER
        for position, found in enumerate(self._decoded(rest, damages)):
            await _turn(position)
            if len(last) >= self._chunk_reports and found.number > reached:
                end = found.number
                break
            first, reached = min(first, found.number), found.number
            for rank, identity, _ in found.replaceable():
                last[identity] = rank
        self._summary.note(damages)
        return replace(rest, start=first, end=end), last

    async def _look_ahead(self, last: dict[bytes, int], chunk: Span) -> None:
        """Find out which reports came again, in the chunk's window or not.

        With ``forgotten``, outside of it alone: later chunks book what is in it. By their numbers
        entries behind the window are, and within a minute those before it.
        """
        everything = Span(start=chunk.start, stores=self._stores)
        spans = [everything]
        if self._forgotten:
            before_end = (chunk.from_ms + SET_BACK_MS) * 1000
            spans = [
                replace(everything, end=before_end),
                replace(everything, start=max(chunk.start, before_end, chunk.to_ms * 1000)),
            ]
        for span in spans:
            for position, found in enumerate(self._decoded(span)):
                await _turn(position)
                for rank, identity, _ in found.replaceable():
                    if identity in last:
                        last[identity] = max(last[identity], rank)

    async def _book_chunk(self, chunk: Span, last: dict[bytes, int]) -> None:
        batch: list[tuple[Entry, Accepted]] = []
        for position, found in enumerate(self._decoded(chunk)):
            await _turn(position)
            self._summary.entries += 1
            if found.error is not None:
                self._summary.refuse(found.entry.accepted_ms, found.error)
            for rank, event in enumerate(found.events, found.rank):
                due = self._due(found.entry, event, rank, last)
                if due is not None:
                    batch.append((found.entry, due))
            if len(batch) >= self._batch_events:
                await self._book(batch)
                batch = []
                self._progress(number_ms(found.number))
        await self._book(batch)
        self._progress(number_ms(min(chunk.end, chunk.to_ms * 1000)))

    async def _catch_up(self, last: dict[bytes, int], before: Mapping[Path, int]) -> None:
        """Book again what came for the chunk's reports while they were booked, until none did.

        ``before`` are the sizes of the files when the chunk was first read.
        """
        for _ in range(CATCH_UPS_MAX):
            now = self._sizes()
            newer: dict[bytes, int] = {}
            batch: list[Accepted] = []
            came = Span(stores=self._stores, since=before)
            for position, found in enumerate(self._decoded(came)):
                await _turn(position)
                for rank, event in enumerate(found.events, found.rank):
                    identities = identities_of(event)
                    due = [rank >= last.get(each, END_RANK) for each in identities]
                    newer |= {
                        each: rank
                        for each, is_due in zip(identities, due, strict=True)
                        if is_due and rank > last[each]
                    }
                    left = _left(event, due)
                    if left is not None and any(due):
                        batch.append(left)
            last |= newer
            for start in range(0, len(batch), BATCH_EVENTS):
                await self._books.book(batch[start : start + BATCH_EVENTS])
            if not newer:
                return
            last, before = newer, now

    def _due(
        self, entry: Entry, event: Accepted, rank: int, last: dict[bytes, int]
    ) -> Accepted | None:
        """What of the event is to be booked; counts it when nothing is."""
        identities = identities_of(event)
        if identities:
            # One that was written since the chunk was read is not there, or ranks higher.
            left = _left(event, [rank >= last.get(each, 0) for each in identities])
            self._summary.superseded += left is None
            return left
        if isinstance(event, Change | Withdrawal):
            # A change that none replaces is kept by its own time, whenever it comes. An
            # activity is withdrawn once, and for good.
            return event
        known_until_s = entry.accepted_ms // 1000 + self._horizon_s
        if self._forgotten or known_until_s > self._clock.now_s() + MARGIN_S:
            return event
        self._summary.forgotten += 1
        return None

    async def _book(self, batch: Sequence[tuple[Entry, Accepted]]) -> None:
        if not batch:
            return
        outcomes = await self._books.book([event for _, event in batch])
        for (entry, _), outcome in zip(batch, outcomes, strict=True):
            if outcome.error is None:
                self._summary.outcomes[outcome.status] += 1
            else:
                self._summary.refuse(entry.accepted_ms, outcome.error)
        self._events_booked += len(batch)
        if self._rate_events_s:
            due_s = self._began_s + self._events_booked / self._rate_events_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    def _decoded(self, span: Span, damages: list[Damage] | None = None) -> Iterator[Decoded]:
        return decoded_entries(self._folder, self._rules, span, damages, self._erasures)

    def _sizes(self) -> dict[Path, int]:
        return sizes_of(self._folder, self._stores)


def _left(event: Accepted, due: Sequence[bool]) -> Accepted | None:
    """An event of whose parts these are due."""
    if all(due):
        return event
    if not isinstance(event, Change):
        return None
    return event.without({place for place, is_due in enumerate(due) if not is_due})


async def _turn(position: int) -> None:
    if position % ENTRIES_AT_ONCE == 0:
        await asyncio.sleep(0)
