"""What a URL asks, by the structs that the reference shows: one declaration reads and describes.

A route declares its parameters in ``About.query`` (server/openapi/about.py). The gate refuses what
none of them has, on every route of v3, before a handler runs; a handler reads one of them::

    GET /v3/boards/june/members?limit=2&format=csv      About(query=(MembersQuery, FormatQuery))
    asked(request, MembersQuery)   -> MembersQuery(limit=2)

    GET /v3/boards/june/members?limits=2
    -> 400 limits: unknown; known are limit, cursor, format; did you mean limit?

The original's routes and those of a dialect ignore what they do not know, as they always did.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from aiohttp import web

from psd.errors import BadQueryError
from psd.queries.parsing import from_pairs, unknown_field
from server.openapi.about import About

Q = TypeVar("Q", bound=msgspec.Struct)

OWN_ROOT = "/v3/"
"""Where psd has nobody to be like."""


def parameters_of(path: str, about: About) -> tuple[str, ...] | None:
    """The parameters of a route; None where others are ignored."""
    if not path.startswith(OWN_ROOT):
        return None
    return tuple(name for kind in about.query for name in kind.__struct_encode_fields__)


def check_parameters(request: web.Request, known: tuple[str, ...]) -> None:
    """Refuse the first parameter of a URL that is none of these; raises BadQueryError."""
    for name in request.query:
        if name not in known:
            raise BadQueryError(unknown_field(name, known))


def asked(request: web.Request, kind: type[Q]) -> Q:
    """Those parameters of a URL that are fields of this struct; raises BadQueryError."""
    fields = kind.__struct_fields__
    return from_pairs([pair for pair in request.query.items() if pair[0] in fields], kind)
