"""Answers questions about plugs and sites from what is kept of them."""

from __future__ import annotations

import asyncio
import uuid

import msgspec

from psd.charging.charging_changes import PlugRequest
from psd.charging.charging_messages import PlugRequestFields
from psd.charging.charging_services import ChargingServices
from psd.charging.fuses import FRESH_MS
from psd.charging.plug_answers import (
    PlugStatus,
    RequestAnswer,
    ShownDetails,
    ShownFuse,
    ShownReading,
    ShownSite,
    ShownSites,
    ShownTransition,
)
from psd.charging.plug_readings import NJ_A_KWH
from psd.charging.settings import ChargingSettings
from psd.charging.site_view import SiteView
from psd.charging.states import ActualState
from psd.charging.transitions import prompts_of
from psd.clock import Clock
from psd.domain.deed import Done
from psd.domain.question import Asked
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.errors import NotFoundError
from psd.foreign_texts import shown

MA = 1000
OK, LIMITING = 1, 2


class RequestBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a user asks of a plug: a state, or "enable", "disable", "again"; ``id`` to repeat it."""

    user_id: str
    requested_state: int | str
    id: str = ""


class PlugQuestions:
    """Of all sites."""

    def __init__(
        self, services: ChargingServices, settings: ChargingSettings, clock: Clock
    ) -> None:
        self._services = services
        self._settle_ms = settings.settle_s * 1000
        self._clock = clock

    async def sites(self, _asked: Asked) -> ShownSites:
        """Sites that ever had a plug."""
        return ShownSites(await self._services.store.sites())

    async def site(self, asked: Asked) -> ShownSite:
        """A site, its fuses with what they carry and who waits, and its plugs."""
        view = await self._view(asked.path["site"])
        board = view.board(self._clock.now_ms(), self._settle_ms)
        fuses = [
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
        plugs = await asyncio.gather(*(self._status(view, name) for name in sorted(view.plugs)))
        text = view.settings.text
        return ShownSite(
            view.site, text("site", "name"), text("site", "description"), fuses, list(plugs)
        )

    async def plug(self, asked: Asked) -> PlugStatus:
        """A plug as it is, what may be asked of it, and what its session has come to."""
        name = asked.path["plug"]
        site = await self._services.store.site_of(name)
        if site is None:
            raise NotFoundError(f"plug: no site has announced {shown(name)}")
        return await self._status(await self._view(site), name)

    async def wish(self, asked: Asked) -> PlugRequestFields:
        """A request as a message has it; raises NotFoundError for no plug."""
        name = asked.path["plug"]
        if await self._services.store.site_of(name) is None:
            raise NotFoundError(f"plug: no site has announced {shown(name)}")
        body: RequestBody = asked.query
        id_ = body.id or uuid.uuid4().hex
        return PlugRequestFields(id_, name, body.user_id, body.requested_state)

    async def wished(self, _asked: Asked, accepted: Accepted, outcome: Outcome) -> Done:
        """What became of it."""
        assert isinstance(accepted, PlugRequest)
        store = self._services.store
        site = await store.site_of(accepted.plug)
        assert site is not None, "it was asked for there"
        result = await store.requested(site, accepted.id, self._clock.now_ms())
        assert result is not None, "it was done"
        told = RequestAnswer(result.time_entered_state, result.status, result.reason)
        return Done(told, outcome.status == "booked")

    async def _view(self, site: str) -> SiteView:
        view = await self._services.store.view(site)
        if not view.plugs:
            raise NotFoundError(f"site: {shown(site)} has announced no plug")
        return view

    async def _status(self, view: SiteView, name: str) -> PlugStatus:
        plug, now_ms = view.plugs[name], self._clock.now_ms()
        nj = 0
        if plug.session_id:
            sessions = self._services.sessions
            nj = await sessions.energy_nj(view.site, name, plug.session_start_ms, now_ms)
        rows = prompts_of(plug.place)
        position = view.board(now_ms, self._settle_ms).position(name)
        return PlugStatus(
            id=name,
            site_id=view.site,
            state=ShownTransition(plug.moved_id, plug.state, plug.entered_ms, name, plug.owner),
            latest_reading=_reading(view, name, now_ms),
            state_machine_details=ShownDetails(
                current_owner=plug.owner,
                charge_start_time_ms=plug.charge_start_ms,
                queue_position=position,
                queue_entered_ms=plug.queue_entered_ms,
                error=plug.error,
                session_id=plug.session_id,
                last_credit_check_ms=plug.last_credit_check_ms,
            ),
            possible_next_states=[int(row.target) for row in rows],
            possible_next_states_labels=[row.prompt for row in rows],
            kwh=nj / NJ_A_KWH,
            cents=self._services.sessions.cents(nj),
        )


def _reading(view: SiteView, name: str, now_ms: int) -> ShownReading | None:
    """The newest reading; a plug that is silent is MIA, one past its own limit OVERCURRENT."""
    latest = view.latest.get(name)
    if latest is None:
        return None
    state, limit = latest.state, view.settings.limit_ma(f"plug:{name}")
    if limit and latest.ma > limit:
        state = ActualState.OVERCURRENT
    if now_ms - latest.ms > FRESH_MS:
        state = ActualState.MIA
    return ShownReading(
        int(state),
        latest.ma / MA,
        latest.mv / MA,
        latest.power_factor,
        latest.ms,
        name,
        latest.fuse,
    )
