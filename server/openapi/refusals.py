"""The answers of a document that follow from a route: its errors, in its words. Pure.

Which statuses there are is in server/errors.py, and in server/connections/refusals.py for what no
route answers. A route adds what is its own (``About.refused``)::

    refused_by(Route("GET", "/v3/sum", ..., scope="read", about=...)) -> [400, 401, 403, 414, ...]
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

import msgspec

from psd.domain.dialect import Dialect
from server.asking import parameters_of
from server.errors import PageStyle, Style
from server.openapi.about import JSON_TYPE, PROBLEM_TYPE, TEXT_TYPE
from server.openapi.schemas import Schema

if TYPE_CHECKING:
    from server.routing import Route

MEANINGS: dict[int, str] = {
    400: "what was sent cannot be read, or asks for what there is no answer to",
    401: "a token is needed, and this is none that is known",
    403: "the token may not do this; or, without tokens, a page of another site asks",
    404: "there is no such thing, or no such path",
    406: "read, and refused: a rule is broken",
    408: "the body did not come in time",
    409: "it stands against what is kept, or the same request is not answered yet",
    410: "the range needs buckets that have expired; the text says what is still exact",
    412: "it is not as the request took it to be",
    413: "the body is too large",
    414: "the request line is too long",
    415: "the body is packed or written in a way that is not read here",
    417: "something else than 100-continue is expected of the server",
    422: "more than is allowed at once",
    429: "too much waits for the store already; nothing of this was done, try again later",
    431: "the headers are too long",
    503: "a dependency does not answer; nothing was done, try again",
    504: "what became of the write is not known, or only a part is done; try again",
}

BEFORE_ROUTES = frozenset({400, 408, 414, 431})
"""Given by the connection itself, for whatever route: always as a problem."""

HEADERS: dict[int, Schema] = {
    401: {"WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}},
    403: {"WWW-Authenticate": {"$ref": "#/components/headers/WWW-Authenticate"}},
    415: {"Accept-Encoding": {"$ref": "#/components/headers/Accept-Encoding"}},
    429: {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
    503: {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
    504: {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
}


class ProblemBody(msgspec.Struct):
    """An error as RFC 9457 has it; `code` is stable, `detail` is for people."""

    type: Literal["about:blank"]
    title: str
    status: int
    code: str
    detail: str


class FieldsProblemBody(ProblemBody):
    """What is wrong with the fields of a body, by their names."""

    fields: dict[str, str]


class Failure(msgspec.Struct):
    """An error in the original's words."""

    error: str


CONTENT: dict[Style, tuple[str, type]] = {
    "problem": (PROBLEM_TYPE, ProblemBody),
    "fields": (PROBLEM_TYPE, ProblemBody),
    "json": (JSON_TYPE, Failure),
    "text": (TEXT_TYPE, str),
}
"""How each style of route tells its errors; a dialect brings its own."""


def refused_by(route: Route) -> list[int]:
    """The statuses of errors that a route may answer, in order."""
    about = route.about
    # An open server refuses pages of other sites with 403, whatever they ask.
    found = {*about.refused, 403, 431}
    if route.scope != "open":
        found |= {401, 429, 503}
    if route.scope == "write":
        found.add(504)
    if about.body:
        found |= {400, 408, 413, 415, 417}
    if parameters_of(route.path, about) is not None:
        found.add(400)
    if about.query or "{" in route.path:
        found |= {400, 414}
    if "{" in route.path:
        found.add(404)
    return sorted(found)


def reference(style: Style, status: int) -> str:
    """The name of a style's answer in the document's components."""
    return f"{style_name(style)}-{status}"


def meaning_of(style: Style, status: int) -> str:
    """What a status says on routes of a style."""
    if style == "fields" and status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return "read, and refused: `fields` says which rule each field breaks"
    return MEANINGS[status]


def style_name(style: Style) -> str:
    """A style as the document names it, in which no pages stand."""
    assert not isinstance(style, PageStyle)
    return style.name if isinstance(style, Dialect) else style


def refusal_content(style: Style, status: int) -> dict[str, type]:
    """The bodies that an error has."""
    content: dict[str, type] = {}
    if isinstance(style, Dialect):
        content[JSON_TYPE] = style.failure
    elif style == "fields" and status == HTTPStatus.UNPROCESSABLE_ENTITY:
        content[PROBLEM_TYPE] = FieldsProblemBody
    else:
        content = dict([CONTENT[style]])
    if status in BEFORE_ROUTES:
        content[PROBLEM_TYPE] = ProblemBody
    if status == HTTPStatus.NOT_FOUND:
        # A path that no route has is told in the original's text.
        content[TEXT_TYPE] = str
    return content
