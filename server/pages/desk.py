"""What all sites of pages share: who is signed in, templates, cookies, and how answers leave.

::

    desk = Desk(runtime, rules, bodies, watching, access)
    desk.page(place, "psd/login.html", {...})      HTML with the headers that every page has

A :class:`SitePlace` is where a request sees a site: behind which prefix and below which root.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec
from aiohttp import web

from psd.access.identity import ANYBODY, Identity
from psd.access.pages.page_users import PageUsers
from psd.access.pages.sessions import Session, Sessions
from psd.access.pages.sign_ins import SignIns
from psd.engine.event_rules import EventRules
from psd.errors import UnauthorizedError
from psd.runtime import Runtime
from server import answers
from server.access import IDENTITY, NOBODY, Access
from server.bodies import BodyReader
from server.deadline import StoreDeadline
from server.domain.deeds import Taker
from server.pages.cookies import FLASH, SESSION, TOKEN, Jar, flash_of, flash_value, values_of
from server.pages.rendering import CORE, STYLE_MARK, Templates
from server.prefixes import origin_of, prefix_of
from server.watching import Watching

SIGNED_IN = web.RequestKey("session", Session)
"""Set by the site's rule for one who is signed in."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

OPERATIONS, BOARDS = "/ops/", "/boards/"
"""Areas that are led to where one may be there: admins, and those who see everybody."""

_LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path of this server: browsers take two slashes, or a backslash, for the beginning of a host."""


class SitePlace(msgspec.Struct, frozen=True):
    """A site as a browser sees it: ``root`` goes before each of its paths.

    ``areas`` are the sites beside it, by their text and path, behind the same prefix.
    """

    root: str
    title: str
    links: Sequence[tuple[str, str]] = ()
    areas: Sequence[tuple[str, str]] = ()
    scripts: Mapping[str, str] = {}


class Desk:
    """Answers for all sites of one server."""

    def __init__(
        self,
        runtime: Runtime,
        rules: EventRules,
        bodies: BodyReader,
        watching: Watching,
        access: Access,
    ) -> None:
        settings = runtime.settings.pages
        users = PageUsers(runtime.store)
        self.bodies = bodies
        self.watching = watching
        self.access = access
        self.taker = Taker(runtime, rules)
        self.commands = {
            (domain, command.name): command
            for domain, messages in runtime.messages.items()
            for command in messages.commands
        }
        self.sessions = Sessions(runtime.store, users, settings, runtime.clock)
        self.sign_ins = SignIns(runtime.store, users, runtime.clock)
        self.outcomes = runtime.metrics.page_sign_ins
        self.jar = Jar(secure=settings.secure)
        self._proxies = settings.proxies
        self._is_secure = settings.secure
        self._templates = Templates()

    async def identify(self, request: web.Request) -> Identity:
        """Who asks, by the cookie of a session, or by one that holds a token."""
        async with StoreDeadline():
            for token in values_of(request, SESSION):
                session = await self.sessions.find(token)
                if session is not None:
                    request[SIGNED_IN] = session
                    return session.identity
            for token in values_of(request, TOKEN) if self.access.is_checked else ():
                holder = await self.holder(token)
                if holder is not None:
                    request[SIGNED_IN] = Session(token, holder)
                    return holder
        return NOBODY

    async def holder(self, token: str) -> Identity | None:
        """Whose token this is; None for nobody's, of today."""
        try:
            return await self.access.holder(token)
        except UnauthorizedError:
            return None

    def address(self, request: web.Request) -> str:
        """Whose failures are counted together: the address in front of our own proxies."""
        hops = [
            hop.strip()
            for header in request.headers.getall("X-Forwarded-For", ())
            for hop in header.split(",")
        ]
        if 0 < self._proxies <= len(hops):
            return hops[-self._proxies]
        return request.remote or ""

    def site_url(self, request: web.Request, place: SitePlace) -> str:
        """The absolute address of a site, as the browser has it; empty where it named no host."""
        origin = origin_of(request, secure=self._is_secure)
        return origin and origin + place.root

    async def page(
        self,
        request: web.Request,
        place: SitePlace,
        template: str,
        values: Mapping[str, Any],
        token: str,
    ) -> web.Response:
        """A page for one whose session, or who before it, is known by a token; tells a flash."""
        flash = await self._flash(request, token)
        response = self.html(request, place, template, {**values, "flash": flash})
        if flash:
            self.jar.take(response, FLASH, f"{place.root}/")
        return response

    def html(
        self,
        request: web.Request,
        place: SitePlace,
        template: str,
        values: Mapping[str, Any],
        status: int = 200,
    ) -> web.Response:
        """A page, with the frame's own values."""
        session = request.get(SIGNED_IN)
        identity = request.get(IDENTITY)
        is_admin = identity is not None and identity.may("admin")
        sees_all = identity is None or identity.owners is None
        frame = {
            "root": place.root,
            "site": place.title,
            "links": place.links,
            "areas": [
                each
                for each in place.areas
                if (is_admin or not each[1].endswith(OPERATIONS))
                and (sees_all or not each[1].endswith(BOARDS))
            ],
            "area": area_of(place, request.path),
            "is_own": place.title == CORE,
            "scripts": place.scripts,
            "style": f"{place.root}/static/style.css?{STYLE_MARK}",
            "takes_tokens": self.access.is_checked,
            "is_open": identity is ANYBODY or (identity is None and not self.access.is_checked),
            "user": "" if session is None else session.identity.name,
            "flash": "",
            "unknown": (),
        }
        text = self._templates.html(template, {**frame, **values})
        headers = {"Content-Type": answers.HTML, **HEADERS}
        return web.Response(body=text.encode(), status=status, headers=headers)

    async def moved(
        self, place: SitePlace, to: str, flash: str = "", token: str = "", wanted: str = ""
    ) -> web.Response:
        """302 to a path of the site, or to what was wanted; the flash is for one with a token."""
        location = wanted if is_local(wanted) else place.root + to
        headers = {"Content-Type": answers.HTML, "Location": location, **HEADERS}
        response = web.Response(
            body=answers.moved_page(location, "Found"), status=302, headers=headers
        )
        if flash:
            signature = await self.sessions.proof(token, f"flash {flash}")
            self.jar.give(response, FLASH, flash_value(flash, signature), f"{place.root}/")
        return response

    async def to_sign_in(self, request: web.Request, place: SitePlace) -> web.Response:
        """302 to the form, which leads back to what was asked for."""
        wanted = prefix_of(request) + str(request.rel_url)
        return await self.moved(place, f"/auth/login?next={quote(wanted, safe='')}")

    async def _flash(self, request: web.Request, token: str) -> str:
        for value in values_of(request, FLASH):
            text, signature = flash_of(value)
            if text and await self.sessions.is_proved(token, f"flash {text}", signature):
                return text
        return ""


def area_of(place: SitePlace, path: str) -> str:
    """Which of the areas a page is in: of those below which it is, the longest."""
    prefix = place.areas[0][1].rstrip("/") if place.areas else ""
    asked = prefix + path
    found = [area for _, area in place.areas if asked == area or asked.startswith(area)]
    if asked == f"{prefix}/board":
        return f"{prefix}/boards/"
    return max(found, key=len, default="")


def is_local(path: str) -> bool:
    """Whether a path leads to this server, whoever wrote it."""
    return _LOCAL_PATH.fullmatch(path) is not None
