"""The cookies of pages: which a browser has sent, and those that it is given.

A browser sends every cookie whose path is the beginning of what it asks for, from whichever port of
the machine it came: the face at ``/`` and the same pages at ``/meters/`` of the main port may each
have given one. So a name may stand several times, and each of them counts::

    Cookie: psd_session=9tQ...; psd_session=Wz1...     -> ["9tQ...", "Wz1..."]

A flash is a text for the next page. It is signed by the session or pre-session that it is for, so
that nobody else can put words there.
"""

from __future__ import annotations

import base64
import binascii

from aiohttp import web

SESSION = "psd_session"
TOKEN = "psd_token"
"""A token with which somebody signed in: it ends with the browser, and where it is taken back."""
BEFORE = "psd_before"
"""Before signing in: what the token of that form is bound to."""
FLASH = "psd_flash"

SAME_NAME_MAX = 4
FLASH_CHARACTERS_MAX = 200


def values_of(request: web.Request, name: str) -> list[str]:
    """Every value that came under this name, the one of the nearest path first."""
    found = []
    for header in request.headers.getall("Cookie", ()):
        for pair in header.split(";"):
            key, equals, value = pair.strip().partition("=")
            if equals and key == name:
                found.append(value.strip('"'))
    return found[:SAME_NAME_MAX]


class Jar:
    """Gives cookies of one site: to it alone, and to no script."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure

    def give(
        self, response: web.Response, name: str, value: str, path: str, lives_s: int | None = None
    ) -> None:
        """Set a cookie; without ``lives_s`` it ends with the browser."""
        response.set_cookie(
            name,
            value,
            path=path,
            max_age=lives_s,
            httponly=True,
            samesite="Lax",
            secure=self._secure or None,
        )

    def take(self, response: web.Response, name: str, path: str) -> None:
        """End a cookie."""
        response.del_cookie(name, path=path, httponly=True, samesite="Lax")


def flash_value(text: str, signature: str) -> str:
    """A text as a cookie holds it."""
    told = text[:FLASH_CHARACTERS_MAX].encode()
    return f"{base64.urlsafe_b64encode(told).decode().rstrip('=')}.{signature}"


def flash_of(value: str) -> tuple[str, str]:
    """The text and the signature in a cookie; both empty where it is none."""
    coded, _, signature = value.partition(".")
    try:
        text = base64.b64decode(coded + "=" * (-len(coded) % 4), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    return text, signature
