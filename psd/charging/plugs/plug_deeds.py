"""What users may ask of plugs over HTTP.

It is a message as the queue has it (psd/charging/charging_messages.py), and goes the same way::

    POST /v3/charging/plugs/p1/requests {"user_id":"u1","requested_state":"enable","id":"r1"}

A customer's token asks for nobody else.
"""

from __future__ import annotations

import uuid

import msgspec

from psd.charging.charging_changes import PlugRequest
from psd.charging.charging_messages import PlugRequestFields
from psd.charging.plugs.plug_answers import RequestAnswer
from psd.charging.settings import ChargingSettings
from psd.charging.sites.setting_deeds import ROOT
from psd.charging.sites.site_store import SiteStore
from psd.charging.whose import asking_for
from psd.clock import Clock
from psd.domain.deed import Deed, Done
from psd.domain.question import Asked
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.errors import ConflictError, NotFoundError
from psd.foreign_texts import shown


class RequestBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a user asks of a plug: a state, or "enable", "disable", "again"; ``id`` to repeat it.

    A customer's own token need not say whose it is.
    """

    requested_state: int | str
    user_id: str = ""
    id: str = ""


class PlugDeeds:
    """Of all sites."""

    def __init__(self, store: SiteStore, settings: ChargingSettings, clock: Clock) -> None:
        self._store = store
        self._is_stepped = settings.enabled
        self._clock = clock

    async def wish(self, asked: Asked) -> PlugRequestFields:
        """A request as a message has it; raises NotFoundError for no plug."""
        name = asked.path["plug"]
        if await self._store.site_of(name) is None:
            raise NotFoundError(f"plug: no site has announced {shown(name)}")
        body: RequestBody = asked.query
        user = asking_for(asked.identity, body.user_id)
        if not self._is_stepped:
            raise ConflictError("charging.enabled: it is off, so no plug makes a step")
        return PlugRequestFields(body.id or uuid.uuid4().hex, name, user, body.requested_state)

    async def wished(self, _asked: Asked, accepted: Accepted, outcome: Outcome) -> Done:
        """What became of it."""
        assert isinstance(accepted, PlugRequest)
        site = await self._store.site_of(accepted.plug)
        assert site is not None, "it was asked for there"
        result = await self._store.requested(site, accepted.id, self._clock.now_ms())
        assert result is not None, "it was done"
        told = RequestAnswer(result.time_entered_state, result.status, result.reason)
        return Done(told, outcome.status == "booked")

    def deed(self) -> Deed:
        """To ask a plug for something."""
        return Deed(
            path=f"{ROOT}/plugs/{{plug}}/requests",
            command="plug_request",
            body=RequestBody,
            answer=RequestAnswer,
            fields=self.wish,
            told=self.wished,
            summary="Ask a plug for something.",
            meaning="what became of it: status 2 is SUCCESS, 3 FAILURE with its reason",
            details="A request with an `id` is done once, and answered as before. A customer's "
            "token asks for that customer alone.",
            sent='{"user_id":"u1","requested_state":"enable","id":"r1"}',
            example=(
                "/v3/charging/plugs/p1/requests",
                '{"time_entered_state":...,"status":2,"reason":""}',
            ),
            refused=(404, 409),
            whole=False,
        )
