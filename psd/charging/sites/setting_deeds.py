"""What may be set over HTTP: of plugs, of fuses and of a site.

Each is a message as the queue has it (psd/charging/charging_messages.py), and goes the same way::

    PUT  /v3/charging/plugs/p1          {"name":"left","current_limit":16,"fuze_id":"f1"}
    PUT  /v3/charging/sites/s1/fuses/f1 {"current_limit_a":32,"parent":"main"}
    PUT  /v3/charging/sites/s1          {"name":"Yard","current_limit":63}

All of it is for operators, and answered by what is set then.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from psd.charging.charging_changes import SiteSetting
from psd.charging.charging_messages import (
    FuseSettingsFields,
    PlugSettingsFields,
    SiteSettingsFields,
)
from psd.charging.plugs.plug_answers import ShownFuseSettings, ShownPlugSettings, ShownSiteSettings
from psd.charging.sites.shown_settings import fuse_settings, plug_settings, site_settings
from psd.charging.sites.site_reads import SiteReads
from psd.charging.sites.site_store import SiteStore
from psd.charging.sites.site_view import SiteSettings
from psd.domain.deed import Deed, Done
from psd.domain.question import Asked
from psd.engine.events import Accepted
from psd.engine.outcomes import Outcome
from psd.errors import ConflictError, NotFoundError, WrongTypeError
from psd.foreign_texts import shown

ROOT = "/v3/charging"

Told = int | float | str | UnsetType
"""Amperes as a JSON number or decimal text."""

Shows = Callable[[SiteSettings, str, Asked], Any]
"""What is set at a site of what was asked for."""


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


class SettingDeeds:
    """Of all sites."""

    def __init__(self, store: SiteStore, reads: SiteReads) -> None:
        self._store = store
        self._reads = reads

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

    def deeds(self) -> list[Deed]:
        """All that may be set."""
        return [self._of_plugs(), self._of_fuses(), self._of_sites()]

    def _of_plugs(self) -> Deed:
        return self._deed(
            "plug",
            lambda held, site, asked: plug_settings(held, site, asked.path["plug"]),
            path=f"{ROOT}/plugs/{{plug}}",
            body=PlugBody,
            answer=ShownPlugSettings,
            fields=self.plug,
            sent='{"name":"left","current_limit":16,"fuze_id":"f1"}',
            example=(
                "/v3/charging/plugs/p1",
                '{"id":"p1","name":"left","current_limit":16.0,"site_id":"s1","fuze_id":"f1"}',
            ),
            refused=(404, 409),
        )

    def _of_fuses(self) -> Deed:
        return self._deed(
            "fuse",
            lambda held, site, asked: fuse_settings(held, site, asked.path["fuse"]),
            path=f"{ROOT}/sites/{{site}}/fuses/{{fuse}}",
            body=FuseBody,
            answer=ShownFuseSettings,
            fields=self.fuse,
            sent='{"current_limit_a":32,"parent":"main"}',
            example=(
                "/v3/charging/sites/s1/fuses/f1",
                '{"id":"f1","name":"","current_limit":32.0,"site_id":"s1","parent":"main"}',
            ),
        )

    def _of_sites(self) -> Deed:
        return self._deed(
            "site",
            lambda held, site, _asked: site_settings(held, site),
            path=f"{ROOT}/sites/{{site}}",
            body=SiteBody,
            answer=ShownSiteSettings,
            fields=self.site,
            sent='{"name":"Yard","current_limit":63}',
            example=(
                "/v3/charging/sites/s1",
                '{"id":"s1","name":"Yard","description":"","current_limit":63.0,...}',
            ),
        )

    def _deed(self, what: str, shows: Shows, **of_it: Any) -> Deed:
        """One that sets something of a thing of this kind, and shows it then."""

        async def was_set(asked: Asked, accepted: Accepted, _outcome: Outcome) -> Done:
            assert isinstance(accepted, SiteSetting)
            held = await self._reads.settings(accepted.site)
            return Done(shows(held, accepted.site, asked), is_new=False)

        return Deed(
            method="PUT",
            command=f"{what}_settings",
            told=was_set,
            summary=f"Set something of a {what}.",
            meaning=f"what is set of the {what} now",
            **of_it,
        )


def _amperes(field: str, told: Told) -> Decimal | UnsetType:
    """A current exactly as it was written; raises WrongTypeError for what is no number."""
    if isinstance(told, UnsetType):
        return UNSET
    try:
        return Decimal(str(told))
    except InvalidOperation as exc:
        raise WrongTypeError(f"{field}: {shown(told)} is no number") from exc
