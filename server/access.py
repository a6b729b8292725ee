"""The one place that decides who may have an answer.

The gate (server/middleware.py) asks :meth:`Access.admit` before a handler runs, with the route
that matched; what it returns lies in ``request[IDENTITY]``, where handlers find the owners that
they may speak of. Without tokens and JWKS everybody is :data:`ANYBODY`::

    no Authorization           -> 401, WWW-Authenticate: Bearer realm="psd"
    a token that is not known  -> 401, ... error="invalid_token"
    a reader on /v1/write      -> 403, ... error="insufficient_scope", scope="write"
    a reader of owner 1 on /v1/readcount/...   -> 403: counts are nobody's

and who is :data:`ANYBODY` comes from no page of another site (psd/access/browsers.py).

Tokens are never written anywhere: not into logs, errors or metrics.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging

from aiohttp import web
from multidict import istr

from psd.access.browsers import OwnNames
from psd.access.exposure import check_exposure, is_checked, is_loopback
from psd.access.identity import ANYBODY, Identity
from psd.access.jwts import JwtRules, jwt_rules, key_id, verified
from psd.access.known_tokens import KnownTokens
from psd.clock import Clock
from psd.config import AccessSettings, Settings
from psd.errors import (
    AccessError,
    ForbiddenError,
    UnauthorizedError,
    UnavailableError,
)
from psd.queries.sums import Sees, everybody
from psd.store.callers import Caller, enter_caller
from server.cors import Cors
from server.jwks import Keys
from server.routing import Route

log = logging.getLogger("server")

IDENTITY = web.RequestKey("identity", Identity)
"""Set by the gate before every handler; a handler that finds none fails, which is the safe way."""

HOST, ORIGIN, FETCH_SITE = istr("Host"), istr("Origin"), istr("Sec-Fetch-Site")
"""Asked for of each request: names that are not made comparable each time."""

VERIFIED_MAX = 4096
"""JWTs whose signature was checked and is not checked again: some 2 MB. A signature costs
50 to 150 us, as much as the rest of a request."""

JWT_DOTS = 2


def seen_by(request: web.Request) -> Sees:
    """Whom the one who asks may see; :func:`everybody` itself where that is all."""
    identity = request[IDENTITY]
    return everybody if identity.owners is None else identity.sees


class Access:
    """Checks requests against the tokens and keys of the settings."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        check_exposure(settings)
        self._clock = clock
        self._own_names = own_names(settings)
        self._cors = Cors(settings.server)
        self._checked = is_checked(settings.access)
        self._tokens = KnownTokens(settings.access)
        self._jwts = Jwts(settings.access, clock) if settings.access.jwks else None

    def check_page(self, request: web.Request, route: Route | None) -> None:
        """Refuse what a page of another site asks of an open server: raises ForeignPageError.

        A link to an open page, such as /docs, may stand anywhere: only who follows it sees it.
        """
        if self._checked:
            return
        headers = request.headers
        followed = (
            route is not None
            and route.scope == "open"
            and headers.get("Sec-Fetch-Mode") == "navigate"
            and headers.get("Sec-Fetch-Dest") == "document"
        )
        origin, site = headers.get(ORIGIN), headers.get(FETCH_SITE)
        if self._cors.names(origin):
            origin = site = None
        self._own_names.check(headers.get(HOST), origin, site, followed=followed)

    async def admit(self, request: web.Request, route: Route) -> Identity:
        """Who asks, when that one may have the route; raises AccessError or UnavailableError."""
        if route.rule is not None:
            return await route.rule(request)
        if not self._checked:
            return ANYBODY
        if route.scope == "open":
            return await self._known_or_nobody(request)
        identity = await self._identity(request)
        require(identity, route)
        return identity

    async def close(self, _app: web.Application) -> None:
        """Close the connection to the JWKS."""
        if self._jwts is not None:
            await self._jwts.keys.close()

    async def _known_or_nobody(self, request: web.Request) -> Identity:
        if "Authorization" not in request.headers:
            return NOBODY
        try:
            return await self._identity(request)
        except (AccessError, UnavailableError):
            return NOBODY

    async def _identity(self, request: web.Request) -> Identity:
        return await self.holder(bearer(request))

    def look_again(self) -> None:
        """The tokens of the file have changed just now."""
        self._tokens.look_again()

    @property
    def is_checked(self) -> bool:
        """Whether requests must say who asks."""
        return self._checked

    async def holder(self, token: str) -> Identity:
        """Whose token this is; raises UnauthorizedError, or KeysUnavailableError for a JWT."""
        if self._jwts is not None and token.count(".") == JWT_DOTS:
            return await self._jwts.identity(token)
        return self._tokens.table().identity(token, self._clock.now_s())


def require(identity: Identity, route: Route) -> None:
    """Raises an AccessError for one who may not have a route that asks who it is."""
    if identity is NOBODY:
        raise UnauthorizedError("sign in first", "")
    if route.scope != "open" and not identity.may(route.scope):
        raise ForbiddenError(
            f"this needs scope {route.scope}",
            f'error="insufficient_scope", scope="{route.scope}"',
        )
    if route.whole and identity.owners is not None:
        raise ForbiddenError("this is not about single owners: a token of all owners is needed")


def enter_as(identity: Identity) -> None:
    """From now on this context works for one who was admitted."""
    enter_caller(Caller(None if identity is ANYBODY else identity.keyed))


def own_names(settings: Settings) -> OwnNames:
    """The names of a server: those of loopback and of the settings.

    One that is open to other machines (``access.insecure``) has names that nobody has told, so
    that any will do until some are.
    """
    hosts = settings.access.hosts
    if not hosts and not is_loopback(settings.server.host):
        return OwnNames(None)
    return OwnNames([settings.server.host, *hosts])


NOBODY = Identity("nobody", frozenset(), frozenset())
"""Whoever asks an open route of a server that checks, without saying who that is."""


def bearer(request: web.Request) -> str:
    """The token of a request; refuses none, two, and another scheme."""
    values = request.headers.getall("Authorization", ())
    if not values:
        raise UnauthorizedError("Authorization: a token is needed: 'Bearer TOKEN'", "")
    scheme, _, token = values[0].partition(" ")
    token = token.strip()
    # Of two headers a proxy might have checked the other one.
    if len(values) > 1 or scheme.lower() != "bearer" or not token or not token.isascii():
        raise UnauthorizedError(
            "Authorization: expected once, as 'Bearer TOKEN'", 'error="invalid_request"'
        )
    return token


class Jwts:
    """JWTs against a key set, each signature checked once, and one in each turn of the loop.

    A signature that proves nothing costs more than all the rest of a 401, and anyone may send as
    many as he likes: 64 connections with made-up ones held each turn of the loop for 18 ms, and
    everybody else with it. Now they wait for each other, and those who are known for one.
    """

    def __init__(self, settings: AccessSettings, clock: Clock) -> None:
        self._rules: JwtRules = jwt_rules(settings)
        self._clock = clock
        self._verified: dict[bytes, Identity] = {}
        self._checking = asyncio.Lock()
        self.keys = Keys(settings.jwks, self._rules, settings.jwks_cache_s, self._verified.clear)

    async def identity(self, token: str) -> Identity:
        """Whom a JWT speaks of; raises UnauthorizedError or KeysUnavailableError."""
        mark = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._known(mark)
        if known is not None:
            self.keys.keep_fresh()
            return known
        kid = key_id(token, self._rules)
        await self.keys.key(kid)
        async with self._checking:
            # A client's first requests come together, and one of them was checked meanwhile.
            try:
                return self._known(mark) or self._checked(mark, token, kid)
            finally:
                await asyncio.sleep(0)

    def _known(self, mark: bytes) -> Identity | None:
        known = self._verified.get(mark)
        if known is not None and self._clock.now_s() < (known.expires_at_s or 0):
            return known
        return None

    def _checked(self, mark: bytes, token: str, kid: str | None) -> Identity:
        # By the keys of this moment: they may have changed while others were checked.
        identity = verified(token, self.keys.known(kid), self._rules)
        if len(self._verified) >= VERIFIED_MAX:
            self._verified.clear()
        self._verified[mark] = identity
        return identity
