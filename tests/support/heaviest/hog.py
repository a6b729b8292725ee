"""Who sends the heaviest requests: with a token to the API, and to pages with a cookie.

::

    hog = Hog(bearer(secret), f"psd_token={secret}")
    await hog.sign_in(client)                     # looks at a form, for the token of others
    EVERY["joi: POST /readings/store"]            # the heaviest of every route, of faces too
    method, each, headers = hog.asked("joi: POST /readings/store")
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from tests.support.clients.http import HttpClient
from tests.support.clients.pages import ACCEPT
from tests.support.heaviest.every_route import HEAVIEST
from tests.support.heaviest.face_requests import FACES, NO_PAGES
from tests.support.heaviest.page_requests import PAGES, with_token
from tests.support.heaviest.request import Request

EVERY: dict[str, Request] = {
    **HEAVIEST,
    **{f"{face}: {name}": each for face, asked in FACES.items() for name, each in asked.items()},
}
"""Every route, those of faces with the name of the face before them."""

A_FORM = "/swaps/transactions/new/1/"


class Hog:
    """One who may everything; ``shown`` goes to the API, ``cookie`` is a session of pages."""

    def __init__(self, shown: Mapping[str, str], cookie: str) -> None:
        self._shown = shown
        self._of_pages = {**shown, "Cookie": cookie, "Accept": ACCEPT}
        self._token = ""

    async def sign_in(self, client: HttpClient) -> None:
        """Look at a form, for the token that others are sent with."""
        page = await client.request("GET", A_FORM, headers=self._of_pages)
        self._token = page.text.partition('name="csrf_token" value="')[2].partition('"')[0]
        assert self._token, page.text

    def asked(self, name: str) -> tuple[str, Request, Mapping[str, str]]:
        """Method, request and headers of a route."""
        each, route = EVERY[name], name.rpartition(": ")[2]
        is_page = name in PAGES or (route != name and name not in NO_PAGES)
        body = with_token(each.content, self._token, each.content_type)
        headers = self._of_pages if is_page else self._shown
        return route.partition(" ")[0], replace(each, body=body), headers
