"""What tells that a site, a plug or an account shows something else than a moment ago.

::

    versioned = await LiveVersions(services, desk, clock).plug(asked)
    versioned.commands     HGETALL plugs, HGET latest p1, ...     a trip with all others each 500 ms
    versioned.read(...)    -> "9f3c04aa1b2c3d4e"

It changes with each step, reading and setting, and each :data:`AGED_S`: a plug that has fallen
silent is missing, and one that has settled reserves less, without anybody having written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from psd.charging.charging_services import ChargingServices
from psd.charging.keys import (
    SITES_KEY,
    account_key,
    latest_key,
    ledger_key,
    open_key,
    plugs_key,
    site_settings_key,
    taken_key,
)
from psd.charging.payments.payment_desk import PaymentDesk
from psd.charging.whose import is_of
from psd.clock import Clock
from psd.domain.question import Asked, Versioned
from psd.errors import NotFoundError
from psd.foreign_texts import shown
from psd.store.lane import Command

AGED_S = 10
"""What only time changes is told so much later at most."""


class LiveVersions:
    """Of what can be watched; raises NotFoundError for what is not there."""

    def __init__(self, services: ChargingServices, desk: PaymentDesk, clock: Clock) -> None:
        self._services = services
        self._desk = desk
        self._clock = clock

    async def sites(self, _asked: Asked) -> Versioned:
        """Of all sites together."""
        sites = await self._services.store.sites()
        commands = [command for site in sites for command in _of_site(site)]
        return Versioned((("SMEMBERS", SITES_KEY), *commands), self._version)

    async def site(self, asked: Asked) -> Versioned:
        """Of a site and all its plugs."""
        site = asked.path["site"]
        if site not in await self._services.store.sites():
            raise NotFoundError(f"site: {shown(site)} has announced no plug")
        return Versioned(_of_site(site), self._version)

    async def plug(self, asked: Asked) -> Versioned:
        """Of a plug, and of those who wait before it."""
        plug = asked.path["plug"]
        site = await self._services.store.site_of(plug)
        if site is None:
            raise NotFoundError(f"plug: no site has announced {shown(plug)}")
        commands: tuple[Command, ...] = (
            ("HGETALL", plugs_key(site)),
            ("HGET", latest_key(site), plug),
            ("HGET", taken_key(site), plug),
            ("HGETALL", site_settings_key(site)),
        )
        return Versioned(commands, self._version)

    async def account(self, asked: Asked) -> Versioned:
        """Of an account, its ledger and its open sessions."""
        customer = asked.path["customer"]
        if not is_of(asked.identity, customer):
            raise NotFoundError(f"customer: {customer} has no account")
        await self._desk.account(customer)
        commands: tuple[Command, ...] = (
            ("HGETALL", account_key(customer)),
            ("HGETALL", open_key(customer)),
            ("XLEN", ledger_key(customer)),
        )
        return Versioned(commands, _mark)

    def _version(self, replies: Sequence[Any]) -> str:
        return _mark((replies, self._clock.now_s() // AGED_S))


def _of_site(site: str) -> tuple[Command, ...]:
    return (
        ("HGETALL", plugs_key(site)),
        ("HGETALL", latest_key(site)),
        ("HGETALL", site_settings_key(site)),
    )


def _mark(told: object) -> str:
    return hashlib.blake2b(repr(told).encode(), digest_size=8).hexdigest()
