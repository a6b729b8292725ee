"""What may be said of plugs over HTTP: wishes of users, and what is set of a site.

Each is a message as the queue has it (psd/charging/charging_messages.py), and goes the same way::

    POST /v3/charging/plugs/p1/requests {"user_id":"u1","requested_state":"enable","id":"r1"}
    PUT  /v3/charging/plugs/p1          {"name":"left","current_limit":16,"fuze_id":"f1"}
    PUT  /v3/charging/sites/s1/fuses/f1 {"current_limit_a":32,"parent":"main"}
    PUT  /v3/charging/sites/s1          {"name":"Yard","current_limit":63}

A customer's token asks for nobody else; what is set is for operators.
"""

from __future__ import annotations

import uuid
from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import UNSET, UnsetType

from psd.charging.charging_changes import PlugRequest, SiteSetting
from psd.charging.charging_messages import (
    FuseSettingsFields,
    PlugRequestFields,
    PlugSettingsFields,
    SiteSettingsFields,
)
from psd.charging.plug_answers import (
    RequestAnswer,
    ShownFuseSettings,
    ShownPlugSettings,
    ShownSiteSettings,
)
from psd.charging.settings import ChargingSettings
from psd.charging.shown_settings import fuse_settings, plug_settings, site_settings
from psd.charging.site_reads import SiteReads
from psd.charging.site_store import SiteStore
from psd.charging.whose import asking_for
from psd.clock import Clock
from psd.domain.deed import Deed, Done
from psd.domain.question import Asked
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.errors import ConflictError, NotFoundError, WrongTypeError
from psd.foreign_texts import shown

ROOT = "/v3/charging"


Told = int | float | str | UnsetType
"""Amperes as a JSON number or decimal text."""


class RequestBody(msgspec.Struct, forbid_unknown_fields=True):
    """What a user asks of a plug: a state, or "enable", "disable", "again"; ``id`` to repeat it.

    A customer's own token need not say whose it is.
    """

    requested_state: int | str
    user_id: str = ""
    id: str = ""


class PlugBody(msgspec.Struct, forbid_unknown_fields=True):
    """PlugSettings; what is left out stays. ``site_id`` is needed until a site announces it."""

    name: str | UnsetType = UNSET
    current_limit: Told = UNSET
    fuze_id: str | UnsetType = UNSET
    site_id: str = ""


class FuseBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is set of a fuse, its limit in amperes; what is left out stays."""

    current_limit_a: Told = UNSET
    parent: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


class SiteBody(msgspec.Struct, forbid_unknown_fields=True):
    """SiteSettings, the limit of all its fuses together, and where it is; the rest stays.

    Coordinates are decimal degrees.
    """

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    current_limit: Told = UNSET
    address: str | UnsetType = UNSET
    city: str | UnsetType = UNSET
    postal_code: str | UnsetType = UNSET
    latitude: str | UnsetType = UNSET
    longitude: str | UnsetType = UNSET


class PlugDeeds:
    """Of all sites."""

    def __init__(
        self, store: SiteStore, reads: SiteReads, settings: ChargingSettings, clock: Clock
    ) -> None:
        self._store = store
        self._reads = reads
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

    async def plug(self, asked: Asked) -> PlugSettingsFields:
        """What is set of a plug, as a message has it; raises NotFoundError for one of no site."""
        name, body = asked.path["plug"], asked.query
        site = await self._store.site_of(name) or body.site_id
        if not site:
            raise NotFoundError(f"plug: no site has announced {shown(name)}, and none is named")
        if body.site_id not in ("", site):
            raise ConflictError(f"site_id: {shown(name)} is at {shown(site)}")
        return PlugSettingsFields(
            site, name, body.name, _amperes("current_limit", body.current_limit), body.fuze_id
        )

    async def fuse(self, asked: Asked) -> FuseSettingsFields:
        """What is set of a fuse, as a message has it."""
        body: FuseBody = asked.query
        site, id_ = asked.path["site"], asked.path["fuse"]
        return FuseSettingsFields(
            site, id_, body.name, _amperes("current_limit_a", body.current_limit_a), body.parent
        )

    async def site(self, asked: Asked) -> SiteSettingsFields:
        """What is set of a site, as a message has it."""
        body: SiteBody = asked.query
        told = msgspec.structs.asdict(body)
        told["current_limit"] = _amperes("current_limit", body.current_limit)
        return SiteSettingsFields(asked.path["site"], **told)

    async def plug_was_set(self, asked: Asked, accepted: Accepted, _outcome: Outcome) -> Done:
        """What is set of the plug now."""
        assert isinstance(accepted, SiteSetting)
        held = await self._reads.settings(accepted.site)
        return Done(plug_settings(held, accepted.site, asked.path["plug"]), is_new=False)

    async def fuse_was_set(self, asked: Asked, accepted: Accepted, _outcome: Outcome) -> Done:
        """What is set of the fuse now."""
        assert isinstance(accepted, SiteSetting)
        held = await self._reads.settings(accepted.site)
        return Done(fuse_settings(held, accepted.site, asked.path["fuse"]), is_new=False)

    async def site_was_set(self, _asked: Asked, accepted: Accepted, _outcome: Outcome) -> Done:
        """What is set of the site now."""
        assert isinstance(accepted, SiteSetting)
        held = await self._reads.settings(accepted.site)
        return Done(site_settings(held, accepted.site), is_new=False)

    def deeds(self) -> list[Deed]:
        """All that may be said."""
        return [self._request(), *self._settings()]

    def _request(self) -> Deed:
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

    def _settings(self) -> list[Deed]:
        return [self._of_plugs(), self._of_fuses(), self._of_sites()]

    def _of_plugs(self) -> Deed:
        return Deed(
            method="PUT",
            path=f"{ROOT}/plugs/{{plug}}",
            command="plug_settings",
            body=PlugBody,
            answer=ShownPlugSettings,
            fields=self.plug,
            told=self.plug_was_set,
            summary="Set something of a plug.",
            meaning="what is set of the plug now",
            sent='{"name":"left","current_limit":16,"fuze_id":"f1"}',
            example=(
                "/v3/charging/plugs/p1",
                '{"id":"p1","name":"left","current_limit":16.0,"site_id":"s1","fuze_id":"f1"}',
            ),
            refused=(404, 409),
        )

    def _of_fuses(self) -> Deed:
        return Deed(
            method="PUT",
            path=f"{ROOT}/sites/{{site}}/fuses/{{fuse}}",
            command="fuse_settings",
            body=FuseBody,
            answer=ShownFuseSettings,
            fields=self.fuse,
            told=self.fuse_was_set,
            summary="Set something of a fuse.",
            meaning="what is set of the fuse now",
            sent='{"current_limit_a":32,"parent":"main"}',
            example=(
                "/v3/charging/sites/s1/fuses/f1",
                '{"id":"f1","name":"","current_limit":32.0,"site_id":"s1","parent":"main"}',
            ),
        )

    def _of_sites(self) -> Deed:
        return Deed(
            method="PUT",
            path=f"{ROOT}/sites/{{site}}",
            command="site_settings",
            body=SiteBody,
            answer=ShownSiteSettings,
            fields=self.site,
            told=self.site_was_set,
            summary="Set something of a site.",
            meaning="what is set of the site now",
            sent='{"name":"Yard","current_limit":63}',
            example=(
                "/v3/charging/sites/s1",
                '{"id":"s1","name":"Yard","description":"","current_limit":63.0,...}',
            ),
        )


def _amperes(field: str, told: Told) -> Decimal | UnsetType:
    """A current exactly as it was written; raises WrongTypeError for what is no number."""
    if isinstance(told, UnsetType):
        return UNSET
    try:
        return Decimal(str(told))
    except InvalidOperation as exc:
        raise WrongTypeError(f"{field}: {shown(told)} is no number") from exc
