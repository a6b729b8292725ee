"""Carrying out again what people decided, from the archive: before the events of a replay.

From the beginning of the window to the end of the archive, whatever the end of the window: of two
decisions about one subject only the later may stand, and it may lie behind the window. Each
keeper compares versions with those in the store, so that nothing is done twice, and a decision
that is made meanwhile stays::

    archive   v7 bar 0x12..    v9 unbar 0x12..        the store has v9 -> 2 known
                                                      it has v6, a copy of yesterday -> 2 kept
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from psd.archive.decisions import D, Decision, Keeper, Redo, Redone, decision_of, is_decision
from psd.archive.entries import Entry
from psd.archive.erasures import Erasures, ErasuresSeen, UserErased
from psd.archive.reader import Span, read_placed, sizes_of
from psd.archive.replay import ENTRIES_AT_ONCE
from psd.errors import InputError


class Redoing:
    """Carries out the decisions of a folder; made for one :meth:`run`."""

    def __init__(
        self,
        folder: Path,
        keepers: Sequence[Keeper],
        stores: Collection[str] | None = None,
        *,
        is_dry: bool = False,
    ) -> None:
        self._folder = folder
        self._stores = stores
        self._before = sizes_of(folder, stores)
        self._kinds = {kind: each for keeper in keepers for kind, each in keeper.kinds.items()}
        self._redone = Redone()
        self._seen = ErasuresSeen()
        self._redos = [keeper.redo(self._redone, self, is_dry=is_dry) for keeper in keepers]
        self._redo_of: dict[type[Decision], Redo] = {
            each: redo
            for keeper, redo in zip(keepers, self._redos, strict=True)
            for each in keeper.kinds.values()
        }

    async def run(self, from_ms: int) -> Redone:
        """Carry out what was archived since ``from_ms``; counts of it."""
        self._before = sizes_of(self._folder, self._stores)
        found = read_placed(self._folder, Span(from_ms, stores=self._stores))
        for position, placed in enumerate(found):
            if position % ENTRIES_AT_ONCE == 0:
                await asyncio.sleep(0)
            entry = placed.entry
            self._seen.see(placed.stamp.number, entry)
            if not is_decision(entry):
                continue
            try:
                decision = decision_of(entry, self._kinds)
            except InputError as error:
                self._redone.refusals.append(f"accepted at {entry.accepted_ms} ms: {error}")
            else:
                await self._redo_of[type(decision)].take(decision)
        for redo in self._redos:
            await redo.finish()
        return self._redone

    @property
    def erasures(self) -> Erasures:
        """The users who were erased, as far as this has read."""
        return self._seen.by_uid

    def has_read(self, decision: UserErased) -> bool:
        """Whether this erasure is among them."""
        found = self._seen.by_uid.get(decision.uid)
        return found is not None and found.decision.version >= decision.version

    def newer(self, kind: type[D]) -> list[D]:
        """Decisions of one kind that came into the files since this began, or a little before."""
        found = []
        for entry in self._entries(Span(stores=self._stores, since=self._before)):
            if is_decision(entry):
                try:
                    decision = decision_of(entry, self._kinds)
                except InputError:
                    continue
                if isinstance(decision, kind):
                    found.append(decision)
        return found

    def _entries(self, span: Span) -> Iterator[Entry]:
        return (placed.entry for placed in read_placed(self._folder, span))
