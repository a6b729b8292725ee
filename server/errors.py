"""Which HTTP status an error has, and how each kind of route says it.

The table maps classes of psd/errors.py; the nearest class of an error's ancestry counts.
Routes speak in one of several styles: ``text`` and ``json`` are those of the original daemon (v1,
v2), ``problem`` is RFC 9457 and belongs to the routes that are ours, ``fields`` is the same where
one body is taken or refused as a whole (psd/domain/deed.py): what is wrong with a field of it is
422, by the field's name. A domain that answers in the place of somebody else's API has the words of
that (psd/domain/dialect.py)::

    answer_error(StoreUnavailableError("redis: timed out"), "json")
    -> 503, Retry-After: 1, {"error":"redis: timed out"}
    answer_error(OutOfBoundsError("wh: 201 must lie between 0 and 200"), "fields")
    -> 422, {...,"code":"out_of_bounds","fields":{"wh":"201 must lie between 0 and 200"}}
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Literal

import msgspec
from aiohttp import web

from psd.domain.dialect import Dialect
from psd.errors import (
    AccessError,
    BadQueryError,
    BusyError,
    ChangedError,
    ConflictError,
    DetailExpiredError,
    ForbiddenError,
    ForeignPageError,
    IdempotencyMismatchError,
    InputError,
    MalformedError,
    NotFoundError,
    OrderError,
    OutcomeUnknownError,
    PartlyQueuedError,
    PaymentError,
    PsdError,
    RequestInHandError,
    SignatureError,
    StoreUnavailableError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
    UnpricedError,
    UnsupportedCodingError,
    WrongTypeError,
)
from server import answers
from server.codings import ACCEPTED


class PageStyle(msgspec.Struct, frozen=True):
    """How a site of pages (server/pages) tells what went wrong: by a page, to a request.

    ``tell`` is handed the request, the status, the code and the message.
    """

    tell: Callable[[web.Request, int, str, str], web.Response]


Style = Literal["text", "json", "problem", "fields"] | Dialect | PageStyle

STATUSES: dict[type[PsdError], int] = {
    PsdError: 500,
    InputError: 406,
    MalformedError: 400,
    WrongTypeError: 400,
    BadQueryError: 400,
    TooLargeError: 422,
    UnsupportedCodingError: 415,
    SignatureError: 400,
    PaymentError: 402,
    NotFoundError: 404,
    OrderError: 409,
    ConflictError: 409,
    ChangedError: 412,
    UnpricedError: 409,
    RequestInHandError: 409,
    IdempotencyMismatchError: 422,
    DetailExpiredError: 410,
    UnavailableError: 503,
    OutcomeUnknownError: 504,
    PartlyQueuedError: 504,
    BusyError: 429,
    UnauthorizedError: 401,
    ForbiddenError: 403,
    ForeignPageError: 403,
}
"""406 is what the original answers to input that it can read and will not book."""

REALM = 'Bearer realm="psd"'
"""The only way in: a token or a JWT, as RFC 6750 has it."""

_REDIS_CODE = re.compile(r"redis: ([A-Z]{2,}): ")
"""What Redis says behind its code may name users, commands and scripts."""

OF_FIELDS = frozenset({400, 406, 422})
"""The statuses that input errors of fields have elsewhere."""

_FIELD = re.compile(r"([A-Za-z_][\w.\[\]-]*): (.*)", re.ASCII | re.DOTALL)
"""How the text of an error begins that is about one field."""

RETRY_AFTER_S = 1
"""A client that comes back after one second meets at most a handful of failed tries."""


def status_of(error: PsdError) -> int:
    """The status of the nearest class in the table."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def status_in(style: Style, error: PsdError) -> int:
    """The status of an error on a route of a style."""
    if isinstance(style, Dialect) and error.code in style.refusals:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return status_of(error)


def answer_error(error: PsdError, style: Style, request: web.Request | None = None) -> web.Response:
    """The whole answer for an error that a handler raised; a page needs the request."""
    status, told = status_in(style, error), told_of(error, status_of(error))
    if style == "fields" and status in OF_FIELDS and _is_of_fields(error):
        return refused_fields(error.code, told)
    response = answer(style, status, error.code, told, request)
    if style == "json" and isinstance(error, PartlyQueuedError):
        response = answers.partly_queued(told, error.queued, error.unknown, status)
    if isinstance(error, AccessError) and not isinstance(style, PageStyle):
        response.headers["WWW-Authenticate"] = ", ".join(filter(None, [REALM, error.challenge]))
    if isinstance(error, UnsupportedCodingError):
        response.headers["Accept-Encoding"] = ACCEPTED
    if isinstance(error, BusyError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    elif error.retryable or isinstance(error, RequestInHandError):
        response.headers["Retry-After"] = str(RETRY_AFTER_S)
    return response


def _is_of_fields(error: PsdError) -> bool:
    return isinstance(error, InputError) and not isinstance(error, MalformedError | BadQueryError)


def refused_fields(code: str, told: str) -> web.Response:
    """What is wrong with a body that can be read: the field it is, where it is one."""
    found = _FIELD.match(told)
    fields = {found[1]: found[2]} if found else {}
    phrase = HTTPStatus.UNPROCESSABLE_ENTITY.phrase
    return answers.problem(code, phrase, told, 422, fields=fields)


def told_of(error: PsdError, status: int) -> str:
    """What a client reads of an error: what is no fault of its own stands in the log alone."""
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"{error.code}: an unexpected error; it was logged"
    found = _REDIS_CODE.match(str(error)) if isinstance(error, StoreUnavailableError) else None
    if found:
        return f"redis: {found[1]}: it does not work now"
    if isinstance(error, DetailExpiredError):
        return f"{error} (exact down to: {error.resolution})"
    return str(error)


def answer(
    style: Style, status: int, code: str, message: str, request: web.Request | None = None
) -> web.Response:
    """An error in the words of its route; a page needs the request."""
    if isinstance(style, PageStyle):
        assert request is not None, "a page tells whoever asked"
        return style.tell(request, status, code, message)
    if style == "text":
        return answers.text(message, status)
    if style == "json":
        return answers.failure(message, status)
    if isinstance(style, Dialect):
        return answers.in_dialect(style, style.tell(code, message, status), status)
    return answers.problem(code, HTTPStatus(status).phrase, message, status)
