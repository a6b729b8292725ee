"""Commissioning over HTTP: the relay of a plug blinks, so that somebody sees which it is.

::

    POST /v3/charging/sites/s1/commission {"active_plug":"p1"}
    -> {"time_entered_state":1723939200000,"status":2,"reason":""}      its relay is on for 5 s
"""

from __future__ import annotations

import msgspec

from psd.charging.plugs.plug_answers import RequestAnswer
from psd.charging.plugs.states import RequestStatus
from psd.charging.settings import ChargingSettings
from psd.charging.sites.site_steps import Sites
from psd.charging.sites.site_store import SiteStore
from psd.clock import Clock
from psd.domain.decree import Decree
from psd.domain.deed import Done
from psd.domain.question import Asked
from psd.errors import ConflictError, NotFoundError
from psd.foreign_texts import shown


class CommissionBody(msgspec.Struct, forbid_unknown_fields=True):
    """CommissioningStateRequest: which plug."""

    active_plug: str
    requestor_id: str = ""


class Commissioning:
    """Of the plugs of all sites."""

    def __init__(
        self, store: SiteStore, sites: Sites, settings: ChargingSettings, clock: Clock
    ) -> None:
        self._store = store
        self._sites = sites
        self._is_stepped = settings.enabled
        self._clock = clock

    async def commission(self, asked: Asked) -> Done:
        """Blink a relay; one that somebody has is left alone, and that is the answer."""
        body: CommissionBody = asked.query
        site, plug = asked.path["site"], body.active_plug
        if await self._store.site_of(plug) != site:
            raise NotFoundError(f"active_plug: site {shown(site)} has not announced {shown(plug)}")
        if not self._is_stepped:
            raise ConflictError("charging.enabled: it is off, so no plug makes a step")
        now_ms = self._clock.now_ms()
        reason = await self._sites.commission(site, plug)
        status = RequestStatus.FAILURE if reason else RequestStatus.SUCCESS
        return Done(RequestAnswer(now_ms, status, reason), is_new=False)

    def decrees(self) -> list[Decree]:
        """All that may be decided."""
        return [
            Decree(
                path="/v3/charging/sites/{site}/commission",
                body=CommissionBody,
                answer=RequestAnswer,
                decide=self.commission,
                summary="Blink the relay of a plug that nobody has.",
                meaning="what became of it: status 2 is SUCCESS, 3 FAILURE with its reason",
                sent='{"active_plug":"p3"}',
                example=(
                    "/v3/charging/sites/s1/commission",
                    '{"time_entered_state":...,"status":2,"reason":""}',
                ),
                refused=(404, 409),
            )
        ]
