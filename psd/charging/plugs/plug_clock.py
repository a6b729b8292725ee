"""Looks at plugs when they are due: what a worker does by the clock.

No process has a timer of a plug. Each step writes when its plug is to be looked at again, and every
250 ms a worker asks its sites who is due. Sites are in 64 parts; a part is one worker's for 3 s at
a time, so that two seldom ask for the same. This is for speed alone: a worker that dies is missed
for 3 s, and of two who look at one plug at once one writes (lua/charging/commit.lua).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import blake2b

from psd.charging.keys import TURNS, turn_key
from psd.charging.sites.site_looks import SiteLooks
from psd.charging.sites.site_store import SiteStore
from psd.store.lane import Command
from psd.store.redis import Store

EVERY_MS = 250
TURN_MS = 3_000
RENEW_MS = 1_000
SITES_EVERY_MS = 1_000
"""So often the list of sites is read."""

SITES_AT_ONCE = 32
"""Looked at together; each is some 2 ms of Python."""


def part_of(site: str) -> int:
    """The part that a site is in."""
    return blake2b(site.encode(), digest_size=1).digest()[0] % TURNS


class PlugClock:
    """One process's; ``name`` tells it from others."""

    def __init__(self, store: Store, site_store: SiteStore, looks: SiteLooks, name: str) -> None:
        self._store = store
        self._site_store = site_store
        self._looks = looks
        self._name = name.encode()
        self._mine: set[int] = set()
        self._known: list[str] = []
        self._renewed_ms = self._listed_ms = -SITES_EVERY_MS

    async def step(self, now_ms: int) -> None:
        """Look at whatever is due at sites of this worker's parts."""
        if abs(now_ms - self._listed_ms) >= SITES_EVERY_MS:
            self._known, self._listed_ms = await self._site_store.sites(), now_ms
        if abs(now_ms - self._renewed_ms) >= RENEW_MS:
            await self._renew()
            self._renewed_ms = now_ms
        mine = [site for site in self._known if part_of(site) in self._mine]
        if mine:
            await self.look(await self._site_store.due(mine, now_ms), now_ms)

    async def look(self, due: Mapping[str, Mapping[str, int]], now_ms: int) -> None:
        """Look at what is due, some sites at a time; of several errors the first is raised."""
        listed = [*due.items()]
        for start in range(0, len(listed), SITES_AT_ONCE):
            some = listed[start : start + SITES_AT_ONCE]
            looks = (self._looks.look(site, plugs, now_ms) for site, plugs in some)
            for outcome in await asyncio.gather(*looks, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome

    async def _renew(self) -> None:
        """Hold the turns that are this worker's, and take those that are nobody's."""
        asked: list[Command] = [
            ("SET", turn_key(part), self._name, "NX", "PX", TURN_MS) for part in range(TURNS)
        ]
        asked += [("GET", turn_key(part)) for part in range(TURNS)]
        replies = await self._store.writes.call_all(asked)
        self._mine = {part for part, holder in enumerate(replies[TURNS:]) if holder == self._name}
        if self._mine:
            await self._store.writes.call_all(
                [("PEXPIRE", turn_key(part), TURN_MS) for part in self._mine]
            )
