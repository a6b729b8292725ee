"""Joins plugs to the books: what sites and users say is kept as it comes in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from psd.charging.charging_changes import (
    Announcement,
    CommandResult,
    PlugRequest,
    SiteSetting,
    Telemetry,
)
from psd.charging.plugs.replayed_readings import ReplayedReadings
from psd.charging.sites.site_steps import Sites
from psd.charging.sites.site_store import SiteStore
from psd.engine.events import Change, Report
from psd.engine.outcomes import BOOKED, UNCHANGED, Outcome
from psd.errors import InputError

Kept = Telemetry | CommandResult | Announcement | PlugRequest | SiteSetting


class PlugKeeper:
    """A :class:`~psd.engine.books.Follower`; with ``is_dry`` it says what would become of it.

    Where an archive is ``replayed`` no plug makes a step and no site hears anything: what followed
    from a request or an answer is in the archive by itself (psd/charging/sites/site_decisions.py).
    """

    keeps: frozenset[type[Change]] = frozenset(
        {Telemetry, CommandResult, Announcement, PlugRequest, SiteSetting}
    )

    def __init__(
        self,
        sites: Sites,
        store: SiteStore,
        things: frozenset[int],
        *,
        is_dry: bool = False,
        replayed: ReplayedReadings | None = None,
    ) -> None:
        self._sites = sites
        self._store = store
        self.things = things
        self._is_dry = is_dry
        self._replayed = replayed

    async def follow(self, events: Sequence[Report], outcomes: Sequence[Outcome]) -> None:
        """Nothing follows from what is booked: it follows from readings."""

    async def keep(self, changes: Sequence[Kept]) -> list[Outcome]:
        """Chunks travel together, all else is done in its order. Safe to repeat."""
        if self._is_dry:
            return [BOOKED for _ in changes]
        if self._replayed is not None:
            return await self._kept_again(changes, self._replayed)
        chunks = [at for at, change in enumerate(changes) if isinstance(change, Telemetry)]
        kept = await asyncio.gather(*(self._kept(changes[at]) for at in chunks))
        outcomes = dict(zip(chunks, kept, strict=True))
        for at, change in enumerate(changes):
            if at not in outcomes:
                outcomes[at] = await self._kept(change)
        return [outcomes[at] for at in range(len(changes))]

    def preview(self) -> PlugKeeper:
        """The same without writing."""
        return PlugKeeper(self._sites, self._store, self.things, is_dry=True)

    async def _kept_again(
        self, changes: Sequence[Kept], replayed: ReplayedReadings
    ) -> list[Outcome]:
        """Readings, and what is set; nothing else of an archive leads anywhere."""
        chunks = [change for change in changes if isinstance(change, Telemetry)]
        news = dict(zip(map(id, chunks), await replayed.take(chunks), strict=True))
        for change in changes:
            if isinstance(change, SiteSetting):
                await self._store.set(change.site, change.name, change.values)
                news[id(change)] = True
        return [BOOKED if news.get(id(change)) else UNCHANGED for change in changes]

    async def _kept(self, change: Kept) -> Outcome:
        try:
            changed = await self._changed(change)
        except InputError as error:
            return Outcome("refused", error)
        return BOOKED if changed else UNCHANGED

    async def _changed(self, change: Kept) -> bool:
        """Whether a change has changed anything."""
        if isinstance(change, Telemetry):
            return any(new > 0 for new in (await self._sites.take(change)).values())
        if isinstance(change, CommandResult):
            return await self._sites.answer(change)
        if isinstance(change, PlugRequest):
            await self._sites.request(change)
        elif isinstance(change, Announcement):
            await self._sites.announce(change)
        else:
            await self._store.set(change.site, change.name, change.values)
        return True
