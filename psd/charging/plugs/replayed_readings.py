"""Readings of an archive that is replayed: kept, and booked where they are of a session.

What ended sessions came to is in the archive by itself, with their energy. What is left to find out
again is that of sessions that go on, and of readings that came late and were not counted yet::

    a chunk of p1, whose session goes on      kept, and its minutes are booked
    a chunk of p2, whose session has ended    kept, if it is not too old: readings that come late
                                              are counted beside all others
    a chunk of p3, which nobody has           its newest reading is kept
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from psd.charging.charging_changes import Telemetry
from psd.charging.charging_services import ChargingServices
from psd.charging.effects import BookSession, RecountSessions
from psd.charging.sessions.charge_sessions import BOOKED_BACK_MS
from psd.charging.sites.site_store import Decided
from psd.clock import Clock

Spans = Mapping[str, tuple[int, int]]
"""Plug: the first and the last millisecond of what is new of it."""


class ReplayedReadings:
    """Keeps chunks where an archive is replayed."""

    def __init__(self, services: ChargingServices, clock: Clock, late_max_s: int) -> None:
        self._services = services
        self._clock = clock
        self._late_max_ms = late_max_s * 1000

    async def take(self, chunks: Sequence[Telemetry]) -> list[bool]:
        """Keep chunks, and book what they change; whether any of each was new."""
        now_ms = self._clock.now_ms()
        spans: defaultdict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        news = []
        for chunk in chunks:
            told = await self._services.store.take(chunk, now_ms, recounts=False)
            new = [each for each in chunk.readings if told[each.plug] > 0]
            for each in new:
                first, last = spans[chunk.site].get(each.plug, (each.reading.ms, each.reading.ms))
                span = min(first, each.reading.ms), max(last, each.reading.ms)
                spans[chunk.site][each.plug] = span
            news.append(bool(new))
        for site, of_plugs in spans.items():
            await self._book(site, of_plugs)
            await self._recount(site, of_plugs, now_ms)
        return news

    async def _book(self, site: str, spans: Spans) -> None:
        """Book the part of sessions that go on."""
        view = await self._services.store.view(site)
        for name, (first_ms, last_ms) in spans.items():
            plug = view.plugs[name]
            if plug.session_id and last_ms >= plug.session_start_ms:
                fuse = plug.fuse or view.fuse_of(name)
                going_on = BookSession(
                    name, plug.session_id, plug.owner, plug.session_start_ms, fuse
                )
                # The minute before a reading may have a part of what is between both.
                await self._services.sessions.book_part(
                    site, going_on, first_ms - BOOKED_BACK_MS, last_ms
                )

    async def _recount(self, site: str, spans: Spans, now_ms: int) -> None:
        """Have sessions counted again of which there are more readings than they were billed by."""
        recent = {
            name: span for name, span in spans.items() if span[1] >= now_ms - self._late_max_ms
        }
        if not recent:
            return
        first_ms = min(first for first, _ in recent.values())
        last_ms = max(last for _, last in recent.values())
        effects = []
        for session in await self._services.session_store.around(site, first_ms, last_ms):
            if session.plug_id not in recent:
                continue
            found = await self._services.sessions.measured(session)
            if found.sum.readings > session.readings:
                effects.append(RecountSessions(session.plug_id, *recent[session.plug_id]))
        if effects:
            await self._services.store.commit(
                site, Decided(versions={}, effects=[*effects]), now_ms
            )
