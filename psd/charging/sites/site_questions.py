"""Answers questions about sites: their fuses with what they carry, and their plugs."""

from __future__ import annotations

from psd.charging.charging_services import ChargingServices
from psd.charging.plugs.plug_answers import ShownFuse, ShownSite, ShownSites
from psd.charging.plugs.plug_questions import MA, PlugQuestions
from psd.charging.sessions.session_energy import MS
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_view import SiteView
from psd.clock import Clock
from psd.domain.question import Asked
from psd.errors import NotFoundError
from psd.foreign_texts import shown

OK, LIMITING = 1, 2


class SiteQuestions:
    """Of all sites; for operators alone."""

    def __init__(
        self,
        services: ChargingServices,
        plugs: PlugQuestions,
        settings: ChargingSettings,
        clock: Clock,
    ) -> None:
        self._services = services
        self._plugs = plugs
        self._settle_ms = settings.settle_s * MS
        self._clock = clock

    async def sites(self, _asked: Asked) -> ShownSites:
        """Sites that ever had a plug."""
        return ShownSites(await self._services.store.sites())

    async def site(self, asked: Asked) -> ShownSite:
        """A site, its fuses with what they carry and who waits, and its plugs."""
        view = await self._view(asked.path["site"])
        plugs = await self._plugs.statuses(view, sorted(view.plugs))
        text = view.settings.text
        return ShownSite(
            view.site,
            text("site", "name"),
            text("site", "description"),
            self.fuses(view),
            plugs,
        )

    def fuses(self, view: SiteView) -> list[ShownFuse]:
        """The fuses of a site, its own first."""
        board = view.board(self._clock.now_ms(), self._settle_ms)
        return [
            ShownFuse(
                id=name,
                name=view.settings.text(f"fuse:{name}" if name else "site", "name"),
                current_limit=load.limit_ma / MA,
                parent=load.parent if name else "",
                current=load.current_ma / MA,
                reserved=load.reserved_ma / MA,
                state=LIMITING if load.is_limiting else OK,
                queue=list(load.queue),
            )
            for name, load in board.loads().items()
        ]

    async def _view(self, site: str) -> SiteView:
        view = await self._services.store.view(site)
        if not view.plugs:
            raise NotFoundError(f"site: {shown(site)} has announced no plug")
        return view
