"""One route, as a resource module declares it and the application registers it.

A path is written with plain names, ``/v1/query/{uid}/{thing}``. Inner parts may be empty
(``/v1/query/1/steps//0/9`` asks for the empty atid), the last may not: both as in the
original.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
from aiohttp import web

from psd.access.identity import Scope
from server.errors import Style
from server.openapi.about import About

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_INNER_PART = re.compile(r"\{(\w+)\}(?=/)")


class Route(msgspec.Struct, frozen=True):
    """Method, path and handler, the style in which its errors are told, and who may ask.

    ``scope`` ``open`` asks nobody who they are. With ``whole`` the answer is about everybody, so
    that an identity that is restricted to some owners does not get it. A route that declares
    nothing is for admins. ``about`` is its part of the reference (server/openapi).
    """

    method: str
    path: str
    handler: Handler
    style: Style = "problem"
    scope: Scope | Literal["open"] = "admin"
    whole: bool = False
    about: About = About()

    @property
    def pattern(self) -> str:
        """The path as aiohttp's router wants it."""
        return _INNER_PART.sub(r"{\1:[^/]*}", self.path)
