"""How the JOI system tells errors: FastAPI's ``detail``, but for what is wrong with a request.

::

    told("not_found", "No readings found", 404)   -> {"detail":"No readings found"}
    told("wrong_type", "limit: 'abc' is ...", 422)  -> {"message":"limit: 'abc' ...","data":null}
"""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from psd.domain.dialect import Dialect


class JoiFailure(msgspec.Struct):
    """An error."""

    detail: str


class JoiRefusal(msgspec.Struct):
    """What is wrong with a request."""

    message: str
    data: None = None


UNPROCESSABLE = HTTPStatus.UNPROCESSABLE_ENTITY

REFUSALS = frozenset({"wrong_type", "bad_query", "out_of_bounds", "too_large"})
"""Codes of what is wrong with a request."""


def told(_code: str, message: str, status: int) -> msgspec.Struct:
    """An error in the words of the original."""
    return JoiRefusal(message) if status == UNPROCESSABLE else JoiFailure(message)


JOI = Dialect(
    name="joi",
    failure=JoiFailure,
    tell=told,
    written_by="python",
    tells_missing=True,
    refusals=REFUSALS,
    as_starlette=True,
)
