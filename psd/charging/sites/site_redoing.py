"""Puts plugs and sessions back as an archive has them (psd/charging/sites/site_decisions.py).

::

    plugs_stepped p1 ..07, p1 ..09, p1 ..08   -> p1 as of ..09, unless the store's is newer
    session_told id-2, revision 1             -> its cells are booked, then it is kept

Nobody is told anything: a relay that is on is renewed by its site, and whose plug it is, is known
again.
"""

from __future__ import annotations

from collections import defaultdict

from psd.archive.decisions import Kinds, Redone, Tail
from psd.charging.charging_services import ChargingServices
from psd.charging.plugs.plug import Plug
from psd.charging.sessions.session_booking import closing
from psd.charging.sites.site_decisions import SITE_KINDS, PlugsStepped, SessionTold
from psd.errors import InputError


class SiteKeeper:
    """Keeps plugs and sessions again."""

    kinds: Kinds = SITE_KINDS

    def __init__(self, services: ChargingServices) -> None:
        self._services = services

    def redo(self, redone: Redone, _tail: Tail, *, is_dry: bool) -> SiteRedo:
        """Sessions are kept as they come, of each plug the newest when all have come."""
        return SiteRedo(self._services, redone, is_dry=is_dry)


class SiteRedo:
    """Keeps what one archive has."""

    def __init__(self, services: ChargingServices, redone: Redone, *, is_dry: bool) -> None:
        self._services = services
        self._redone = redone
        self._is_dry = is_dry
        self._plugs: defaultdict[str, dict[str, Plug]] = defaultdict(dict)

    async def take(self, decision: PlugsStepped | SessionTold) -> None:
        """Keep a session; of a plug only the newest will be kept."""
        if isinstance(decision, PlugsStepped):
            newest = self._plugs[decision.site]
            for name, plug in decision.plugs.items():
                if name not in newest or newest[name].version < plug.version:
                    newest[name] = plug
        elif self._is_dry:
            self._redone.count(await self._is_news(decision))
        else:
            try:
                self._redone.count(await self._kept(decision))
            except InputError as error:
                session = decision.session.session_id
                self._redone.refusals.append(f"charging: session {session}: {error}")

    async def finish(self) -> None:
        """Keep the newest of each plug."""
        for site, plugs in self._plugs.items():
            held = await self._services.store.plugs(site, *plugs)
            news = {
                name: plug
                for name, plug in plugs.items()
                if name not in held or held[name].version < plug.version
            }
            if news and not self._is_dry:
                await self._services.sites.put_back(site, news)
            self._redone.kept += len(news)
            self._redone.known += len(plugs) - len(news)

    async def _is_news(self, told: SessionTold) -> bool:
        held = await self._services.session_store.session(told.site, told.session.session_id)
        return held is None or held.revision < told.session.revision

    async def _kept(self, told: SessionTold) -> bool:
        """Book and keep a session; False where the store has it, or a later revision of it."""
        sessions, session = self._services.session_store, told.session
        if not await self._is_news(told):
            return False
        await self._services.store.place(session.plug_id, told.site)
        # Booked first: what is kept is known to be booked. So many readings are known of the plug
        # from now on, and whoever knows of fewer has nothing to say.
        taken = await sessions.taken_at_least(told.site, session.plug_id, told.taken)
        await self._services.sessions.booking.book(closing(session), told.booked, taken)
        held = await sessions.session(told.site, session.session_id)
        await sessions.keep(told.site, session, -1 if held is None else held.revision)
        await sessions.note(session)
        return True
