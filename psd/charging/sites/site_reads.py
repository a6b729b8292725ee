"""What of sites is read for answers alone: settings, transitions, requests.

::

    await reads.transitions_of("s1", "p1", "", 2)
    -> [("1723940006000-0", {"state": 7, "from": 18, ...}), ("1723939952000-0", {...})]
"""

from __future__ import annotations

from typing import Any

import msgspec

from psd.charging.keys import requests_key, site_settings_key, transitions_key
from psd.charging.sites.site_store import REQUEST_DAYS, RequestResult, SiteStore, day_of
from psd.charging.sites.site_view import SiteSettings, settings_of
from psd.store.lane import Command
from psd.store.redis import Store

SCANNED = 1_000
"""Transitions of a site that are read at once, to find those of a plug."""


class SiteReads:
    """Of all sites; raises StoreUnavailableError when Redis is away."""

    def __init__(self, store: Store, sites: SiteStore) -> None:
        self._store = store
        self._sites = sites

    async def settings(self, site: str) -> SiteSettings:
        """What is set of a site. 1 trip."""
        found = await self._store.writes.call(("HGETALL", site_settings_key(site)))
        return settings_of(tuple(found))

    async def transitions_of(
        self, site: str, plug: str, before: str, count: int
    ) -> list[tuple[str, dict[str, Any]]]:
        """The newest transitions of a plug before one, by where they stand. Up to 10 trips."""
        found: list[tuple[str, dict[str, Any]]] = []
        end = f"({before}" if before else "+"
        while len(found) < count:
            asked = ("XREVRANGE", transitions_key(site), end, "-", "COUNT", SCANNED)
            page = await self._store.reads.call(asked)
            for at, fields in page:
                told = msgspec.json.decode(fields[1])
                if told["plug_id"] == plug:
                    found.append((at.decode(), told))
            if len(page) < SCANNED:
                break
            end = f"({page[-1][0].decode()}"
        return found[:count]

    async def request_anywhere(self, id_: str, now_ms: int) -> RequestResult | None:
        """What a request came to, at whichever site. 2 trips."""
        days = [day_of(now_ms) - back for back in range(REQUEST_DAYS)]
        sites = await self._sites.sites()
        asked: list[Command] = [
            ("HGET", requests_key(site, day), id_) for site in sites for day in days
        ]
        found = await self._store.reads.call_all(asked) if asked else []
        held = next((each for each in found if each is not None), None)
        return None if held is None else msgspec.json.decode(held, type=RequestResult)
