"""What a server refuses becomes the class of psd/errors.py that it was on the server.

::

    404 {"code": "not_found", "detail": "board: there is none of the name 'may'", ...}
    -> NotFoundError("board: there is none of the name 'may'")
    410 {"code": "detail_expired", "detail": "... (exact down to: day)", ...}
    -> DetailExpiredError(..., resolution="day")
    500 {"code": "internal", ...}
    -> ClientError(..., status=500, code="internal")

A proxy's 502, 503 and 504 and a server without room (429) are ServerUnavailableError. Every error
has a note that names the request as the server's log does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from psd.client.retrying import STATUSES
from psd.errors import (
    ClientError,
    ConfigError,
    DetailExpiredError,
    PsdError,
    ServerUnavailableError,
    StoreError,
)

_EXACT_TO = re.compile(r" \(exact down to: (day|month|year)\)\Z")
_SHOWN_CHARACTERS = 200

_THE_SERVERS_OWN: frozenset[type[PsdError]] = frozenset(
    {PsdError, ClientError, ConfigError, StoreError, DetailExpiredError}
)
"""Codes that say what is wrong with the server and not with the question, or need more words."""


class Problem(msgspec.Struct):
    """A body of RFC 9457 as psd writes it."""

    status: int = 0
    code: str = ""
    detail: str = ""


def _kinds(kind: type[PsdError]) -> Iterator[type[PsdError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


KINDS: dict[str, type[PsdError]] = {
    kind.code: kind for kind in _kinds(PsdError) if kind not in _THE_SERVERS_OWN
}


def error_of(
    status: int, content_type: str, body: bytes, request_id: str = "", server: str = "the server"
) -> PsdError:
    """The error that an answer stands for; ``server`` is named where it says nothing of psd's."""
    problem = _problem(content_type, body)
    error = _error_of(status, problem, problem.detail or _shown(server, status, body))
    named = f", request {request_id}" if request_id else ""
    error.add_note(f"the server answered {status}{named}")
    return error


def _error_of(status: int, problem: Problem, detail: str) -> PsdError:
    if problem.code == DetailExpiredError.code:
        found = _EXACT_TO.search(detail)
        return DetailExpiredError(_EXACT_TO.sub("", detail), found[1] if found else "")
    if problem.code in KINDS:
        return KINDS[problem.code](detail)
    if status in STATUSES:
        return ServerUnavailableError(detail)
    return ClientError(detail, status=status, code=problem.code)


def _problem(content_type: str, body: bytes) -> Problem:
    if not content_type.startswith("application/problem+json"):
        return Problem()
    try:
        return msgspec.json.decode(body, type=Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Problem()


def _shown(server: str, status: int, body: bytes) -> str:
    text = body[:_SHOWN_CHARACTERS].decode(errors="replace").strip()
    return f"{server} answers {status}: {text}" if text else f"{server} answers {status}"
