"""What the pages of charging watch, by paths from their root: each sees what is its to see.

::

    GET /charging/watch                     event: sites      the page of all sites
    GET /charging/sites/s1/watch            event: site
    GET /charging/plugs/shelly:A0:0/watch   event: plug
    GET /charging/accounts/u1/watch         event: account
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec.structs import replace

from psd.charging.accounts.account_answers import ShownAccount
from psd.charging.accounts.account_questions import AccountQuestions
from psd.charging.live_versions import LiveVersions
from psd.charging.plugs.plug_answers import PlugStatus, ShownSite, ShownSites
from psd.charging.plugs.plug_questions import PlugQuestions
from psd.charging.plugs.plug_visibility import seen_by
from psd.charging.sites.site_questions import SiteQuestions
from psd.domain.question import Asked, Endpoint, Versioned, Watchable


class PageWatching:
    """Answers for one who is signed in."""

    def __init__(
        self,
        plugs: PlugQuestions,
        sites: SiteQuestions,
        accounts: AccountQuestions,
        versions: LiveVersions,
    ) -> None:
        self._plugs = plugs
        self._sites = sites
        self._accounts = accounts
        self._versions = versions

    def watchables(self) -> Sequence[Watchable]:
        """All of them."""
        versions = self._versions
        return (
            _watched("", "sites", ShownSites, self._sites.sites, versions.sites),
            _watched("/sites/{site}", "site", ShownSite, self.site, versions.site),
            _watched("/plugs/{plug}", "plug", PlugStatus, self.plug, versions.plug),
            _watched(
                "/accounts/{customer}",
                "account",
                ShownAccount,
                self._accounts.account,
                versions.account,
            ),
        )

    async def site(self, asked: Asked) -> ShownSite:
        """A site."""
        found = await self._sites.site(asked)
        return replace(found, plugs=[seen_by(each, asked.identity) for each in found.plugs])

    async def plug(self, asked: Asked) -> PlugStatus:
        """A plug."""
        return await self._plugs.plug(asked)


def _watched(
    path: str,
    event: str,
    answer: Any,
    ask: Callable[[Asked], Awaitable[Any]],
    versioned: Callable[[Asked], Awaitable[Versioned]],
) -> Watchable:
    endpoint = Endpoint(
        path=path,
        answer=answer,
        ask=ask,
        meaning=f"what the page of the {event} shows",
        example=(path or "/", "{...}"),
        refused=(404, 406),
    )
    return Watchable(endpoint=endpoint, event=event, versioned=versioned)
