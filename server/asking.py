"""What a URL asks, by the structs that the reference shows: one declaration reads and describes.

A route declares its parameters in ``About.query`` (server/openapi/about.py). The gate refuses what
none of them has, on every route of v3, before a handler runs; a handler reads one of them::

    GET /v3/boards/june/members?limit=2&format=csv      About(query=(MembersQuery, FormatQuery))
    asked(request, MembersQuery)   -> MembersQuery(limit=2)

    GET /v3/boards/june/members?limits=2
    -> 400 limits: unknown; known are limit, cursor, format; did you mean limit?

Bytes behind a ``%`` that are no UTF-8 are refused there as well (:func:`check_encoding`): no two
users become one. The original's routes and those of a dialect ignore what they do not know, as they
always did.
"""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
from aiohttp import web

from psd.errors import BadQueryError
from psd.foreign_texts import shown
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
    """Refuse a URL that is no text, or whose parameter is none of these; raises BadQueryError."""
    check_encoding(request)
    for name in request.query:
        if name not in known:
            raise BadQueryError(unknown_field(name, known))


def check_encoding(request: web.Request) -> None:
    """Refuse a URL that is no text, which would be read as another one; raises BadQueryError.

    >>> check_encoding(GET /v3/sum?thing=steps&uid=al%FF)
    BadQueryError: uid: 'al%FF' is no UTF-8 behind its %
    """
    url = request.rel_url
    if "%" not in url.raw_path and "%" not in url.raw_query_string:
        return
    for raw in (f"path={url.raw_path}", *url.raw_query_string.split("&")):
        name, _, value = raw.partition("=")
        try:
            unquote_to_bytes(raw).decode("utf-8")
        except UnicodeDecodeError as exc:
            raise BadQueryError(f"{name}: {shown(value)} is no UTF-8 behind its %") from exc


def asked(request: web.Request, kind: type[Q]) -> Q:
    """Those parameters of a URL that are fields of this struct; raises BadQueryError."""
    fields = kind.__struct_fields__
    return from_pairs([pair for pair in request.query.items() if pair[0] in fields], kind)
