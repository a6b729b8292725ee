"""Hooks and leads of domains as routes: other servers that tell, and people who are led away.

A domain knows no HTTP (psd/domain). What others say is refused here in the statuses that they
take for "send it again", and told in plain text::

    POST /hook  signed       -> 200, once it is kept
                forged       -> 400 Stripe-Signature: none of its v1 is by a secret of this server
                66 kB        -> 503
                gzip         -> 415: who signed it is known only once all of it was read
                store away   -> 503
    GET /topup/u1            -> 303, Location: https://checkout.stripe.com/...
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from psd.access.browsers import is_own_site
from psd.domain.hook import Hook, Lead, Led
from psd.errors import InputError
from server import answers
from server.access import IDENTITY
from server.bodies import BodyReader
from server.routing import Route


def hook_route(hook: Hook, bodies: BodyReader) -> Route:
    """The route of a hook."""

    async def handle(request: web.Request) -> web.Response:
        try:
            body = await bodies.strangers(request, hook.body_bytes_max)
        except web.HTTPRequestEntityTooLarge:
            told = f"body: more than {hook.body_bytes_max} bytes"
            return answers.text(told, HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            await hook.take(body, request.headers.get(hook.header, ""))
        except InputError as error:
            return answers.text(str(error), HTTPStatus.BAD_REQUEST)
        return answers.text("")

    return Route("POST", hook.path, handle, "text", "open")


def lead_route(lead: Lead) -> Route:
    """The route of a lead."""

    async def handle(request: web.Request) -> web.Response:
        is_foreign = not is_own_site(request.headers.get("Sec-Fetch-Site"))
        led = Led(request.match_info, request.query, request[IDENTITY], is_foreign)
        headers = {"Location": await lead.lead(led), "Cache-Control": "no-store"}
        return web.Response(status=HTTPStatus.SEE_OTHER, headers=headers)

    return Route("GET", lead.path, handle, "text", "open")
