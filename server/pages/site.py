"""A domain's pages as routes, below a root: ``/meters`` on the main port, nothing on its face.

A domain knows no HTTP (psd/domain/web_page.py). Here its pages are asked for by who is signed
in and may, a form is taken from its own session alone, and what the domain answers becomes HTML, a
redirect or a file::

    GET /meters/meter/7/     no session    -> 302 /meters/auth/login?next=%2Fmeters%2Fmeter%2F7%2F
                             a reader      -> 200, psd/meters/templates/meter.html
    POST /meters/...         no csrf_token -> 400, and nothing was asked
"""

from __future__ import annotations

import csv
import io
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http import HTTPStatus
from pathlib import Path

import msgspec
from aiohttp import web

from psd.access.identity import ANYBODY, Identity
from psd.access.pages.sessions import FORM, Session, new_token
from psd.domain.part import Part
from psd.domain.web_page import (
    Answer,
    Away,
    Content,
    Download,
    Moved,
    Said,
    SaidAll,
    Shown,
    Visit,
    WebPage,
)
from psd.errors import BadQueryError, ForbiddenError, InputError
from psd.foreign_texts import in_cells
from psd.queries.parsing import unknown_field
from server.access import IDENTITY, NOBODY, seen_by
from server.answers import not_found
from server.asking import check_encoding
from server.deadline import deadline_unless
from server.errors import PageStyle
from server.formats import accepts_pages
from server.forms import Upload
from server.pages.cookies import BEFORE, values_of
from server.pages.desk import HEADERS, SIGNED_IN, Desk, SitePlace
from server.pages.login import SigningIn, check_form
from server.pages.rendering import CONTENT_TYPES, ICON, STYLE, mark_of, scripts_of
from server.prefixes import prefix_of
from server.routing import Handler, Route

TITLES = {404: "File Not Found", 500: "An unexpected error has occurred"}

FOR_EVER = "public, max-age=31536000, immutable"
"""The link to the stylesheet changes when it does."""

A_DAY = "public, max-age=86400"

Areas = Sequence[tuple[str, str]]
"""What else there is on this port: texts and paths."""

At = Callable[[web.Request, SitePlace], Awaitable[web.Response]]


class Site:
    """The pages of one domain, below one root."""

    def __init__(
        self,
        desk: Desk,
        name: str,
        root: str,
        part: Part,
        *,
        is_open: bool = False,
        areas: Areas = (),
    ) -> None:
        self.style = PageStyle(self._tell)
        self._is_open = is_open
        self._areas = areas
        self._desk = desk
        self._name = name
        self._root = root
        self._pages = part.pages
        self._scripts = scripts_of(name)
        self._watchables = part.page_watchables
        self._links = tuple((page.link, page.path) for page in part.pages if page.link)
        self._signing = SigningIn(desk, part.home)

    def routes(self) -> list[Route]:
        """Every page, those of signing in, and the stylesheet."""
        signing = self._signing
        routes = [
            self._file("style.css", STYLE, "text/css; charset=utf-8", FOR_EVER),
            self._file("icon.svg", ICON, "image/svg+xml", A_DAY),
            *(
                self._file(script, content, CONTENT_TYPES[Path(script).suffix], FOR_EVER)
                for script, content in self._scripts.items()
            ),
            self._route("GET", "/auth/login", signing.show),
            self._route("POST", "/auth/login", signing.take),
            self._route("GET", "/auth/logout", signing.leave),
        ]
        for page in self._pages:
            numbers = not page.named
            routes.append(self._route("GET", page.path, self._shower(page), numbers=numbers))
            if page.takes_forms:
                routes.append(self._route("POST", page.path, self._taker(page), numbers=numbers))
        watching, rule = self._desk.watching, self._identify
        routes += [watching.route(each, self._name, self._root, rule) for each in self._watchables]
        return routes

    def _file(self, name: str, content: bytes, content_type: str, lives: str) -> Route:
        handler = _asset(content, content_type, lives)
        return Route("GET", f"{self._root}/static/{name}", handler, self.style, "open")

    def _route(self, method: str, path: str, at: At, *, numbers: bool = True) -> Route:
        async def handle(request: web.Request) -> web.StreamResponse:
            check_encoding(request)
            return await at(request, self._place(request))

        handler: Handler = handle
        # Whoever follows a link from another site may see a page: what it does, a form does.
        return Route(
            method,
            self._root + path,
            handler,
            self.style,
            "open",
            rule=self._identify,
            numbers=numbers,
        )

    async def _identify(self, request: web.Request) -> Identity:
        """Who asks; where no token is needed anybody may look."""
        found = await self._desk.identify(request)
        return ANYBODY if found is NOBODY and self._is_open else found

    def _place(self, request: web.Request) -> SitePlace:
        prefix = prefix_of(request)
        root = prefix + self._root
        areas = [(text, prefix + path) for text, path in self._areas]
        scripts = {
            name: f"{root}/static/{name}?{mark_of(content)}"
            for name, content in self._scripts.items()
        }
        return SitePlace(root, self._name, self._links, areas, scripts)

    def _shower(self, page: WebPage) -> At:
        async def show(request: web.Request, place: SitePlace) -> web.Response:
            accepts = accepts_pages(request.headers.get("Accept", "")) or "json" in request.query
            if page.for_browsers and not accepts:
                return not_found()
            session = request.get(SIGNED_IN)
            async with deadline_unless(page.is_patient):
                if session is None and not self._is_open:
                    return await self._desk.to_sign_in(request, place)
                visit = self._visit(request, place, page)
                answer = await page.show(visit)
                unknown = _unknown(visit.query, page)
                if unknown and isinstance(answer, Download | Content):
                    raise BadQueryError(unknown[0])
                if isinstance(answer, Shown):
                    values = {**answer.values, "unknown": unknown}
                    answer = msgspec.structs.replace(answer, values=values)
                needs_token = page.takes_forms and self._is_open
                return await self._answered(request, place, session, answer, needs_token)

        return show

    def _taker(self, page: WebPage) -> At:
        async def take(request: web.Request, place: SitePlace) -> web.Response:
            session = request.get(SIGNED_IN)
            if session is None and not self._is_open:
                return await self._desk.to_sign_in(request, place)
            sent = await self._sent(request, page)
            form = sent.fields
            async with deadline_unless(page.is_patient):
                if page.changes:
                    await check_form(self._desk, _tokens_of(request, session), form)
                answer = await page.show(self._visit(request, place, page, sent))
                if isinstance(answer, Said):
                    answer = await self._said(answer)
                elif isinstance(answer, SaidAll):
                    answer = await self._said_all(answer)
                return await self._answered(request, place, session, answer, self._is_open)

        return take

    async def _sent(self, request: web.Request, page: WebPage) -> Upload:
        bodies, most = self._desk.bodies, page.upload_bytes_max
        return await bodies.upload(request, most) if most else Upload(await bodies.form(request))

    async def _said(self, said: Said) -> Answer:
        """What is answered to a form, once it is kept and booked."""
        command = self._desk.commands[self._name, said.command]
        try:
            _, outcome = await self._desk.taker.take(command, said.fields)
        except InputError as error:
            return await said.refused(error)
        return await said.booked(outcome)

    async def _said_all(self, said: SaidAll) -> Answer:
        command = self._desk.commands[self._name, said.command]
        try:
            outcomes = await self._desk.taker.take_all(command, said.fields)
        except InputError as error:
            return await said.refused(error)
        return await said.told(outcomes)

    async def _answered(
        self,
        request: web.Request,
        place: SitePlace,
        session: Session | None,
        answer: Answer | Said | SaidAll,
        needs_token: bool,
    ) -> web.Response:
        token = next(iter(_tokens_of(request, session)), "")
        if isinstance(answer, Moved):
            return await self._desk.moved(place, answer.to, answer.flash, token, answer.wanted)
        if isinstance(answer, Away):
            return web.Response(
                status=HTTPStatus.SEE_OTHER, headers={**HEADERS, "Location": answer.url}
            )
        if isinstance(answer, Download):
            return _file(answer)
        if isinstance(answer, Content):
            return _content(answer)
        assert isinstance(answer, Shown), "only a form says something"
        fresh = new_token() if needs_token and not token else ""
        token = token or fresh
        proof = await self._desk.sessions.proof(token, FORM) if token else ""
        values = {**answer.values, "csrf_token": proof, "here": request.rel_url}
        template = f"{self._name}/{answer.template}"
        response = await self._desk.page(request, place, template, values, token)
        if fresh:
            # Where nobody signs in a form is bound to the browser that it was shown to.
            self._desk.jar.give(response, BEFORE, fresh, f"{place.root}/")
        return response

    def _visit(
        self, request: web.Request, place: SitePlace, page: WebPage, sent: Upload | None = None
    ) -> Visit:
        """What a domain is asked; raises ForbiddenError for one who may not."""
        identity = request[IDENTITY]
        if not identity.may(page.scope):
            raise ForbiddenError(f"{identity.name} may not do this: it needs scope {page.scope}")
        parts = dict(request.match_info)
        path = {} if page.named else {name: int(part) for name, part in parts.items()}
        form, files = (None, {}) if sent is None else (sent.fields, sent.files)
        sees, site_url = seen_by(request), self._desk.site_url(request, place)
        return Visit(path, _asked(request), form, identity, sees, parts, files, site_url)

    def _tell(self, request: web.Request, status: int, code: str, message: str) -> web.Response:
        """What went wrong, on a page."""
        title = TITLES.get(status, HTTPStatus(status).phrase)
        values = {"title": title, "message": message, "code": code}
        return self._desk.html(request, self._place(request), "psd/error.html", values, status)


def _asked(request: web.Request) -> dict[str, str]:
    """The parameters of an address; several values of one have commas between them."""
    return {name: ",".join(request.query.getall(name)) for name in request.query}


def _unknown(query: Iterable[str], page: WebPage) -> list[str]:
    """What is said of the parameters that a page does not know."""
    known = page.parameters
    return (
        [unknown_field(name, known) for name in query if name not in known]
        if known is not None
        else []
    )


def _tokens_of(request: web.Request, session: Session | None) -> list[str]:
    """What a form may be bound to: the session, or what a browser without one was given."""
    return values_of(request, BEFORE) if session is None else [session.token]


def _file(download: Download) -> web.Response:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(download.columns)
    writer.writerows(map(in_cells, download.rows))
    return _content(Content(download.name, "text/csv; charset=utf-8", text.getvalue().encode()))


def _content(content: Content) -> web.Response:
    way = "inline" if content.is_shown else "attachment"
    headers = {
        "Content-Type": content.content_type,
        "Content-Disposition": f'{way}; filename="{content.name}"',
        **HEADERS,
    }
    return web.Response(body=content.body, headers=headers)


def _asset(content: bytes, content_type: str, lives: str) -> Handler:
    """Answers with a file of the site's own."""
    headers = {**HEADERS, "Cache-Control": lives, "Content-Type": content_type}

    async def asset(_request: web.Request) -> web.Response:
        return web.Response(body=content, headers=headers)

    return asset
