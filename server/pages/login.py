"""The pages of signing in and out, which each site has below its root.

::

    GET  /auth/login               a form, bound to a cookie that ends with the browser
    POST /auth/login?next=/x/      302 /x/ and a session; a wrong pair 302 /auth/login with a flash
    GET  /auth/logout              302, and no session

A field that is blank is told on the form, and nobody is looked for. Where programs need tokens, a
person may sign in with one instead: the browser keeps it in a cookie that no script reads, and what
is seen is what the API answers it.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from psd.access.pages.sessions import FORM, new_token
from psd.errors import BusyError, MalformedError
from server.deadline import StoreDeadline
from server.pages.cookies import BEFORE, SESSION, TOKEN, values_of
from server.pages.desk import SIGNED_IN, Desk, SitePlace

FIELDS = ("username", "password")
REQUIRED = "This field is required."
WRONG = "Invalid username or password"
WRONG_TOKEN = "Unknown token"


class SigningIn:
    """Lets people in and out of one site; ``home`` is where they are led to."""

    def __init__(self, desk: Desk, home: str) -> None:
        self._desk = desk
        self._home = home

    async def show(self, request: web.Request, place: SitePlace) -> web.Response:
        """The form; who is signed in already is led on."""
        async with StoreDeadline():
            if SIGNED_IN in request:
                return await self._desk.moved(place, self._home)
            return await self._form(request, place, {}, ())

    async def take(self, request: web.Request, place: SitePlace) -> web.Response:
        """Sign in with what was typed."""
        form = await self._desk.bodies.strangers_form(request)
        async with StoreDeadline():
            if SIGNED_IN in request:
                return await self._desk.moved(place, self._home)
            token = await check_form(self._desk, values_of(request, BEFORE), form)
            if self._desk.access.is_checked and form.get("token", "").strip():
                return await self._sign_in_with(request, place, form["token"].strip(), token)
            blank = [name for name in FIELDS if not form.get(name, "").strip()]
            if blank:
                return await self._form(request, place, form, blank)
            return await self._sign_in(request, place, form, token)

    async def leave(self, request: web.Request, place: SitePlace) -> web.Response:
        """Sign out."""
        async with StoreDeadline():
            for token in values_of(request, SESSION):
                await self._desk.sessions.end(token)
            response = await self._desk.moved(place, self._home)
        for name in (SESSION, TOKEN):
            self._desk.jar.take(response, name, f"{place.root}/")
        return response

    async def _form(
        self, request: web.Request, place: SitePlace, form: dict[str, str], blank: Sequence[str]
    ) -> web.Response:
        known = values_of(request, BEFORE)
        token = known[0] if known else new_token()
        values = {
            "csrf_token": await self._desk.sessions.proof(token, FORM),
            "username": form.get("username", ""),
            "remember_me": "remember_me" in form,
            "errors": {name: REQUIRED if name in blank else "" for name in FIELDS},
        }
        response = await self._desk.page(request, place, "psd/login.html", values, token)
        if not known:
            self._desk.jar.give(response, BEFORE, token, f"{place.root}/")
        return response

    async def _sign_in(
        self, request: web.Request, place: SitePlace, form: dict[str, str], token: str
    ) -> web.Response:
        name = form["username"].strip()
        address = self._desk.address(request)
        try:
            user = await self._desk.sign_ins.user(name, form["password"], address)
        except BusyError:
            self._desk.outcomes.labels("limited").inc()
            raise
        self._desk.outcomes.labels("wrong" if user is None else "done").inc()
        if user is None:
            return await self._desk.moved(place, "/auth/login", WRONG, token)
        remembered = bool(form.get("remember_me"))
        session, lives_s = await self._desk.sessions.begin(name, user, remembered=remembered)
        wanted = request.query.get("next", "")
        response = await self._desk.moved(place, self._home, wanted=wanted)
        path = f"{place.root}/"
        self._desk.jar.give(response, SESSION, session.token, path, lives_s if remembered else None)
        self._desk.jar.take(response, BEFORE, path)
        return response

    async def _sign_in_with(
        self, request: web.Request, place: SitePlace, given: str, before: str
    ) -> web.Response:
        """By a token, which no one guesses: none is counted, and none is slowed down."""
        holder = await self._desk.holder(given)
        self._desk.outcomes.labels("wrong" if holder is None else "done").inc()
        if holder is None:
            return await self._desk.moved(place, "/auth/login", WRONG_TOKEN, before)
        wanted = request.query.get("next", "")
        response = await self._desk.moved(place, self._home, wanted=wanted)
        path = f"{place.root}/"
        self._desk.jar.give(response, TOKEN, given, path)
        self._desk.jar.take(response, BEFORE, path)
        return response


async def check_form(desk: Desk, tokens: list[str], form: dict[str, str]) -> str:
    """The token that a form is bound to; raises MalformedError for a form of nobody's session."""
    proof = form.get("csrf_token", "")
    for token in tokens:
        if await desk.sessions.is_proved(token, FORM, proof):
            return token
    raise MalformedError(
        "csrf_token: the form is not of this session; load its page again and send it from there"
    )
